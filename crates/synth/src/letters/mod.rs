//! Letters about a person, as the hospitals write them: their words follow from the same life as everything else.

pub(crate) mod pdf;

use crate::{
    clinical::{analytes::An, drugs::Drug, illness::Ill},
    dice::{Dice, round},
    life::{
        Course, Life, World,
        clinic::{Clinic, Outcome},
        hospital::{Attendance, Reason, Stay},
    },
    people::Person,
    sources::{self, Staff},
    when::{at, day_of, days_between, iso_instant, long_date, minute_of, nhs_date, plus_days},
    wire::belief::Belief,
};
use jiff::{Timestamp, civil::Date};
use pdf::{Face, Sheet};
use std::sync::Arc;

/// A letter, by what it is about.
#[derive(Clone, Debug)]
pub(crate) enum Letter {
    Discharge(Arc<Stay>),
    Emergency(Arc<Attendance>),
    Clinic(Arc<Clinic>),
}

impl Letter {
    /// The hospital that writes.
    pub(crate) fn hospital(&self) -> u8 {
        match self {
            Letter::Discharge(stay) => stay.hospital,
            Letter::Emergency(attendance) => attendance.hospital,
            Letter::Clinic(clinic) => clinic.hospital,
        }
    }

    /// What kind of document it is.
    pub(crate) fn title(&self) -> &'static str {
        match self {
            Letter::Discharge(_) => "Discharge summary",
            Letter::Emergency(_) => "Emergency department attendance summary",
            Letter::Clinic(_) => "Outpatient clinic letter",
        }
    }

    /// Who signs.
    pub(crate) fn author(&self, world: &World) -> Staff {
        match self {
            Letter::Discharge(stay) => stay.consultant.clone(),
            Letter::Clinic(clinic) => clinic.consultant.clone(),
            Letter::Emergency(attendance) => sources::staff(
                world.seed,
                attendance.hospital,
                180,
                crate::when::day_of(attendance.arrived).day().unsigned_abs().into(),
            ),
        }
    }

    /// When what it is about took place.
    pub(crate) fn about(&self) -> Timestamp {
        match self {
            Letter::Discharge(stay) => stay.discharged,
            Letter::Emergency(attendance) => attendance.left,
            Letter::Clinic(clinic) => clinic.seen(),
        }
    }

    /// The visit it belongs to: its kind and when it began.
    pub(crate) fn visit(&self) -> (&'static str, Timestamp) {
        match self {
            Letter::Discharge(stay) => ("I", stay.admitted),
            Letter::Emergency(attendance) => ("E", attendance.arrived),
            Letter::Clinic(clinic) => ("O", clinic.seen()),
        }
    }
}

/// When a letter about a stay, an attendance or a clinic is sent, if one is.
pub(crate) fn sent(letter: &Letter, dice: &mut Dice) -> Option<Timestamp> {
    Some(match letter {
        Letter::Discharge(stay) => crate::when::plus_minutes(stay.discharged, dice.range(20, 1_500)),
        Letter::Emergency(attendance) if !attendance.admitted => {
            crate::when::plus_minutes(attendance.left, dice.range(10, 240))
        }
        Letter::Clinic(clinic)
            if matches!(clinic.outcome, Outcome::Attended | Outcome::Moved(_))
                && (clinic.first || dice.chance(0.75)) =>
        {
            at(plus_days(day_of(clinic.seen()), dice.range(1, 9)), 9 * 60 + dice.range(0, 470))
        }
        _ => return None,
    })
}

/// What the letter needs to know.
struct Pen<'a> {
    person: &'a Person,
    life: &'a Life,
    day: Date,
    dice: Dice,
}

