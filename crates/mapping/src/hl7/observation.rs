//! OBX to Observation: the value by its type, text and units as sent (v2-to-FHIR OBX[Observation]).

use crate::{
    change::Severity,
    fold::{
        clock::{TIER_FIRM, TIER_NEWS},
        statement::Scope,
    },
    hl7::{
        context::Context,
        draft::Draft,
        values::{coding, extension, non_empty, organisation},
    },
    json::{Json, Object, object},
    uk::ukcore,
    unit,
};
use fhir::ResourceType;
use hl7v2::{Field, Rep, Segment};
use std::borrow::Cow;

const INTERPRETATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";

/// v2-to-FHIR InterpretationCodes: the codes that are the same in HL7 v3, with their displays.
const INTERPRETATIONS: &[(&str, &str)] = &[
    ("<", "Off scale low"),
    (">", "Off scale high"),
    ("A", "Abnormal"),
    ("AA", "Critical abnormal"),
    ("B", "Better"),
    ("CAR", "Carrier"),
    ("D", "Significant change down"),
    ("DET", "Detected"),
    ("E", "Equivocal"),
    ("EX", "outside threshold"),
    ("EXP", "Expected"),
    ("H", "High"),
    ("HH", "Critical high"),
    ("HU", "Significantly high"),
    ("I", "Intermediate"),
    ("IE", "Insufficient evidence"),
    ("IND", "Indeterminate"),
    ("L", "Low"),
    ("LL", "Critical low"),
    ("LU", "Significantly low"),
    ("N", "Normal"),
    ("NCL", "No CLSI defined breakpoint"),
    ("ND", "Not detected"),
    ("NEG", "Negative"),
    ("NR", "Non-reactive"),
    ("NS", "Non-susceptible"),
    ("POS", "Positive"),
    ("R", "Resistant"),
    ("RR", "Reactive"),
    ("S", "Susceptible"),
    ("SDD", "Susceptible-dose dependent"),
    ("SYN-R", "Synergy - resistant"),
    ("SYN-S", "Synergy - susceptible"),
    ("U", "Significant change up"),
    ("UNE", "Unexpected"),
    ("W", "Worse"),
    ("WR", "Weakly reactive"),
];

const LABORATORY: &str = r#"[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory","display":"Laboratory"}]}]"#;
const IMAGING: &str = r#"[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"imaging","display":"Imaging"}]}]"#;

/// How sure a result is: its FHIR status, and how it ranks against others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub status: &'static str,
    pub tier: u8,
    pub rank: u8,
}

/// OBX-11 (HL7 table 0085; v2-to-FHIR ObservationResultStatusCodesInterpretation, gaps filled). `report` stands in.
pub(crate) fn standing(code: &str, report: Option<Standing>) -> Standing {
    let (status, tier, rank) = match code.trim().to_ascii_uppercase().as_str() {
        "I" | "O" => ("registered", TIER_NEWS, 0),
        "P" | "R" | "S" => ("preliminary", TIER_NEWS, 1),
        "F" | "U" | "V" | "N" => ("final", TIER_FIRM, 2),
        "A" | "B" => ("amended", TIER_FIRM, 3),
        "C" => ("corrected", TIER_FIRM, 4),
        "X" => ("cancelled", TIER_FIRM, 5),
        "D" | "W" => ("entered-in-error", TIER_FIRM, 6),
        // Silent: as its report, whose "partial" an observation does not know.
        _ => match report {
            Some(Standing { status: "partial", .. }) => ("preliminary", TIER_NEWS, 1),
            Some(report) => return report,
            None => ("unknown", TIER_NEWS, 0),
        },
    };
    Standing { status, tier, rank }
}

/// What surrounds an OBX.
pub(crate) struct Around {
    pub subject: Json,
    pub encounter: Option<Json>,
    pub specimen: Option<Json>,
    /// OBR-7, where OBX-14 is silent.
    pub effective: Option<String>,
    pub issued: Option<String>,
    pub report: Option<Standing>,
    /// `laboratory`, `imaging`: the observation's category.
    pub category: Option<&'static str>,
}

/// A unit of measure.
pub(crate) struct Unit<'m> {
    shown: Cow<'m, str>,
    known: Option<&'static str>,
}

impl Unit<'_> {
    /// A quantity in it: the number as written, the unit as sent, the UCUM code where the unit is surely known.
    pub fn quantity(&self, comparator: Option<&str>, number: Json) -> Json {
        object! {
            "value": number,
            "comparator": comparator,
            "unit": self.shown.trim(),
            "system": self.known.map(|_| "http://unitsofmeasure.org"),
            "code": self.known,
        }
    }
}

