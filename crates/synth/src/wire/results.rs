//! Results: the region's laboratory, Thornhaven's own, and the wards' observations.

use super::{Outgoing, base36, belief::Traced, hl7::Writer, hospital::Desk, minute_id};
use crate::{
    clinical::analytes::{An, Assay, Panel},
    dice::{Dice, round},
    life::{
        body,
        hospital::{Requester, Sample, Stay, illness_at},
    },
    people::Sex,
    sources::{self, id},
    when::{day_of, hl7_date, hl7_minute, hl7_second, plus_minutes},
};
use jiff::Timestamp;

/// A value with the flag it earns.
struct Read {
    text: String,
    flag: &'static str,
    range: String,
}

fn read(desk: &Desk<'_>, an: An, sample: &Sample, corrected: bool) -> Read {
    let row = an.row();
    let assay = row.assay(sample.laboratory);
    let mut dice = Dice::new(desk.world.seed, &[35, desk.person.index, seconds(sample.taken), an as u64]);
    let truth = desk.life.body.value(an, day_of(sample.taken), desk.life, sample.illness, sample.crp);
    let mut value = body::measured(an, truth, &mut dice);
    if an == An::Troponin && sample.illness > 0.5 && sample.crp < 60.0 {
        value = dice.between(120.0, 2_400.0);
    }
    if corrected && an == first_of(sample) {
        // The first analyte had been read from a clotted or haemolysed tube.
        value *= 0.88;
    }
    let (low, high) = row.limits(desk.person.female());
    let low = low.map(|l| assay.convert(l));
    let high = high.map(|h| assay.convert(h));
    let mut value = assay.convert(value);
    let mut text = fixed(value, assay.decimals);
    if an == An::Egfr && value > 90.0 {
        value = 90.0;
        text = ">90".to_owned();
    }
    let flag = match (low, high) {
        (Some(l), _) if value < l => "L",
        (_, Some(h)) if value > h => "H",
        _ => "",
    };
    Read { text, flag, range: range(low, high, assay, sample.laboratory) }
}

fn first_of(sample: &Sample) -> An {
    sample.panels.first().and_then(|p| p.analytes.get(1).or(p.analytes.first())).copied().unwrap_or(An::Potassium)
}

fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_second()).unwrap_or(0)
}

fn fixed(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}")
}

fn range(low: Option<f64>, high: Option<f64>, assay: &Assay, laboratory: u8) -> String {
    let d = assay.decimals;
    match (low, high, laboratory) {
        (Some(l), Some(h), 0) => format!("{l:.d$}-{h:.d$}"),
        (Some(l), Some(h), _) => format!("{l:.d$} - {h:.d$}"),
        (None, Some(h), _) => format!("<{h:.d$}"),
        (Some(l), None, _) => format!(">{l:.d$}"),
        _ => String::new(),
    }
}

/// A sample's results: one message from the region's laboratory with an OBR a panel; one message a panel from Thornhaven.
pub(crate) fn results(desk: &mut Desk<'_>, sent: Timestamp, sample: &Sample, corrected: bool, out: &mut Vec<Outgoing>) {
    if sample.laboratory == 0 {
        region(desk, sent, sample, corrected, out);
    } else {
        for panel in &sample.panels {
            if !corrected || panel.analytes.contains(&first_of(sample)) {
                thornhaven(desk, sent, sample, panel, corrected, out);
            }
        }
    }
}

fn accession(desk: &Desk<'_>, sample: &Sample) -> String {
    format!("{}{}", minute_id(sample.taken), base36(desk.person.index)).to_uppercase()
}

