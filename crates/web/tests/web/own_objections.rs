//! A person says on their own page what is not to be shared.

use crate::governed::Governed;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_asks_for_an_objection_and_reads_what_the_officer_said() {
    let region = Governed::new().await;
    region.admit().await;
    let page = region.record("/objections");
    let (doctor, officer) = (region.pages.visitor("doctor").await, region.pages.visitor("officer").await);
    let ann = region.pages.visitor("ann").await;
    // It is hers alone; and nobody forges it.
    doctor.get(&page).await.expect(403);
    let form = ann.get(&page).await.expect(200);
    form.says("my whole record").says("sexual health").says("ryy of the region").says("The privacy officer decides");
    assert!(ann.get(&region.record("")).await.expect(200).body.contains(&page), "the menu leads there");
    let wish = [("category", ""), ("organisation", "XWA"), ("words", "My sister works there")];
    assert_ne!(ann.post(&page, &wish).await.status, 303, "a form of somebody else's");
    ann.fill(&form, &page, &[("category", "everything")]).await.expect(400).says("Choose from the lists");
    ann.fill(&form, &page, &[("organisation", "XXX")]).await.expect(400).says("Choose from the lists");
    ann.fill(&form, &page, &wish).await.expect(303);
    // It waits, once, and nothing changed.
    ann.fill(&form, &page, &wish).await.expect(400).says("asked for this already");
    let waits = ann.get(&page).await.expect(200);
    waits.says("No longer share everything, with rxx of the region alone").says("Not answered yet").says("My sister");
    doctor.get(&region.record("")).await.expect(200);
    // The officer reads it in words, must answer in words, and declines.
    let desk = officer.get("/privacy?kind=objections").await.expect(200);
    desk.says("Objections asked for").says("No longer share everything").says("My sister works there");
    let entry = desk.links("/privacy/entry/").remove(0);
    let answer = officer.get(&entry).await.expect(200);
    answer.says("Grant it?").says("the person reads it");
    officer.fill(&answer, &entry, &[("ended", "justified"), ("words", "Well")]).await.expect(400).says("how it ended");
    officer.fill(&answer, &entry, &[("ended", "granted"), ("words", " ")]).await.expect(400);
    doctor.get(&region.record("")).await.expect(200);
    officer.fill(&answer, &entry, &[("ended", "declined"), ("words", "She left in May")]).await.expect(303);
    doctor.get(&region.record("")).await.expect(200);
    ann.get(&page).await.expect(200).says("Not agreed").says("She left in May").says("Nothing.");
    // Asked for again, it is granted, and holds for that hospital at once.
    ann.fill(&waits, &page, &wish).await.expect(303);
    let entry = officer.get("/privacy?kind=objections").await.expect(200).links("/privacy/entry/").remove(0);
    let answer = officer.get(&entry).await;
    let granted = [("ended", "granted"), ("words", "It holds from today")];
    officer.fill(&answer, &entry, &granted).await.expect(303);
    officer.fill(&answer, &entry, &granted).await.expect(400).says("nothing here that waits");
    assert_eq!(doctor.get(&region.record("")).await.expect(303).to(), region.record("/why"));
    region.pages.visitor("gp").await.get(&region.record("")).await.expect(200);
    let told = ann.get(&page).await.expect(200);
    told.says("Agreed").says("It holds from today").says("Not shared:").says("Take this back");
    officer.get(&format!("/privacy/person/{}", region.person)).await.expect(200).says("In force");
    // And taken back, by the same way.
    let of = told.field("withdraw");
    ann.fill(&told, &page, &[("withdraw", "999999")]).await.expect(404);
    ann.fill(&told, &page, &[("withdraw", of.as_str())]).await.expect(303);
    ann.get(&page).await.says("You asked to take this back");
    let entry = officer.get("/privacy?kind=objections").await.says("Take an objection back").links("/privacy/entry/");
    let answer = officer.get(&entry[0]).await;
    officer.fill(&answer, &entry[0], &[("ended", "granted"), ("words", "Done")]).await.expect(303);
    doctor.get(&region.record("")).await.expect(200);
    ann.get(&page).await.expect(200).says("Nothing.");
    // What was asked for is in the trail, and the index of matters agrees with it.
    region.pages.engine.audit().read(|audit| audit.verify(&[])).expect("the trail is whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_policies_say_so_a_persons_own_objection_holds_at_once() {
    let settings = include_str!("../../../../policies/settings.toml");
    let settings = settings.replace("objection_by_person = \"asked\"", "objection_by_person = \"at_once\"");
    let policies = access::policy::PolicyFiles::builtin().with("settings.toml", &settings);
    let region = Governed::under(Some(policies)).await;
    region.admit().await;
    let page = region.record("/objections");
    let doctor = region.pages.visitor("doctor").await;
    let ann = region.pages.visitor("ann").await;
    let form = ann.get(&page).await.expect(200).says("It holds from the moment you send it").body.clone();
    assert!(form.contains("Stop sharing"));
    let form = ann.get(&page).await;
    doctor.get(&region.record("/letters")).await.expect(200).says("Clinic letter of January");
    ann.fill(&form, &page, &[("category", "DocumentReference")]).await.expect(303);
    doctor.get(&region.record("/letters")).await.expect(200).says_not("Clinic letter of January");
    doctor.get(&region.record("/problems")).await.expect(200).says("Asthma");
    let told = ann.get(&page).await.expect(200);
    told.says("letters and other documents, with everybody");
    ann.fill(&told, &page, &[("withdraw", told.field("withdraw").as_str())]).await.expect(303);
    doctor.get(&region.record("/letters")).await.expect(200).says("Clinic letter of January");
}
