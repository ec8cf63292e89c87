//! ADT: admissions, moves, discharges, demographics, and the merging of identifiers (HL7 v2.5 chapter 3).

use crate::{
    change::{Change, Severity},
    fold::{statement::Scope, visit::Movement},
    hl7::{context::Context, draft::Draft, identity::Identity},
    time::When,
};
use fhir::{PatientKey, ResourceId, ResourceType};
use hl7v2::Segment;

/// What a trigger event is about.
enum Event {
    /// A visit: what happened to it.
    Visit(Option<Movement>),
    /// The person alone.
    Person,
    /// The person was entered in error or is to be forgotten by the source.
    DeletePerson,
    /// Two of the source's patients are one: MRG's lives on as PID's.
    Merge,
    /// PID's identifier was MRG's before.
    NewIdentifier,
    /// Two PIDs are the same person.
    Link,
    /// Two PIDs are not the same person after all.
    Unlink,
    /// MRG's visit belongs to PID's patient.
    MoveVisit,
    /// MRG's visit is PV1's visit.
    MergeVisit,
    /// Two patients changed beds.
    Swap,
    /// Only an account, which is not part of a care record.
    Account,
}

fn event(trigger: &str) -> Option<Event> {
    use Movement::*;
    Some(match trigger {
        "A01" | "A06" => Event::Visit(Some(Admit)),
        "A02" => Event::Visit(Some(Transfer)),
        "A03" => Event::Visit(Some(Discharge)),
        "A04" | "A07" => Event::Visit(Some(Register)),
        "A05" | "A14" => Event::Visit(Some(PreAdmit)),
        "A08" | "A09" | "A10" | "A15" | "A16" | "A25" | "A26" | "A32" | "A33" | "A54" | "A55" => Event::Visit(None),
        "A11" => Event::Visit(Some(CancelAdmit)),
        "A12" => Event::Visit(Some(CancelTransfer)),
        "A13" => Event::Visit(Some(CancelDischarge)),
        "A17" => Event::Swap,
        "A21" => Event::Visit(Some(Leave)),
        "A22" => Event::Visit(Some(Return)),
        "A23" => Event::Visit(Some(Void)),
        "A27" | "A38" => Event::Visit(Some(CancelPreAdmit)),
        "A52" => Event::Visit(Some(CancelLeave)),
        "A53" => Event::Visit(Some(CancelReturn)),
        "A24" => Event::Link,
        "A37" => Event::Unlink,
        "A28" | "A31" | "A60" => Event::Person,
        "A29" => Event::DeletePerson,
        "A18" | "A30" | "A34" | "A36" | "A39" | "A40" => Event::Merge,
        "A46" | "A47" => Event::NewIdentifier,
        "A43" | "A44" | "A45" => Event::MoveVisit,
        "A42" | "A50" => Event::MergeVisit,
        "A35" | "A41" | "A49" => Event::Account,
        _ => return None,
    })
}

/// Is this ADT trigger one we map?
pub(crate) fn is_known(trigger: &str) -> bool {
    event(trigger).is_some()
}

/// A message's lanes and changes.
#[derive(Default)]
pub(crate) struct Outcome {
    pub lanes: Vec<PatientKey>,
    pub changes: Vec<Change>,
}

impl Outcome {
    pub fn lane(&mut self, key: PatientKey) {
        if !self.lanes.contains(&key) {
            self.lanes.push(key);
        }
    }
}

impl<'m> Context<'m> {
    pub fn adt(&self, trigger: &str) -> Outcome {
        let mut out = Outcome::default();
        match event(trigger) {
            Some(Event::Visit(movement)) => self.visit_event(trigger, movement, &mut out),
            Some(Event::Person) => {
                if let Some((pid, identity)) = self.subject(&mut out) {
                    out.changes.push(self.patient(pid, &identity, Scope::Partial));
                    self.clinical(&identity, None, &mut out.changes);
                }
            }
            Some(Event::DeletePerson) => {
                if let Some((_, identity)) = self.subject(&mut out) {
                    let mut draft = Draft::new(ResourceType::Patient, Scope::Mark);
                    draft.set("active", false);
                    out.changes.push(self.stub(&identity));
                    out.changes.push(draft.done(ResourceId::of_patient(identity.key), self.time.get()));
                }
            }
            Some(Event::Merge) => self.merge(&mut out, false),
            Some(Event::NewIdentifier) => self.merge(&mut out, true),
            Some(Event::Link) => self.link(&mut out, true),
            Some(Event::Unlink) => self.link(&mut out, false),
            Some(Event::MoveVisit) => self.move_visit(&mut out),
            Some(Event::MergeVisit) => self.merge_visit(&mut out),
            Some(Event::Swap) => self.swap(&mut out),
            Some(Event::Account) => {
                if let Some((_, identity)) = self.subject(&mut out) {
                    let place = hl7v2::Location::segment("MRG");
                    self.find(
                        Severity::Note,
                        "account-not-mapped",
                        &place,
                        "an account changed: accounts are no part of a care record",
                    );
                    out.changes.push(self.stub(&identity));
                }
            }
            None => {}
        }
        out
    }

