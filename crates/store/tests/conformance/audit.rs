//! The audit trail: chained, whole, and its index is what its entries say.

use crate::home::{Home, at};
use fhir::PersonKey;
use store::audit::{Audit, AuditReader, Heads, MatterKind, NewAuditEntry, NewMatter};

crate::on_both!(
    entries_are_chained_and_found,
    what_belongs_together_stands_together_and_is_answered_with_its_last,
    what_is_opened_is_settled_once,
    a_changed_entry_is_found,
    policies_are_kept_once,
);

fn put(audit: &Audit, entry: NewAuditEntry) -> u64 {
    audit.append(entry).unwrap().blocking_recv().unwrap().unwrap()
}

fn opened(user: &str, second: i64) -> NewAuditEntry {
    NewAuditEntry {
        at: at(second),
        person: Some(PersonKey(u64::MAX - 5)),
        user: user.into(),
        body: r#"{"action":"claim","outcome":"permitted","reason":"direct-care"}"#.into(),
        opens: Some(NewMatter {
            kind: MatterKind::Claim,
            until: Some(at(second + 100)),
            about: "direct-care".into(),
            of: None,
        }),
        settles: None,
    }
}

fn entries_are_chained_and_found(home: &Home) {
    let folder = home.hold();
    let audit = Audit::open(&folder).unwrap();
    let first = audit.read(AuditReader::last).unwrap();
    let person = PersonKey(77);
    let waiting: Vec<_> = (0..50)
        .map(|n| {
            let user = if n % 2 == 0 { "dr\0zero" } else { "nurse" };
            let person = (n % 5 == 0).then_some(person);
            let body = format!("{{\"n\":{n}}}");
            audit.append(NewAuditEntry { at: at(n), person, user: user.into(), body, ..Default::default() }).unwrap()
        })
        .collect();
    for (n, answer) in waiting.into_iter().enumerate() {
        assert_eq!(answer.blocking_recv().unwrap().unwrap(), first + n as u64 + 1);
    }
    audit
        .read(|audit| {
            assert_eq!(audit.last()?, first + 50);
            let about = audit.about(person, 3)?;
            assert_eq!(about.iter().map(|entry| entry.n - first).collect::<Vec<_>>(), [46, 41, 36], "newest first");
            let by = audit.by_user("dr\0zero", at(40), 100)?;
            assert_eq!(by.iter().map(|entry| entry.n - first).collect::<Vec<_>>(), [49, 47, 45, 43, 41]);
            assert_eq!(audit.after(first + 48, 10)?.len(), 2);
            assert_eq!(audit.entry(first + 7)?.unwrap().body, "{\"n\":6}");
            assert_eq!(audit.entry(first + 51)?, None);
            Ok(())
        })
        .unwrap();
    audit.close();
    let heads = Heads::read(&folder).unwrap();
    assert!(!heads.heads.is_empty());
    let reader = AuditReader::open(&folder).unwrap();
    assert_eq!(reader.verify(&heads.heads).unwrap(), first + 50);
}

fn what_belongs_together_stands_together_and_is_answered_with_its_last(home: &Home) {
    let folder = home.hold();
    let audit = Audit::open(&folder).unwrap();
    let first = audit.read(AuditReader::last).unwrap();
    let entry = |group: u64, n: u64| NewAuditEntry {
        at: at(n.cast_signed()),
        person: Some(PersonKey(n)),
        user: format!("group-{group}"),
        body: format!("{{\"n\":{n}}}"),
        ..Default::default()
    };
    let files = r#"{"b.cedar":"forbid(principal, action, resource);"}"#;
    let version = &*store::audit::policy_version(&serde_json::from_str(files).unwrap());
    // From several threads at once, with what is no entry among them.
    let answers: Vec<(u64, u64)> = std::thread::scope(|scope| {
        let groups: Vec<_> = (1..=8u64)
            .map(|group| {
                let audit = audit.clone();
                scope.spawn(move || {
                    let entries = (0..group).map(|n| entry(group, n)).collect();
                    let written = audit.append_together(entries).unwrap();
                    let kept = audit.keep_policy(version, at(0), files.into()).unwrap();
                    kept.blocking_recv().unwrap().unwrap();
                    (group, written.blocking_recv().unwrap().unwrap())
                })
            })
            .collect();
        groups.into_iter().map(|group| group.join().unwrap()).collect()
    });
    let nothing = audit.append_together(Vec::new()).unwrap().blocking_recv().unwrap().unwrap();
    assert_eq!(nothing, first + 36, "no entry is no entry");
    audit
        .read(|audit| {
            assert_eq!(audit.last()?, first + 36);
            for (group, last) in &answers {
                let entries = audit.after(last - group, usize::try_from(*group).unwrap())?;
                for (n, entry) in entries.iter().enumerate() {
                    let said = (entry.user.as_str(), entry.body.as_str(), entry.person);
                    assert_eq!(
                        said,
                        (
                            format!("group-{group}").as_str(),
                            format!("{{\"n\":{n}}}").as_str(),
                            Some(PersonKey(n as u64))
                        )
                    );
                }
            }
            Ok(())
        })
        .unwrap();
    audit.close();
    let heads = Heads::read(&folder).unwrap();
    assert_eq!(AuditReader::open(&folder).unwrap().verify(&heads.heads).unwrap(), first + 36);
}