/// The region's laboratory: v2.5.1, its own codes, its own patient numbers, SPM, notes.
fn region(desk: &mut Desk<'_>, sent: Timestamp, sample: &Sample, corrected: bool, out: &mut Vec<Outgoing>) {
    desk.count += 1;
    let mut w = Writer::new(2_048);
    w.text(3, "WINPATH");
    w.text(4, "XWL");
    w.text(5, "SKEIN");
    w.text(6, "WEXMOOR");
    w.raw(7, &hl7_second(sent));
    w.parts(9, &["ORU", "R01", "ORU_R01"]);
    w.text(10, &format!("{}{}-{}", desk.stream, base36(desk.person.index), desk.count));
    w.text(11, "P");
    w.text(12, "2.5.1");
    w.text(18, "UNICODE UTF-8");
    let belief = desk.belief;
    w.segment("PID");
    w.text(1, "1");
    let mut ids = format!("{}^^^XWL^PI", belief.local);
    if let Some((digits, _)) = &belief.nhs {
        ids.push_str(&format!("~{digits}^^^NHS^NH"));
    }
    w.raw(3, &ids);
    w.parts(5, &[&belief.family, &belief.given, "", "", belief.title]);
    w.raw(7, &hl7_date(belief.birth));
    w.text(8, if belief.sex == Sex::Female { "F" } else { "M" });
    w.parts(11, &["", "", "", "", &belief.address.postcode]);
    if let Some((_, traced)) = &belief.nhs {
        w.text(32, if *traced == Traced::Verified { "NSTS01" } else { "NSTS02" });
    }
    let (place, code, who) = requester(desk, sample);
    w.segment("PV1");
    w.text(1, "1");
    w.text(
        2,
        match sample.requester {
            Requester::Practice => "U",
            Requester::Emergency(_) => "E",
            Requester::Ward(_) => "I",
            Requester::Clinic(_) => "O",
        },
    );
    w.parts(3, &[&place, "", "", &code]);
    let accession = accession(desk, sample);
    let placer = format!("R{accession}");
    for (n, panel) in (1..).zip(&sample.panels) {
        if corrected && !panel.analytes.contains(&first_of(sample)) {
            continue;
        }
        let (test, name) = panel.region;
        w.segment("ORC");
        w.text(1, "RE");
        w.parts(2, &[&placer, &code]);
        w.parts(3, &[&accession, "XWL"]);
        w.text(5, "CM");
        w.segment("OBR");
        w.text(1, &n.to_string());
        w.parts(2, &[&placer, &code]);
        w.parts(3, &[&accession, "XWL"]);
        w.parts(4, &[test, name, "XWL"]);
        w.raw(7, &hl7_second(sample.taken));
        w.raw(14, &hl7_second(plus_minutes(sample.taken, 35)));
        w.parts(16, &[&who.code, who.family, who.given, "", "", who.title]);
        w.raw(22, &hl7_second(sent));
        w.text(24, "LAB");
        w.text(25, if corrected { "C" } else { "F" });
        for (m, an) in (1..).zip(panel.analytes) {
            let row = an.row();
            let assay = row.assay(0);
            let value = read(desk, *an, sample, corrected);
            w.segment("OBX");
            w.text(1, &i32::to_string(&m));
            let text = value.text;
            match text.strip_prefix('>') {
                Some(limit) => {
                    w.text(2, "SN");
                    w.parts(3, &[assay.code, assay.name, "XWL"]);
                    w.parts(5, &[">", limit]);
                }
                None => {
                    w.text(2, "NM");
                    w.parts(3, &[assay.code, assay.name, "XWL"]);
                    w.text(5, &text);
                }
            }
            w.text(6, assay.unit);
            w.text(7, &value.range);
            w.text(8, value.flag);
            w.text(11, if corrected && *an == first_of(sample) { "C" } else { "F" });
            w.raw(14, &hl7_second(sample.taken));
            if *an == An::Egfr && value.flag == "L" {
                w.segment("NTE");
                w.text(1, "1");
                w.text(3, "eGFR below 60 for more than 3 months suggests chronic kidney disease. Not valid in acute illness or pregnancy.");
            }
        }
        if corrected {
            w.segment("NTE");
            w.text(1, "1");
            w.text(3, "CORRECTED REPORT. The earlier result should not be used.");
        }
        w.segment("SPM");
        w.text(1, "1");
        w.parts(2, &["", &accession]);
        w.parts(4, &[panel.specimen.0, panel.specimen.1]);
        w.raw(17, &hl7_second(sample.taken));
    }
    out.push(Outgoing {
        source: sources::at(id::LABORATORY).id,
        at: sent,
        format: super::Format::Hl7v2,
        bytes: w.into_bytes(super::hl7::Charset::Utf8),
    });
}

/// Thornhaven's laboratory: v2.3 in all but name, other codes and units, one panel a message, no ORC.
fn thornhaven(
    desk: &mut Desk<'_>,
    sent: Timestamp,
    sample: &Sample,
    panel: &Panel,
    corrected: bool,
    out: &mut Vec<Outgoing>,
) {
    let mut w = desk.begin("ORU", "R01", "", sent);
    desk.pid(&mut w, sent, false);
    let (test, name) = panel.thornhaven;
    let who = requester(desk, sample).2;
    if let Some(number) = visit_number(desk, sample) {
        w.segment("PV1");
        w.text(1, "1");
        w.text(2, number.get(..1).unwrap_or("O"));
        w.text(19, &number);
    }
    w.segment("OBR");
    w.text(1, "1");
    w.text(3, &format!("T{}", accession(desk, sample)));
    w.parts(4, &[test, name]);
    w.raw(7, &hl7_minute(sample.taken));
    w.parts(16, &[&who.code, who.family, who.given]);
    w.raw(22, &hl7_minute(sent));
    w.text(24, "LAB");
    w.text(25, if corrected { "C" } else { "F" });
    for (m, an) in (1..).zip(panel.analytes) {
        let assay = an.row().assay(1);
        let value = read(desk, *an, sample, corrected);
        w.segment("OBX");
        w.text(1, &i32::to_string(&m));
        w.text(2, if value.text.starts_with('>') { "ST" } else { "NM" });
        w.parts(3, &[assay.code, assay.name]);
        w.text(5, &value.text);
        w.raw(6, assay.unit);
        w.text(7, &value.range);
        w.text(8, value.flag);
        w.text(11, if corrected && *an == first_of(sample) { "C" } else { "F" });
    }
    desk.send(w, sent, out);
}