    /// The message's first PID and whom it names.
    pub fn subject(&self, out: &mut Outcome) -> Option<(Segment<'m>, Identity)> {
        let Some(pid) = self.segment("PID") else {
            let place = hl7v2::Location::segment("PID");
            self.find(
                Severity::Error,
                "patient-without-identifier",
                &place,
                "the message has no PID segment: nobody knows whom it is about",
            );
            return None;
        };
        let identity = self.identify(pid)?;
        out.lane(identity.key);
        Some((pid, identity))
    }

    /// What little is known of a patient that a merge or a deletion names.
    fn stub(&self, identity: &Identity) -> Change {
        let mut draft = Draft::new(ResourceType::Patient, Scope::Stub);
        draft.set("identifier", identity.identifiers.clone());
        draft.done(ResourceId::of_patient(identity.key), self.time.get())
    }

    fn visit_event(&self, trigger: &str, movement: Option<Movement>, out: &mut Outcome) {
        let Some((pid, identity)) = self.subject(out) else { return };
        out.changes.push(self.patient(pid, &identity, Scope::Partial));
        let mut encounter = None;
        if let Some(pv1) = self.segment("PV1") {
            let first = matches!(movement, Some(Movement::Admit | Movement::Register | Movement::PreAdmit));
            match self.visit_of(pv1, identity.key, first) {
                Some(visit) => {
                    let movement = if trigger == "A08" && self.profile.quirks.a08_moves && pv1.field(3).is_present() {
                        Some(Movement::Transfer)
                    } else {
                        movement
                    };
                    out.changes.push(self.encounter(
                        pv1,
                        self.segment("PV2"),
                        &visit,
                        movement,
                        self.happened(pv1, movement),
                    ));
                    encounter = Some(visit.id);
                }
                None if pv1.field(2).is_present() || movement.is_some() => self.no_visit(pv1),
                None => {}
            }
        } else if movement.is_some() {
            let place = hl7v2::Location::segment("PV1");
            self.find(
                Severity::Warning,
                "visit-without-identifier",
                &place,
                "the message tells of a visit but has no PV1",
            );
        }
        self.clinical(&identity, encounter, &mut out.changes);
    }

    /// When a movement happened: as PV1 says where it has a field for it, else EVN-6, EVN-2, MSH-7.
    fn happened(&self, pv1: Segment<'m>, movement: Option<Movement>) -> When {
        let own = match movement {
            Some(Movement::Admit | Movement::Register) => self.time(pv1.field(44)),
            Some(Movement::Discharge) => self.time(pv1.field(45)),
            _ => None,
        };
        own.unwrap_or_else(|| self.now())
    }

    /// EVN-6, else EVN-2, else MSH-7, else when we received it, as exact as stated.
    pub fn now(&self) -> When {
        let evn = self.message.segment("EVN");
        let stated = evn.and_then(|evn| self.time(evn.field(6)).or_else(|| self.time(evn.field(2))));
        let sent = || self.message.segment("MSH").and_then(|msh| self.time(msh.field(7)));
        stated.or_else(sent).unwrap_or_else(|| When::from_instant(self.received, &self.profile.time_zone.0))
    }

    /// A18, A30, A34, A40: each MRG's patient lives on as the patient of the PID before it. The PID of a merge only tells
    /// who survives: its demographics change nobody. A47 (`renamed`): the PID is the same patient under a new identifier.
    fn merge(&self, out: &mut Outcome, renamed: bool) {
        let time = self.time.get();
        let mut survivor: Option<Identity> = None;
        let mut merged = false;
        for segment in self.message.segments() {
            match segment.name() {
                "PID" => {
                    survivor = self.identify(segment);
                    if let Some(identity) = &survivor {
                        out.lane(identity.key);
                        out.changes.push(if renamed {
                            self.patient(segment, identity, Scope::Stub)
                        } else {
                            self.stub(identity)
                        });
                    }
                }
                "MRG" => {
                    let Some(survivor) = &survivor else { continue };
                    let Some(loser) = self.identify_merged(segment) else { continue };
                    merged = true;
                    if loser.key == survivor.key {
                        self.find(
                            Severity::Note,
                            "merge-with-itself",
                            &segment.field(1).location(),
                            "MRG names the patient of PID itself: nothing to merge",
                        );
                        continue;
                    }
                    out.lane(loser.key);
                    out.changes.push(self.stub(&loser));
                    out.changes.push(Change::Merge { survivor: survivor.key, loser: loser.key, time });
                }
                _ => {}
            }
        }
        if survivor.is_none() && self.message.segment("PID").is_none() {
            let place = hl7v2::Location::segment("PID");
            self.find(Severity::Error, "patient-without-identifier", &place, "a merge without PID: nobody survives it");
        } else if !merged && self.message.segment("MRG").is_none() {
            let place = hl7v2::Location::segment("MRG");
            self.find(
                Severity::Error,
                "merge-without-identifier",
                &place,
                "a merge without MRG: there is nothing to merge",
            );
        }
    }