impl<'m> Context<'m> {
    /// One observation. `lines`: the OBX segments that together are its value (a text sent line by line), the first of
    /// them telling everything else.
    pub fn observation(&self, lines: &[Segment<'m>], notes: &[Segment<'m>], around: &Around) -> Option<Draft> {
        let obx = *lines.first()?;
        let said = obx.field(11).text();
        let standing = standing(&said, around.report);
        // "Now final, as sent before": nothing but the status.
        if said.trim().eq_ignore_ascii_case("U") && !obx.field(5).is_present() {
            let mut draft = Draft::new(ResourceType::Observation, Scope::Partial);
            draft.tier(standing.tier, standing.rank).set("status", standing.status);
            return Some(draft);
        }
        let profile = if around.category == Some("laboratory") {
            ukcore!("UKCore-Observation-Lab")
        } else {
            ukcore!("UKCore-Observation")
        };
        let mut draft = Draft::ukcore(ResourceType::Observation, Scope::Whole, profile);
        draft.tier(standing.tier, standing.rank);
        draft.set("status", standing.status);
        if let Some(category) = around.category {
            draft.set("category", Json::verbatim(if category == "imaging" { IMAGING } else { LABORATORY }));
        }
        draft.set(
            "code",
            self.concept(obx.field(3).first(), "OBX-3")
                .unwrap_or_else(|| object! { "text": "not named by the sender" }),
        );
        draft.set("subject", around.subject.clone());
        draft.maybe("encounter", around.encounter.clone());
        let effective = self.time(obx.field(14)).map(|w| w.fhir_date_time()).or_else(|| around.effective.clone());
        if let Some(effective) = effective {
            draft.choice("effective[x]", "effectiveDateTime", effective);
        }
        draft.maybe("issued", around.issued.clone().map(Json::from));
        let mut performers: Vec<Json> = obx.field(16).reps().filter_map(|r| self.practitioner(r)).collect();
        performers.extend(self.organisation(obx.field(23).first()).or_else(|| {
            let producer = Some(obx.field(15)).filter(Field::is_present)?;
            let system = self.profile.identifier_system("organisation");
            organisation(&system, producer.text().trim(), &producer.comp(2).text())
        }));
        draft.list("performer", performers);
        let unit = self.unit(obx.field(6));
        self.value(&mut draft, lines, &unit);
        if said.trim().eq_ignore_ascii_case("N") {
            draft.set("dataAbsentReason", object! { "coding": [coding("http://terminology.hl7.org/CodeSystem/data-absent-reason", "not-asked", "Not Asked")] });
        }
        draft.list("interpretation", obx.field(8).reps().filter_map(|r| self.interpretation(r)).collect());
        draft.list("note", self.notes(notes));
        draft.maybe("bodySite", self.concept(obx.field(20).first(), "OBX-20"));
        draft.maybe("method", self.concept(obx.field(17).first(), "OBX-17"));
        draft.maybe("specimen", around.specimen.clone());
        draft.list("referenceRange", self.range(obx, &unit).into_iter().collect());
        draft.list(
            "identifier",
            self.entity(obx.field(21).first(), Some(("FILL", "Filler Identifier"))).into_iter().collect(),
        );
        if let Some(analysed) = self.time(obx.field(19)) {
            let url = "http://hl7.org/fhir/StructureDefinition/observation-analysis-date-time";
            draft.set("extension", Json::list(&[extension(url, "valueDateTime", analysed.fhir_date_time().into())]));
        }
        Some(draft)
    }

    fn interpretation(&self, rep: Rep<'m>) -> Option<Json> {
        let code = rep.comp(1).text();
        let upper = code.trim().to_ascii_uppercase();
        match INTERPRETATIONS.iter().find(|(c, _)| *c == upper) {
            Some((code, display)) => Some(object! { "coding": [coding(INTERPRETATION, code, display)] }),
            None if upper.is_empty() => None,
            None => self.concept(rep, "OBX-8"),
        }
    }

