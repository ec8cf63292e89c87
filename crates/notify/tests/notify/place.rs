//! A region with a hospital and a practice, and what follows its change feed.

use intake::{Engine, EngineConfig, EntryKind, NewEntry, Receipt};
use jiff::Timestamp;
use notify::{Act, Decision, Event, Follower, Notice, Notices, Standing, Topic, View};

const HOSPITAL: &str = "source = \"rxx\"\nname = \"Northmoor Hospital\"\nkind = \"hospital\"\nods = \"RXX\"\n";
const PRACTICE: &str = "source = \"x81001\"\nname = \"Mill Lane Surgery\"\nkind = \"gp\"\nods = \"X81001\"\n";
const COMMUNITY: &str = "source = \"rxc\"\nname = \"Valley Community Trust\"\nkind = \"community\"\nods = \"RXC\"\n";

pub struct Place {
    pub engine: Engine,
    pub follower: Follower,
    pub notices: Notices,
    runtime: tokio::runtime::Runtime,
    home: tempfile::TempDir,
    pub now: Timestamp,
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl Place {
    pub fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let profiles = [HOSPITAL, PRACTICE, COMMUNITY].map(str::to_owned).to_vec();
        let now = at("2026-03-10T09:00:00Z");
        let config = EngineConfig { region: "test".into(), profiles };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let engine = Engine::start(home.path(), &config, now).unwrap();
        let journal = engine.clone();
        let (follower, notices) =
            Follower::open(home.path(), engine.derived().clone(), move || journal.journal_reader()).unwrap();
        Place { engine, follower, notices, runtime, home, now }
    }

    /// As if the process had been killed: what follows the change feed starts again from its file.
    pub fn follow_again(&mut self, forget: bool) {
        if forget {
            let empty = tempfile::tempdir().unwrap();
            let journal = self.engine.clone();
            let (follower, notices) =
                Follower::open(empty.path(), self.engine.derived().clone(), move || journal.journal_reader()).unwrap();
            (self.follower, self.notices) = (follower, notices);
            let _ = empty.keep();
        } else {
            let journal = self.engine.clone();
            let (follower, notices) =
                Follower::open(self.home.path(), self.engine.derived().clone(), move || journal.journal_reader())
                    .unwrap();
            (self.follower, self.notices) = (follower, notices);
        }
        self.follow();
    }

    pub fn follow(&mut self) {
        while self.follower.step().unwrap() || self.follower.reached() < self.engine.progress().applied {}
    }

    fn entry(&self, kind: EntryKind, source: &str, about: Option<String>, body: Vec<u8>) -> NewEntry {
        NewEntry {
            kind,
            source: source.into(),
            feed: "test".into(),
            received: self.now,
            ident: None,
            about,
            body,
            ack: None,
        }
    }

    pub fn put(&mut self, entry: NewEntry) -> u64 {
        let pos = self.runtime.block_on(async {
            let pos = match self.engine.submit(entry).await.unwrap() {
                Receipt::Stored { pos, .. } | Receipt::Repeat { pos, .. } => pos,
            };
            assert_eq!(self.engine.wait_applied(pos).await.unwrap(), intake::Applied::Done);
            pos
        });
        self.follow();
        pos
    }

    pub fn hl7(&mut self, source: &str, body: &str) -> u64 {
        let entry = self.entry(EntryKind::Hl7v2, source, None, body.as_bytes().to_vec());
        self.put(entry)
    }

    /// Put a message in the journal without waiting for it.
    pub fn hl7_later(&mut self, source: &str, body: &str) {
        let entry = self.entry(EntryKind::Hl7v2, source, None, body.as_bytes().to_vec());
        self.engine.journal().append_blocking(entry).unwrap();
    }

    /// Wait for everything and follow it.
    pub fn settle(&mut self) {
        self.applied();
        self.follow();
    }

    /// Wait for everything, and follow nothing.
    pub fn applied(&self) {
        let head = self.engine.progress().head;
        self.runtime.block_on(async { self.engine.wait_applied(head).await.unwrap() });
    }

    /// The file, as a disk that lets nothing be written to it; gives what makes it well again.
    pub fn unwritable(&self) -> impl FnOnce() + use<> {
        let file = rusqlite::Connection::open(self.home.path().join("notify.db")).unwrap();
        let ill = "CREATE TRIGGER ill BEFORE INSERT ON meta BEGIN SELECT RAISE(ABORT, 'cannot be written'); END";
        file.execute_batch(ill).unwrap();
        move || file.execute_batch("DROP TRIGGER ill").unwrap()
    }