/// The letter as a PDF.
pub(crate) fn write(
    world: &World,
    person: &Person,
    life: &Life,
    belief: &Belief,
    letter: &Letter,
    written: Timestamp,
) -> Vec<u8> {
    let hospital = letter.hospital();
    let organisation = sources::at(hospital).name;
    let (place, telephone) = if hospital == 0 {
        ("Abbey Road, Aldermere, Wexmoor WX1 4GH", "01632 960100")
    } else {
        ("Marine Road, Thornhaven, Wexmoor WX11 2RT", "01632 960200")
    };
    let number = belief.nhs.as_ref().map(|(digits, _)| spaced(digits)).unwrap_or_else(|| "not known".to_owned());
    let footer = format!("In confidence. {} {}, NHS number {number}", belief.given, belief.family);
    let mut sheet = Sheet::new(organisation, &format!("{place}   Telephone {telephone}"), &footer);
    sheet.title(letter.title());
    let seed = u64::try_from(written.as_second()).unwrap_or(0);
    let mut pen =
        Pen { person, life, day: day_of(letter.about()), dice: Dice::new(world.seed, &[60, person.index, seed]) };

    sheet.row("Patient", &format!("{} {} {}", belief.title, belief.given, belief.family.to_uppercase()));
    sheet.row("Born", &format!("{} ({} years)", nhs_date(belief.birth), person.age(pen.day)));
    sheet.row("NHS number", &number);
    sheet.row("Hospital number", &belief.local);
    if !person.restricted {
        let address = belief.old_address.as_ref().unwrap_or(&belief.address);
        sheet.row("Address", &format!("{}, {}, {}", address.lines().join(", "), address.town, address.postcode));
    }
    let practice = sources::practice(belief.practice);
    let gp = sources::staff(world.seed, practice, 0, person.index % 5);
    sheet.row("To", &format!("{}, {}", gp.name(), sources::at(practice).name));
    sheet.row("Date", &long_date(day_of(written)));
    sheet.gap(6.0);
    sheet.rule();

    match letter {
        Letter::Discharge(stay) => pen.discharge(&mut sheet, stay),
        Letter::Emergency(attendance) => pen.emergency(&mut sheet, attendance),
        Letter::Clinic(clinic) => pen.clinic(&mut sheet, clinic, &gp),
    }
    let author = letter.author(world);
    sheet.gap(10.0);
    sheet.line("Yours sincerely", Face::Regular);
    sheet.gap(8.0);
    sheet.line(&author.name(), Face::Bold);
    let post = match letter {
        Letter::Emergency(_) => "Emergency Medicine".to_owned(),
        Letter::Discharge(stay) => format!("Consultant, {}", sources::specialty_name(stay.reason.specialty())),
        Letter::Clinic(clinic) => format!("Consultant, {}", sources::specialty_name(clinic.specialty)),
    };
    sheet.line(&post, Face::Regular);
    sheet.line(
        &format!("Approved electronically {}", iso_instant(written).replace('T', " ").get(..16).unwrap_or("")),
        Face::Regular,
    );
    if pen.dice.chance(0.8) {
        sheet.gap(4.0);
        sheet.line(&format!("Copy to {}", person.full_name()), Face::Regular);
    }
    sheet.finish(letter.title())
}

fn spaced(digits: &str) -> String {
    format!("{} {} {}", digits.get(..3).unwrap_or(""), digits.get(3..6).unwrap_or(""), digits.get(6..).unwrap_or(""))
}

fn clock(when: Timestamp) -> String {
    let minute = minute_of(when);
    format!("{} at {:02}:{:02}", long_date(day_of(when)), minute / 60, minute % 60)
}