fn requester(desk: &Desk<'_>, sample: &Sample) -> (String, String, sources::Staff) {
    match &sample.requester {
        Requester::Practice => {
            let practice = sources::practice(desk.belief.practice);
            let gp = sources::staff(desk.world.seed, practice, 0, desk.person.index % 5);
            (sources::at(practice).name.to_owned(), sources::at(practice).ods.to_owned(), gp)
        }
        Requester::Emergency(attendance) => {
            let staff = sources::staff(desk.world.seed, attendance.hospital, 180, desk.person.index % 3);
            ("Emergency Department".to_owned(), sources::site(attendance.hospital).to_owned(), staff)
        }
        Requester::Ward(stay) => {
            let ward = stay
                .places
                .iter()
                .rfind(|p| p.from <= sample.taken)
                .or(stay.places.first())
                .map_or("Ward", |p| p.ward.name);
            (ward.to_owned(), sources::site(stay.hospital).to_owned(), stay.consultant.clone())
        }
        Requester::Clinic(clinic) => {
            ("Outpatients".to_owned(), sources::site(clinic.hospital).to_owned(), clinic.consultant.clone())
        }
    }
}

fn visit_number(desk: &Desk<'_>, sample: &Sample) -> Option<String> {
    match &sample.requester {
        Requester::Practice | Requester::Clinic(_) => None,
        Requester::Emergency(attendance) => Some(desk.number("E", attendance.arrived)),
        Requester::Ward(stay) => Some(desk.number("I", stay.admitted)),
    }
}

/// One round of vital signs with the NEWS2 score they add up to.
pub(crate) struct Vitals {
    pub respirations: i64,
    pub saturation: i64,
    pub oxygen: bool,
    pub systolic: i64,
    pub diastolic: i64,
    pub pulse: i64,
    pub alert: bool,
    pub temperature: f64,
}

impl Vitals {
    /// Vital signs of somebody this ill (0 well, 1 very).
    pub(crate) fn of(illness: f64, systolic: f64, diastolic: f64, lungs: bool, dice: &mut Dice) -> Vitals {
        let oxygen = illness > 0.35 && dice.chance(illness);
        let drop = if lungs { 3.0 } else { 0.0 };
        Vitals {
            respirations: round(dice.normal(16.0 + illness * 9.0, 1.4)).clamp(9, 40),
            saturation: round(dice.normal(97.2 - illness * 4.5 - drop, 0.9)).clamp(78, 100),
            oxygen,
            systolic: round(systolic - illness * 18.0 + dice.normal(0.0, 7.0)).clamp(72, 215),
            diastolic: round(diastolic - illness * 9.0 + dice.normal(0.0, 5.0)).clamp(38, 120),
            pulse: round(dice.normal(76.0 + illness * 34.0, 6.0)).clamp(42, 165),
            alert: !(illness > 0.7 && dice.chance(0.3)),
            temperature: dice.normal(36.7 + illness * 1.3, 0.25).clamp(35.0, 40.3),
        }
    }

    /// The National Early Warning Score 2 (Royal College of Physicians, 2017), scale 1 of oxygen saturation.
    pub(crate) fn score(&self) -> i64 {
        let respirations = match self.respirations {
            ..=8 => 3,
            9..=11 => 1,
            12..=20 => 0,
            21..=24 => 2,
            _ => 3,
        };
        let saturation = match self.saturation {
            ..=91 => 3,
            92..=93 => 2,
            94..=95 => 1,
            _ => 0,
        };
        let systolic = match self.systolic {
            ..=90 => 3,
            91..=100 => 2,
            101..=110 => 1,
            111..=219 => 0,
            _ => 3,
        };
        let pulse = match self.pulse {
            ..=40 => 3,
            41..=50 => 1,
            51..=90 => 0,
            91..=110 => 1,
            111..=130 => 2,
            _ => 3,
        };
        let temperature = match self.temperature {
            ..35.05 => 3,
            35.05..36.05 => 1,
            36.05..38.05 => 0,
            38.05..39.05 => 1,
            _ => 2,
        };
        respirations
            + saturation
            + if self.oxygen { 2 } else { 0 }
            + systolic
            + pulse
            + if self.alert { 0 } else { 3 }
            + temperature
    }
}