    /// A24, A37: two PIDs, said to be one person, or not after all (HL7 v2.5 §3.3.24, §3.3.37). Unlike a merge, neither
    /// number ends: both patients stay in use.
    fn link(&self, out: &mut Outcome, link: bool) {
        let mut pids = self.message.all("PID");
        let (Some(first), Some(second)) = (pids.next(), pids.next()) else {
            let place = hl7v2::Location::segment("PID");
            return self.find(
                Severity::Error,
                "merge-without-identifier",
                &place,
                "two PID segments are needed to link or unlink",
            );
        };
        let (Some(survivor), Some(loser)) = (self.identify(first), self.identify(second)) else { return };
        out.lane(survivor.key);
        out.lane(loser.key);
        let time = self.time.get();
        let (survivor_key, loser_key) = (survivor.key, loser.key);
        for identity in [&survivor, &loser] {
            out.changes.push(self.stub(identity));
        }
        if survivor_key == loser_key {
            self.find(
                Severity::Note,
                "merge-with-itself",
                &second.field(3).location(),
                "both PID segments name one patient: nothing to link",
            );
        } else if link {
            out.changes.push(Change::SamePerson { patient: loser_key, with: survivor_key, time });
        } else {
            out.changes.push(Change::Unmerge { survivor: survivor_key, loser: loser_key, time });
        }
    }

    /// A44, A45: the visits that MRG names (MRG-5, else the account MRG-3) belong to PID's patient.
    fn move_visit(&self, out: &mut Outcome) {
        let Some((_, to)) = self.subject(out) else { return };
        out.changes.push(self.stub(&to));
        let time = self.time.get();
        let mut moved = false;
        for segment in self.message.segments().filter(|s| s.name() == "MRG") {
            let Some(from) = self.identify_merged(segment) else { continue };
            out.lane(from.key);
            out.changes.push(self.stub(&from));
            let field = if segment.field(5).is_present() { segment.field(5) } else { segment.field(3) };
            for rep in field.reps() {
                let value = rep.comp(1).text();
                if value.trim().is_empty() {
                    continue;
                }
                moved = true;
                let encounter = self.visit_named(rep, &value, from.key).id;
                if from.key != to.key {
                    out.changes.push(Change::MoveVisit { encounter, to: to.key, time });
                }
            }
        }
        if !moved && !self.findings.borrow().iter().any(|f| f.severity == Severity::Error) {
            let place = hl7v2::Location::field("MRG", 5);
            self.find(
                Severity::Error,
                "visit-without-identifier",
                &place,
                "MRG-5 (and MRG-3) name no visit: there is nothing to move",
            );
        }
    }

    /// A42, A50: the visit of MRG-5 is the visit of PV1-19.
    fn merge_visit(&self, out: &mut Outcome) {
        let Some((_, identity)) = self.subject(out) else { return };
        let Some(mrg) = self.segment("MRG") else {
            let place = hl7v2::Location::segment("MRG");
            return self.find(
                Severity::Error,
                "merge-without-identifier",
                &place,
                "a merge without MRG: there is nothing to merge",
            );
        };
        out.changes.push(self.stub(&identity));
        let from = if mrg.field(1).is_present() {
            self.identify_merged(mrg).map_or(identity.key, |f| f.key)
        } else {
            identity.key
        };
        let pv1 = self.segment("PV1");
        let kept = pv1.and_then(|pv1| self.visit_of(pv1, identity.key, false));
        let mut merged = false;
        for rep in mrg.field(5).reps() {
            let value = rep.comp(1).text();
            if value.trim().is_empty() {
                continue;
            }
            merged = true;
            let old = self.visit_named(rep, &value, from);
            if kept.as_ref().is_some_and(|k| k.id == old.id) {
                continue;
            }
            out.lane(from);
            out.changes.push(self.encounter_void(old.id, kept.as_ref().map(|k| k.id), self.now()));
        }
        if let (Some(pv1), Some(kept)) = (pv1, &kept) {
            out.changes.push(self.encounter(pv1, self.segment("PV2"), kept, None, self.now()));
        }
        if !merged {
            let place = hl7v2::Location::field("MRG", 5);
            self.find(
                Severity::Error,
                "visit-without-identifier",
                &place,
                "MRG-5 names no visit: there is nothing to merge",
            );
        }
    }

    /// A17: two PIDs, each with its PV1.
    fn swap(&self, out: &mut Outcome) {
        let mut identity: Option<Identity> = None;
        for segment in self.message.segments() {
            match segment.name() {
                "PID" => {
                    identity = self.identify(segment);
                    if let Some(identity) = &identity {
                        out.lane(identity.key);
                    }
                }
                "PV1" => {
                    let Some(identity) = identity.take() else { continue };
                    out.changes.push(self.stub(&identity));
                    match self.visit_of(segment, identity.key, false) {
                        Some(visit) => out.changes.push(self.encounter(
                            segment,
                            None,
                            &visit,
                            Some(Movement::Transfer),
                            self.now(),
                        )),
                        None => self.no_visit(segment),
                    }
                }
                _ => {}
            }
        }
    }
}