impl Pen<'_> {
    /// What the person has, as a sentence list.
    fn conditions(&self, sheet: &mut Sheet) {
        let mut any = false;
        for problem in self.life.problems.iter().filter(|p| p.onset <= self.day) {
            any = true;
            sheet.bullet(&format!("{} ({})", problem.ill.row().term.name, problem.onset.year()));
        }
        if !any {
            sheet.paragraph("No long-term conditions.");
        }
    }

    fn medicines(&self, sheet: &mut Sheet, extra: &[Drug]) {
        let current: Vec<&Course> = self.life.current(self.day).collect();
        for course in &current {
            let product = course.drug.product();
            sheet.bullet(&format!("{}: {}", product.name, product.dose));
        }
        for drug in extra.iter().filter(|d| !(current.iter().any(|c| c.drug == **d) || self.life.allergic_to(**d))) {
            let product = drug.product();
            sheet.bullet(&format!("NEW {}: {}", product.name, product.dose));
        }
        if current.is_empty() && extra.is_empty() {
            sheet.paragraph("None.");
        }
    }

    fn allergies(&self, sheet: &mut Sheet) {
        if self.life.allergies.is_empty() {
            sheet.paragraph("No known allergies.");
        }
        for allergy in &self.life.allergies {
            let reaction = allergy.allergen.reaction.map(|r| format!(" ({})", r.1.to_lowercase())).unwrap_or_default();
            sheet.bullet(&format!("{}{reaction}", allergy.allergen.term.name));
        }
    }

    /// A result in words, in the unit of the hospital's laboratory.
    fn result(&self, an: An, hospital: u8, illness: f64, crp: f64) -> String {
        let row = an.row();
        let assay = row.assay(hospital);
        let value = assay.convert(self.life.body.value(an, self.day, self.life, illness, crp));
        let decimals = assay.decimals;
        format!("{} {value:.decimals$} {}", row.region.name, assay.unit.replace("\\S\\", "^"))
    }

    fn discharge(&mut self, sheet: &mut Sheet, stay: &Stay) {
        let person = self.person;
        let nights = days_between(day_of(stay.admitted), day_of(stay.discharged));
        sheet.heading("Admission and discharge");
        let method = match stay.reason {
            Reason::Emergency(_) => "Emergency, through the emergency department",
            Reason::Planned(_) => "Planned",
            Reason::Birth => "Maternity",
        };
        sheet.row("Admitted", &format!("{} ({method})", clock(stay.admitted)));
        sheet.row("Discharged", &clock(stay.discharged));
        let wards: Vec<&str> = stay.places.iter().map(|p| p.ward.name).collect();
        sheet.row("Wards", &wards.join(", then "));
        let destination = if stay.died {
            "Died in hospital"
        } else if stay.to_care_home {
            "Care home"
        } else {
            "Usual place of residence"
        };
        sheet.row("Destination", destination);
        sheet.heading("Diagnosis");
        sheet.paragraph(&format!("{} (ICD-10 {})", stay.reason.term().name, stay.reason.term().icd));
        if let Reason::Planned(planned) = stay.reason {
            sheet.heading("Procedure");
            sheet.paragraph(&format!("{} ({})", planned.procedure.name, planned.opcs));
        }
        sheet.heading("Clinical summary");
        let age = person.age(self.day);
        match stay.reason {
            Reason::Emergency(acute) => {
                let conditions = self.life.long_term;
                let known =
                    if conditions > 2 { format!(" with {conditions} long-term conditions") } else { String::new() };
                sheet.paragraph(&format!(
                    "{} is {age}{known} and came with {}. {}",
                    person.full_name(),
                    acute.complaint.name.to_lowercase(),
                    acute.story
                ));
                sheet.paragraph(&format!(
                    "On arrival: {}, {}, {}.",
                    self.result(An::Crp, stay.hospital, acute.severity, acute.crp),
                    self.result(An::Creatinine, stay.hospital, acute.severity, acute.crp),
                    self.result(An::Haemoglobin, stay.hospital, acute.severity, acute.crp),
                ));
                if nights > 7 {
                    sheet.paragraph(&format!(
                        "{} stay was long because of the time needed to walk safely and to arrange support at home.",
                        capital(person.their())
                    ));
                }
                sheet.heading("Medicines on discharge");
                self.medicines(sheet, acute.home_with);
            }
            Reason::Planned(planned) => {
                sheet.paragraph(&format!(
                    "{} came for {} because of {}. There were no complications. {} was eating, drinking and walking before leaving.",
                    person.full_name(),
                    planned.procedure.name.to_lowercase(),
                    planned.reason.name.to_lowercase(),
                    person.they_capital(),
                ));
                sheet.heading("Medicines on discharge");
                self.medicines(sheet, &[Drug::Paracetamol]);
            }
            Reason::Birth => {
                sheet.paragraph(&format!("{} had a healthy baby. Mother and baby are well; feeding established. The community midwife will visit.", person.full_name()));
                sheet.heading("Medicines on discharge");
                self.medicines(sheet, &[Drug::Paracetamol]);
            }
        }
        sheet.heading("Past history");
        self.conditions(sheet);
        sheet.heading("Allergies");
        self.allergies(sheet);
        sheet.heading("Plan and requested actions");
        if stay.died {
            sheet.paragraph("The family was present and has been offered bereavement support. The medical examiner has been informed.");
            return;
        }
        let actions: &[&str] = match stay.reason {
            Reason::Emergency(a) if a.severity > 0.5 => &[
                "GP: please review within two weeks and repeat kidney function and full blood count.",
                "Hospital: clinic follow-up in six weeks; appointment will be sent.",
            ],
            Reason::Emergency(_) => {
                &["GP: please continue the medicines above and review in four weeks.", "No hospital follow-up."]
            }
            Reason::Planned(_) => &[
                "GP: no action needed unless the wound becomes red or painful.",
                "Hospital: follow-up where listed above.",
            ],
            Reason::Birth => &["GP: six-week check of mother and baby."],
        };
        for action in actions {
            sheet.bullet(action);
        }
        if person.lives_alone && age > 75 {
            sheet.bullet("Lives alone: district nurse and social care have been told of the discharge.");
        }
    }

    fn emergency(&mut self, sheet: &mut Sheet, attendance: &Attendance) {
        let person = self.person;
        let reason = attendance.reason;
        sheet.heading("Attendance");
        sheet.row(
            "Arrived",
            &format!("{}{}", clock(attendance.arrived), if attendance.ambulance { ", by ambulance" } else { "" }),
        );
        sheet.row("Left", &clock(attendance.left));
        sheet.row("Complaint", reason.complaint.name);
        sheet.row("Diagnosis", reason.term.name);
        sheet.heading("Summary");
        sheet.paragraph(&format!(
            "{} came with {}. {}",
            person.full_name(),
            reason.complaint.name.to_lowercase(),
            reason.story
        ));
        sheet.heading("Medicines given or prescribed");
        if reason.home_with.is_empty() {
            sheet.paragraph("None.");
        }
        for drug in reason.home_with {
            let drug = match self.life.allergic_to(*drug) {
                false => *drug,
                true if drug.penicillin() => Drug::Clarithromycin,
                true => continue,
            };
            sheet.bullet(&format!("{}: {}", drug.product().name, drug.product().dose));
        }
        sheet.heading("Allergies");
        self.allergies(sheet);
        sheet.heading("Advice");
        sheet.paragraph("Discharged home with written advice. To return, or to ring 111, if worse.");
    }

    fn clinic(&mut self, sheet: &mut Sheet, clinic: &Clinic, gp: &Staff) {
        let person = self.person;
        let life = self.life;
        sheet.line(
            &format!("Clinic: {}, {}", sources::specialty_name(clinic.specialty), clock(clinic.seen())),
            Face::Regular,
        );
        sheet.gap(6.0);
        sheet.line(&format!("Dear {} {}", gp.title, gp.family), Face::Regular);
        sheet.gap(4.0);
        sheet.heading("Diagnoses");
        sheet.bullet(clinic.reason.name);
        let others: Vec<&str> = life
            .problems
            .iter()
            .filter(|p| p.onset <= self.day && p.ill.row().term.name != clinic.reason.name)
            .map(|p| p.ill.row().term.name)
            .take(7)
            .collect();
        if !others.is_empty() {
            sheet.bullet(&format!("Also: {}", others.join("; ")));
        }
        sheet.heading("Medicines");
        self.medicines(sheet, &[]);
        sheet.heading("Letter");
        let age = person.age(self.day);
        let opening = if clinic.first {
            format!(
                "Thank you for referring this {age}-year-old {} with {}.",
                noun(person, age),
                clinic.reason.name.to_lowercase()
            )
        } else {
            format!("I reviewed this {age}-year-old {} with {}.", noun(person, age), clinic.reason.name.to_lowercase())
        };
        let feeling = *self.dice.pick(&[
            "has been well since the last contact",
            "feels much as before",
            "has been a little more tired than usual",
            "is coping well at home",
            "has had a difficult few weeks but is better now",
        ]);
        sheet.paragraph(&format!("{opening} {} {feeling}.", person.they_capital()));
        let (systolic, diastolic) = life.body.blood_pressure(self.day, life);
        sheet.paragraph(&format!(
            "Today the blood pressure was {}/{} and the weight {:.1} kg.",
            round(systolic),
            round(diastolic),
            life.body.weight_kg(self.day, life)
        ));
        self.specialty(sheet, clinic);
        sheet.heading("Plan");
        let again = self.dice.range(3, 12);
        sheet.bullet("GP: please continue the present treatment.");
        if life.has(Ill::Ckd3, self.day) {
            sheet.bullet("GP: please avoid anti-inflammatory tablets and check kidney function every three months.");
        }
        if self.dice.chance(0.7) {
            sheet.bullet(&format!(
                "Hospital: I will see {} again in {again} months.",
                if person.female() { "her" } else { "him" }
            ));
        } else {
            sheet.bullet("Hospital: discharged from this clinic; I shall gladly see the patient again if needed.");
        }
    }

    /// What the specialist adds.
    fn specialty(&mut self, sheet: &mut Sheet, clinic: &Clinic) {
        let life = self.life;
        let hospital = clinic.hospital;
        let text = match clinic.specialty {
            "361" => {
                let before = life.body.egfr(plus_days(self.day, -365));
                format!(
                    "Kidney function continues to change: {} against {:.0} a year ago. {}. We spoke about what kidney failure may bring and about diet.",
                    self.result(An::Egfr, hospital, 0.0, 0.0),
                    before,
                    self.result(An::Potassium, hospital, 0.0, 0.0)
                )
            }
            "302" => format!(
                "{} and {}. Feet were checked: pulses present, feeling normal. Eyes are screened each year.",
                self.result(An::Hba1c, hospital, 0.0, 0.0),
                self.result(An::Egfr, hospital, 0.0, 0.0)
            ),
            "320" => format!(
                "The heart sounds were normal and the ankles {}. {}. The echocardiogram will be repeated next year.",
                if life.has(Ill::HeartFailure, self.day) { "slightly swollen" } else { "not swollen" },
                self.result(An::Bnp, hospital, 0.0, 0.0)
            ),
            "340" => "Breathing tests are stable against last year. Inhaler technique was checked and is good. We spoke about pulmonary rehabilitation.".to_owned(),
            "410" => format!("Two joints were tender and none swollen. {}.", self.result(An::Crp, hospital, 0.0, 3.0)),
            "400" => "Walking and balance were examined and are unchanged. The dose need not be altered today.".to_owned(),
            "130" => "Vision was measured and the back of the eye examined; there is no new change that needs treatment.".to_owned(),
            "370" => "The scan shows no sign of return. We went through the side effects of treatment, which are tolerable.".to_owned(),
            "430" => "Memory, mood, balance and medicines were reviewed with the family, and an emergency plan was begun.".to_owned(),
            "303" => format!("{}. No transfusion was needed since the last visit.", self.result(An::Haemoglobin, hospital, 0.0, 0.0)),
            "110" => "X-rays show wear of the joint. Physiotherapy has helped; an operation is not wanted at present.".to_owned(),
            "420" => "Growth and development are as they should be.".to_owned(),
            _ => "Examination was reassuring. I have explained the findings and given written information.".to_owned(),
        };
        sheet.paragraph(&text);
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn noun(person: &Person, age: i64) -> &'static str {
    match (person.female(), age) {
        (true, ..=15) => "girl",
        (false, ..=15) => "boy",
        (true, _) => "woman",
        (false, _) => "man",
    }
}
