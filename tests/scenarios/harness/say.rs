//! Messages as the stories' hospital writes them. Only what a story is about is given; the rest is ordinary.

/// What tells of whom the stories of logs and traces call ZWICKYNAME^QUILLA: neither holds any of it.
pub const SECRETS: [&str; 8] =
    ["zwicky", "quilla", "9434765919", "943 476 5919", "01904", "local77", "1952-03-14", "19520314"];

/// A hospital's message about one of its patients.
#[derive(Clone)]
pub struct Adt {
    /// `A01` and so on.
    pub event: &'static str,
    /// MSH-10.
    pub control_id: String,
    /// EVN-2 and MSH-7: `20250301120000`.
    pub at: &'static str,
    /// The hospital's own number of the patient.
    pub local: &'static str,
    /// NHS number, and whether it was traced (PID-32 NSTS01).
    pub nhs: Option<(&'static str, bool)>,
    /// PID-5: `FAMILY^GIVEN`.
    pub name: &'static str,
    /// PID-7.
    pub born: &'static str,
    /// PID-13.
    pub telephone: &'static str,
    /// PV1-19 and ward; no PV1 without.
    pub visit: Option<(&'static str, &'static str)>,
    /// More segments, each ending in CR.
    pub more: String,
}

impl Adt {
    /// A message of this type about this patient.
    pub fn new(event: &'static str, local: &'static str, at: &'static str) -> Adt {
        Adt {
            event,
            control_id: format!("{event}-{local}-{at}"),
            at,
            local,
            nhs: None,
            name: "BAXTER^JOAN^^^MRS",
            born: "19520314",
            telephone: "",
            visit: None,
            more: String::new(),
        }
    }

    /// With the verified NHS number.
    pub fn traced(mut self, number: &'static str) -> Adt {
        self.nhs = Some((number, true));
        self
    }

    /// With a name.
    pub fn named(mut self, name: &'static str) -> Adt {
        self.name = name;
        self
    }

    /// With a date of birth.
    pub fn born(mut self, date: &'static str) -> Adt {
        self.born = date;
        self
    }

    /// With a telephone number.
    pub fn telephone(mut self, number: &'static str) -> Adt {
        self.telephone = number;
        self
    }

    /// In a visit, on a ward.
    pub fn visit(mut self, number: &'static str, ward: &'static str) -> Adt {
        self.visit = Some((number, ward));
        self
    }

    /// With another segment.
    pub fn and(mut self, segment: &str) -> Adt {
        self.more.push_str(segment);
        self.more.push('\r');
        self
    }

    /// The message's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut ids = format!("{}^^^RCB^MR", self.local);
        let mut status = "";
        if let Some((number, traced)) = self.nhs {
            ids.push_str(&format!("~{number}^^^NHS^NH"));
            status = if traced { "NSTS01" } else { "NSTS02" };
        }
        let mut text = format!(
            "MSH|^~\\&|PAS|RCB|ROUTE|ROUTE|{at}||ADT^{event}|{id}|P|2.4|||||GBR|UNICODE UTF-8|EN\r\
             EVN||{at}\r\
             PID|1||{ids}||{name}||{born}|2|||29 West Avenue^Malton^^North Yorkshire^YO32 5TT||{telephone}|||||||||||||||||||{status}\r",
            at = self.at,
            event = self.event,
            id = self.control_id,
            name = self.name,
            born = self.born,
            telephone = self.telephone,
        );
        if let Some((number, ward)) = self.visit {
            text.push_str(&format!(
                "PV1|1|I|RCB^{ward}^BED1^RCB55||||C3456789^Darwin^Samuel^^^Dr|||300|||||||||{number}"
            ));
            text.push_str(&format!("{}{at}\r", "|".repeat(25), at = self.at));
        }
        text.push_str(&self.more);
        text.into_bytes()
    }
}

/// A laboratory's result: one report with one value. `order` is the filler's number.
pub fn result(control_id: &str, at: &str, local: &str, order: &str, value: &str, status: char) -> Vec<u8> {
    format!(
        "MSH|^~\\&|LIMS|R0A|ROUTE|ROUTE|{at}||ORU^R01|{control_id}|P|2.4\r\
         PID|1||{local}^^^R0A^MR||BAXTER^JOAN^^^MRS||19520314|2\r\
         OBR|1|P{order}|{order}|CRE^Creatinine^LOCAL|||{at}|||||||||||||||{at}|||{status}\r\
         OBX|1|NM|CRE^Creatinine^LOCAL||{value}|umol/L|45-84|N|||{status}|||{at}\r"
    )
    .into_bytes()
}

/// So many minutes ago, as HL7 v2 writes it in London: others are told of what happened lately alone.
#[expect(clippy::disallowed_methods, reason = "the binary under test reads the real clock")]
pub fn ago(minutes: i64) -> &'static str {
    let at = jiff::Timestamp::now().checked_sub(jiff::SignedDuration::from_mins(minutes)).unwrap();
    let here = at.to_zoned(jiff::tz::TimeZone::get("Europe/London").unwrap());
    Box::leak(here.strftime("%Y%m%d%H%M%S").to_string().into_boxed_str())
}