/// Observations on the ward. Vendor one sends coded values; vendor two a coded score and the rest as lines of text.
pub(crate) fn observations(desk: &mut Desk<'_>, when: Timestamp, stay: &Stay, out: &mut Vec<Outgoing>) {
    let mut dice = Dice::new(desk.world.seed, &[36, desk.person.index, seconds(when)]);
    let (systolic, diastolic) = desk.life.body.blood_pressure(day_of(when), desk.life);
    let lungs = desk.life.has(crate::clinical::illness::Ill::Copd, day_of(when));
    let vitals = Vitals::of(illness_at(stay, when), systolic, diastolic, lungs, &mut dice);
    let sent = plus_minutes(when, 3);
    let mut w = desk.begin("ORU", "R01", "ORU_R01", sent);
    desk.pid(&mut w, when, false);
    w.segment("PV1");
    w.text(1, "1");
    w.text(2, "I");
    let number = desk.number("I", stay.admitted);
    let one = desk.source == id::ALDERMERE;
    if one {
        w.parts(19, &[&number, "", "", "XWA", "VN"]);
    } else {
        w.text(19, &number);
    }
    let filler = format!("OB{}{}", minute_id(when), base36(desk.person.index)).to_uppercase();
    w.segment("OBR");
    w.text(1, "1");
    if one {
        w.parts(3, &[&filler, "XWA"]);
        w.parts(4, &["NEWS2", "Vital signs and NEWS2", "XWA"]);
    } else {
        w.text(3, &filler);
        w.parts(4, &["OBSCHART", "Observation Chart"]);
    }
    let time = desk.time(when);
    w.raw(7, &time);
    w.raw(22, &desk.time(sent));
    w.text(25, "F");
    let mut row = 0;
    let mut number = |w: &mut Writer, code: &str, name: &str, value: &str, unit: &str, range: &str| {
        row += 1;
        w.segment("OBX");
        w.text(1, &i32::to_string(&row));
        w.text(2, "NM");
        w.parts(3, &[code, name, if one { "XWA" } else { "" }]);
        w.text(5, value);
        w.text(6, unit);
        w.text(7, range);
        w.text(11, "F");
        w.raw(14, &time);
    };
    let score = vitals.score().to_string();
    if one {
        number(&mut w, "RR", "Respiratory rate", &vitals.respirations.to_string(), "/min", "12-20");
        number(&mut w, "SPO2", "Oxygen saturation", &vitals.saturation.to_string(), "%", "96-100");
        number(&mut w, "SBP", "Systolic blood pressure", &vitals.systolic.to_string(), "mm[Hg]", "111-219");
        number(&mut w, "DBP", "Diastolic blood pressure", &vitals.diastolic.to_string(), "mm[Hg]", "");
        number(&mut w, "HR", "Heart rate", &vitals.pulse.to_string(), "/min", "51-90");
        number(&mut w, "TEMP", "Body temperature", &format!("{:.1}", vitals.temperature), "Cel", "36.1-38.0");
        number(&mut w, "NEWS2", "NEWS2 total score", &score, "{score}", "0-4");
        w.segment("OBX");
        w.text(1, "8");
        w.text(2, "CE");
        w.parts(3, &["ACVPU", "Level of consciousness", "XWA"]);
        w.parts(5, if vitals.alert { &["A", "Alert", "XWA"] } else { &["C", "New confusion", "XWA"] });
        w.text(11, "F");
        w.raw(14, &time);
    } else {
        number(&mut w, "EWS", "NEWS2 Score", &score, "", "");
        let oxygen = if vitals.oxygen { "2 L/min oxygen" } else { "air" };
        for line in [
            format!("RR {}  SpO2 {}% on {oxygen}", vitals.respirations, vitals.saturation),
            format!("BP {}/{}  HR {}", vitals.systolic, vitals.diastolic, vitals.pulse),
            format!("Temp {:.1}  {}", vitals.temperature, if vitals.alert { "Alert" } else { "New confusion" }),
        ] {
            row += 1;
            w.segment("OBX");
            w.text(1, &row.to_string());
            w.text(2, "TX");
            w.parts(3, &["OBSTXT", "Observations"]);
            w.text(5, &line);
            w.text(11, "F");
        }
    }
    desk.send(w, sent, out);
}