    /// Put FHIR resources in one bundle.
    pub fn fhir(&mut self, source: &str, resources: &[serde_json::Value]) -> u64 {
        let entries: Vec<_> = resources
            .iter()
            .map(|resource| {
                let kind = resource["resourceType"].as_str().unwrap();
                let id = resource["id"].as_str().unwrap();
                serde_json::json!({"fullUrl": format!("https://gp.example/{kind}/{id}"), "resource": resource,
                    "request": {"method": "PUT", "url": format!("{kind}/{id}")}})
            })
            .collect();
        let bundle = serde_json::json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        let now = self.now;
        let taken = self.runtime.block_on(async {
            let request = intake::bundle::Request::default();
            self.engine.take_fhir(source, "test", &request, bundle.to_string().into_bytes(), now).await.unwrap()
        });
        assert!(!taken.refused, "{:?}", taken.mapped.set.findings);
        self.follow();
        taken.pos.unwrap()
    }

    pub fn decide(&mut self, act: Act) -> u64 {
        let decision = Decision { act, by: "nurse".into(), name: "A Nurse".into(), organisation: "RXC".into() };
        let entry = intake::telling_entry(decision.about(), self.now);
        self.put(entry)
    }

    pub fn team(&self, key: &str) -> notify::Team {
        self.notices.team(key).unwrap().unwrap_or_else(|| panic!("no team {key}"))
    }

    pub fn inbox(&self, team: &str) -> Vec<Notice> {
        self.notices.inbox(self.team(team).id, View::Waiting, self.now, 100).unwrap()
    }

    /// What a notice told, by topic, `-` before what takes something back.
    pub fn told(&self, notice: &Notice) -> Vec<String> {
        self.notices.told(notice.id).unwrap().iter().map(line).collect()
    }

    /// What stands in every story, in the order of topics.
    pub fn standing(&self) -> Vec<(Topic, String)> {
        let events = self.notices.events_after(0, 1000).unwrap();
        let mut standing: Vec<(Topic, String)> = events
            .iter()
            .filter(|event| event.standing == Standing::Holds)
            .map(|event| (event.topic, event.key.clone()))
            .collect();
        standing.sort();
        standing
    }
}

pub fn line(event: &Event) -> String {
    let sign = if event.corrects.is_some() { "-" } else { "" };
    format!("{sign}{}", event.topic.code())
}

/// An ADT message about one stay.
pub struct Adt<'a> {
    pub trigger: &'a str,
    pub id: &'a str,
    pub recorded: &'a str,
    pub happened: &'a str,
    pub ward: &'a str,
    pub prior: &'a str,
    pub expected: &'a str,
    pub ended: &'a str,
}

impl Default for Adt<'_> {
    fn default() -> Self {
        Adt { trigger: "A01", id: "1", recorded: "", happened: "", ward: "W12", prior: "", expected: "", ended: "" }
    }
}

impl Adt<'_> {
    pub fn of(&self, local: &str, nhs: &str) -> String {
        let Adt { trigger, id, recorded, happened, ward, prior, expected, ended } = self;
        let happened = if happened.is_empty() { recorded } else { happened };
        let mut visit = vec![String::new(); 46];
        visit[0] = "PV1".into();
        visit[1] = "1".into();
        visit[2] = "I".into();
        visit[3] = format!("{ward}^^1");
        visit[6] = if prior.is_empty() { String::new() } else { format!("{prior}^^1") };
        visit[7] = "C123^SMITH^A".into();
        visit[19] = format!("V{local}^^^RXX^VN");
        visit[45] = (*ended).into();
        let mut person = vec![String::new(); 33];
        person[0] = "PID".into();
        person[1] = "1".into();
        person[3] = format!("{local}^^^RXX^PI~{nhs}^^^NHS^NH");
        person[5] = "BAKER^MARGARET".into();
        person[7] = "19300714".into();
        person[8] = "F".into();
        person[32] = "NSTS01".into();
        format!(
            "MSH|^~\\&|PAS|RXX|SKEIN|REG|{recorded}||ADT^{trigger}|{id}|P|2.4\rEVN|{trigger}|{recorded}||||{happened}\r{}\r{}\rPV2|||||||||{expected}\r",
            person.join("|"),
            visit.join("|"),
        )
    }
}