fn what_is_opened_is_settled_once(home: &Home) {
    let folder = home.hold();
    let audit = Audit::open(&folder).unwrap();
    let claim = put(&audit, opened("gp", 0));
    let settles = |outcome: &str| NewAuditEntry {
        at: at(5),
        user: "officer".into(),
        body: format!("{{\"ended\":\"{outcome}\",\"of\":{claim}}}"),
        settles: Some((claim, outcome.into())),
        ..Default::default()
    };
    let person = PersonKey(u64::MAX - 5);
    audit
        .read(|audit| {
            assert_eq!(audit.grants("gp", person, at(50))?.len(), 1);
            assert_eq!(audit.grants("gp", person, at(100))?.len(), 0, "it has run out");
            assert_eq!(audit.grants("somebody", person, at(50))?.len(), 0);
            assert_eq!(audit.count_by("gp", MatterKind::Claim, None, at(0))?, 1);
            assert_eq!(audit.count_by("gp", MatterKind::Claim, Some("another"), at(0))?, 0);
            assert_eq!(audit.waiting(MatterKind::Claim)?, 1);
            assert_eq!(audit.matters_about(person, MatterKind::Claim, 9)?.len(), 1);
            Ok(())
        })
        .unwrap();
    put(&audit, settles("revoked"));
    put(&audit, settles("kept"));
    audit
        .read(|audit| {
            let matter = audit.matter(claim)?.unwrap();
            assert_eq!(matter.outcome.as_deref(), Some("revoked"), "the first answer stands");
            assert_eq!(audit.grants("gp", person, at(50))?.len(), 0);
            assert_eq!(audit.matters(MatterKind::Claim, true, 9)?.len(), 1);
            assert_eq!(audit.matters(MatterKind::Claim, false, 9)?.len(), 0);
            audit.verify(&[])
        })
        .unwrap();
    audit.close();
}

fn a_changed_entry_is_found(home: &Home) {
    let folder = home.hold();
    let audit = Audit::open(&folder).unwrap();
    let n = put(&audit, opened("gp", 0));
    audit.close();
    let said = || AuditReader::open(&folder).unwrap().verify(&[]).unwrap_err().to_string();
    home.tamper("audit.db", &format!("UPDATE matter SET about = 'another' WHERE n = {n}"));
    assert!(said().contains(&format!("audit entry {n} opened")), "{}", said());
    home.tamper("audit.db", &format!("UPDATE matter SET about = 'direct-care' WHERE n = {n}"));
    home.tamper("audit.db", &format!("UPDATE entry SET body = replace(body, 'permitted', 'refused') WHERE n = {n}"));
    assert!(said().contains(&format!("audit entry {n} was changed")), "{}", said());
    home.tamper("audit.db", &format!("UPDATE entry SET body = replace(body, 'refused', 'permitted') WHERE n = {n}"));
    assert_eq!(AuditReader::open(&folder).unwrap().verify(&[]).unwrap(), n, "as it was");
}

fn policies_are_kept_once(home: &Home) {
    let folder = home.hold();
    let audit = Audit::open(&folder).unwrap();
    let files = r#"{"a.cedar":"permit(principal, action, resource);"}"#.to_owned();
    let version = store::audit::policy_version(&serde_json::from_str(&files).unwrap());
    for second in 0..2 {
        audit.keep_policy(&version, at(second), files.clone()).unwrap().blocking_recv().unwrap().unwrap();
    }
    assert_eq!(audit.read(|audit| audit.policy(&version)).unwrap(), Some(files));
    assert_eq!(audit.read(|audit| audit.policy("none")).unwrap(), None);
    audit.read(|audit| audit.verify(&[])).unwrap();
    audit.close();
}