    /// NTE-3 of several segments, which are mostly one text sent line by line, as one note.
    pub fn notes(&self, notes: &[Segment<'m>]) -> Vec<Json> {
        let text = lines_of(notes.iter().map(|nte| nte.field(3)));
        text.map(|text| object! { "text": text }).into_iter().collect()
    }

    fn value(&self, draft: &mut Draft, lines: &[Segment<'m>], unit: &Unit<'m>) {
        let Some(obx) = lines.first() else { return };
        let field = obx.field(5);
        if !field.is_present() {
            return;
        }
        let rep = field.first();
        let kind = obx.field(2).text().trim().to_ascii_uppercase();
        let repeats = field.reps().count() > 1;
        match kind.as_str() {
            "NM" if !repeats => {
                if let Some((comparator, number)) = split_number(&field.whole()) {
                    let quantity = unit.quantity(comparator, number);
                    draft.choice("value[x]", "valueQuantity", quantity);
                    return;
                }
                self.find(
                    Severity::Note,
                    "not-a-number",
                    &field.location(),
                    "a numeric result that is no number: kept as text",
                );
            }
            "SN" if !repeats && self.structured_number(draft, rep, unit) => return,
            "CE" | "CWE" | "CNE" | "CF" | "IS" | "ID" if !repeats => {
                if let Some(concept) = self.concept(rep, "OBX-5") {
                    draft.choice("value[x]", "valueCodeableConcept", concept);
                    return;
                }
            }
            "DT" | "TS" | "DTM" if !repeats => {
                if let Some(when) = self.time_of(rep) {
                    draft.choice("value[x]", "valueDateTime", when.fhir_date_time());
                    return;
                }
            }
            "TM" if !repeats => {
                if let Some(time) = clock_time(&rep.text()) {
                    draft.choice("value[x]", "valueTime", time);
                    return;
                }
            }
            "DR" if !repeats => {
                let start = self.read_time(&rep.comp(1).text(), || rep.location());
                let end = self.read_time(&rep.comp(2).text(), || rep.location());
                if let Some(period) = crate::hl7::values::period(start, end) {
                    draft.choice("value[x]", "valuePeriod", period);
                    return;
                }
            }
            "NR" if !repeats => {
                let [low, high] =
                    [1, 2].map(|n| split_number(&rep.comp(n).text()).map(|(_, number)| unit.quantity(None, number)));
                if let Some(range) = Object::new().put("low", low).put("high", high).done() {
                    draft.choice("value[x]", "valueRange", range);
                    return;
                }
            }
            _ => {}
        }
        // Texts, names, addresses and whatever else: as sent, line by line.
        let concepts = matches!(kind.as_str(), "CE" | "CWE" | "CNE" | "CF");
        let text = if concepts && repeats {
            let named =
                field.reps().filter_map(|r| non_empty(r.comp(2).text()).or_else(|| non_empty(r.comp(1).text())));
            non_empty(named.map(|t| t.trim().to_owned()).collect::<Vec<_>>().join("; ").into()).map(|t| t.into_owned())
        } else {
            lines_of(lines.iter().map(|obx| obx.field(5)))
        };
        if let Some(text) = text {
            draft.choice("value[x]", "valueString", text);
        }
    }

    /// SN: comparator, number, separator, number (v2-to-FHIR SN[Quantity], SN[Range], SN[Ratio]).
    fn structured_number(&self, draft: &mut Draft, rep: Rep<'m>, unit: &Unit<'m>) -> bool {
        let [comparator, first, separator, second] = [1, 2, 3, 4].map(|n| rep.comp(n).text().trim().to_owned());
        let number = |text: &str| split_number(text).filter(|(c, _)| c.is_none()).map(|(_, n)| n);
        let (first_number, second_number) = (number(&first), number(&second));
        match (comparator.as_str(), separator.as_str(), first_number, second_number) {
            ("" | "=", "-", Some(low), Some(high)) => {
                let range = object! { "low": unit.quantity(None, low), "high": unit.quantity(None, high) };
                draft.choice("value[x]", "valueRange", range);
            }
            ("" | "=", ":" | "/", Some(above), Some(below)) => {
                let ratio =
                    object! { "numerator": object! { "value": above }, "denominator": object! { "value": below } };
                draft.choice("value[x]", "valueRatio", ratio);
            }
            ("" | "=" | "<" | ">" | "<=" | ">=", "", Some(number), None) if second.is_empty() => {
                let comparator = Some(comparator.as_str()).filter(|c| !matches!(*c, "" | "="));
                draft.choice("value[x]", "valueQuantity", unit.quantity(comparator, number));
            }
            _ => {
                let parts = [comparator, first, separator, second, unit.shown.clone().into_owned()];
                let text = parts.iter().map(|p| p.trim()).filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" ");
                if text.is_empty() {
                    return false;
                }
                draft.choice("value[x]", "valueString", text);
            }
        }
        true
    }

    /// CE: a unit, as sent and, where it is surely known, in UCUM.
    pub fn unit(&self, field: Field<'m>) -> Unit<'m> {
        let code = field.text();
        if let Some(known) = unit::ucum(&code) {
            return Unit { shown: code, known: Some(known) };
        }
        let shown = non_empty(field.comp(2).text()).unwrap_or(code);
        let known = unit::ucum(&shown);
        Unit { shown, known }
    }

    /// OBX-7: the text, and its bounds where they are plain to see.
    fn range(&self, obx: Segment<'m>, unit: &Unit<'m>) -> Option<Json> {
        let text = non_empty(obx.field(7).whole())?;
        let text = text.trim().to_owned();
        let quantity = |number| unit.quantity(None, number);
        let mut range = Object::new();
        if let Some(rest) = text.strip_prefix("<=").or_else(|| text.strip_prefix('<')) {
            range = range.put("high", split_number(rest).map(|(_, n)| quantity(n)));
        } else if let Some(rest) = text.strip_prefix(">=").or_else(|| text.strip_prefix('>')) {
            range = range.put("low", split_number(rest).map(|(_, n)| quantity(n)));
        } else if let Some((low, high)) = text.split_once('-')
            && let (Some((None, low)), Some((None, high))) = (split_number(low), split_number(high))
        {
            range = range.put("low", quantity(low)).put("high", quantity(high));
        }
        range.text("text", &text).done()
    }
}

/// Fields that are lines of one text, joined; repetitions are lines too.
pub(crate) fn lines_of<'m>(fields: impl Iterator<Item = Field<'m>>) -> Option<String> {
    let mut text = String::new();
    let mut first = true;
    for field in fields {
        if field.reps().count() > 1 {
            for rep in field.reps() {
                push_line(&mut text, &rep.whole(), &mut first);
            }
        } else {
            push_line(&mut text, &field.whole(), &mut first);
        }
    }
    let text = text.trim_end();
    (!text.trim().is_empty()).then(|| text.to_owned())
}

fn push_line(text: &mut String, line: &str, first: &mut bool) {
    if !*first {
        text.push('\n');
    }
    *first = false;
    text.push_str(line);
}

/// A comparator, perhaps, and a number, exactly as written where JSON allows it.
pub(crate) fn split_number(text: &str) -> Option<(Option<&'static str>, Json)> {
    let text = text.trim();
    let comparators = [("<=", "<="), (">=", ">="), ("≤", "<="), ("≥", ">="), ("<", "<"), (">", ">")];
    let (comparator, rest) = comparators
        .iter()
        .find_map(|(sign, comparator)| text.strip_prefix(sign).map(|rest| (Some(*comparator), rest)))
        .unwrap_or((None, text));
    Some((comparator, decimal(rest.trim())?))
}

/// A FHIR decimal: `+5`, `.5`, `5.` and `005` are written so that JSON can hold them; nothing else is changed.
fn decimal(text: &str) -> Option<Json> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if digits.len() > 40 || !all_digits(whole) || !all_digits(fraction) || whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let mut number = String::with_capacity(digits.len() + 2);
    number.push_str(sign);
    number.push_str(if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        number.push('.');
        number.push_str(fraction);
    }
    Some(Json::verbatim(&number))
}

/// `HHMM[SS]` to `HH:MM:SS`.
fn clock_time(text: &str) -> Option<String> {
    let text = text.trim();
    if !matches!(text.len(), 4 | 6) || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |at: usize| text.get(at..at + 2);
    let (hour, minute, second) = (part(0)?, part(2)?, part(4).unwrap_or("00"));
    (hour < "24" && minute < "60" && second < "60").then(|| format!("{hour}:{minute}:{second}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_as_written() {
        for (text, comparator, number) in [
            ("6.00", None, "6.00"),
            ("<5", Some("<"), "5"),
            ("+5", None, "5"),
            (".5", None, "0.5"),
            ("5.", None, "5"),
            ("007.10", None, "7.10"),
            ("-0.3", None, "-0.3"),
            ("≥ 90", Some(">="), "90"),
        ] {
            let (c, n) = split_number(text).unwrap();
            assert_eq!((c, n.as_str()), (comparator, number), "{text}");
        }
        for text in ["", "-", ".", "1e5", "12 mg", "5-7", "NaN", "1,000"] {
            assert!(split_number(text).is_none(), "{text}");
        }
    }
}
