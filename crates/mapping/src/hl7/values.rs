//! Data types: HL7 v2 components to FHIR values (v2-to-FHIR data type tables, with the UK's spellings).

use crate::{
    hl7::context::Context,
    json::{Json, Object, object},
    uk::{self, tables::Table},
};
use hl7v2::{Comp, Field, Rep};
use std::borrow::Cow;

pub(crate) fn coding(system: &str, code: &str, display: &str) -> Json {
    Object::new().text("system", system).text("code", code).text("display", display).value()
}

/// A concept of one coding of a fixed system.
pub(crate) fn fixed(system: &str, code: &str, display: &str) -> Json {
    object! { "coding": [coding(system, code, display)] }
}

pub(crate) fn extension(url: &str, value_name: &str, value: Json) -> Json {
    Object::new().put("url", Json::from(url)).put(value_name, value).value()
}

/// A FHIR `code` or code token has no spaces at its ends nor doubled within (R4 §2.24.0.1).
fn token(text: &str) -> Cow<'_, str> {
    let trimmed = text.trim();
    if trimmed.contains(char::is_whitespace) {
        Cow::Owned(trimmed.split_whitespace().collect::<Vec<_>>().join(" "))
    } else {
        Cow::Borrowed(trimmed)
    }
}

/// The URI of a coding system by the name HL7 v2 senders give it (CWE.3; HL7 table 0396), if it is a well-known one.
pub(crate) fn well_known_system(name: &str, code: &str) -> Option<Cow<'static, str>> {
    if name.contains("://") || name.starts_with("urn:") {
        return Some(Cow::Owned(name.to_owned()));
    }
    let upper = name.to_ascii_uppercase();
    if let Some(table) = upper.strip_prefix("HL7")
        && table.len() == 4
        && table.bytes().all(|b| b.is_ascii_digit())
    {
        return Some(Cow::Owned(format!("http://terminology.hl7.org/CodeSystem/v2-{table}")));
    }
    let compact: String = upper.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    Some(Cow::Borrowed(match compact.as_str() {
        "LN" | "LOINC" | "216840111388361" => "http://loinc.org",
        // Older SNOMED versions (SNM3) had letters in their codes: those are no SNOMED CT.
        "SCT" | "SNOMED" | "SNOMEDCT" | "SNCT" | "216840111388363496" | "216840111388396" | "SCTUK" | "SNM"
        | "SCT2"
            if code.trim().bytes().all(|b| b.is_ascii_digit()) =>
        {
            "http://snomed.info/sct"
        }
        "I10" | "ICD10" | "ICD105" | "ICD10V5" => "http://hl7.org/fhir/sid/icd-10",
        "I9" | "I9C" | "I9CDX" | "ICD9" | "ICD9CM" => "http://hl7.org/fhir/sid/icd-9-cm",
        "I10C" | "ICD10CM" => "http://hl7.org/fhir/sid/icd-10-cm",
        "OPCS" | "OPCS4" | "OPCS410" | "OPCS49" | "OPCS48" => "https://fhir.hl7.org.uk/Id/opcs-4",
        "RC2" | "READ2" | "READV2" | "READCODES" => "http://read.info/readv2",
        "RC3" | "CTV3" | "READ3" | "READV3" => "http://read.info/ctv3",
        "DMD" | "NHSDMD" => "https://dmd.nhs.uk",
        "UCUM" => "http://unitsofmeasure.org",
        "NDC" => "http://hl7.org/fhir/sid/ndc",
        "CVX" => "http://hl7.org/fhir/sid/cvx",
        "MVX" => "http://hl7.org/fhir/sid/mvx",
        "RXNORM" => "http://www.nlm.nih.gov/research/umls/rxnorm",
        "ATC" | "ATCC" | "WC" => "http://www.whocc.no/atc",
        "C4" | "CPT" | "CPT4" => "http://www.ama-assn.org/go/cpt",
        "ENGLANDGENOMICTESTDIRECTORY" => "https://fhir.nhs.uk/CodeSystem/England-GenomicTestDirectory",
        _ => return None,
    }))
}

impl<'m> Context<'m> {
    /// The coding of a code sent under this name of a code system.
    fn coding_of(&self, name: &str, code: &str, display: &str, field: &'static str) -> Json {
        let number = code.bytes().all(|b| b.is_ascii_digit());
        let mut systems = self.systems.borrow_mut();
        let known = systems.iter().position(|(n, f, d, _)| *d == number && *f == field && n == name);
        let at = known.unwrap_or_else(|| {
            systems.push((name.to_owned(), field, number, self.system(name, code, field)));
            systems.len() - 1
        });
        coding(systems.get(at).map_or("", |(.., system)| system), code, display)
    }

    fn system(&self, name: &str, code: &str, field: &'static str) -> String {
        if let Some(system) = self.profile.code_systems.get(name) {
            return system.clone();
        }
        match well_known_system(name, code) {
            Some(system) => system.into_owned(),
            // What the source made up, or gave no name: told apart by the name, else by the field.
            None => self.profile.local_code_system(if name.is_empty() || name == "L" { field } else { name }),
        }
    }

    /// CE, CWE, CNE: code, text and system, perhaps twice or thrice, and the original text. A local code of the profile
    /// comes first; what was sent is always there too.
    pub fn concept(&self, rep: Rep<'m>, field: &'static str) -> Option<Json> {
        self.concept_with(rep, field, None)
    }

    /// As [`Context::concept`], with a text of another field (a description beside a code) in place of its own.
    pub fn concept_with(&self, rep: Rep<'m>, field: &'static str, description: Option<&str>) -> Option<Json> {
        let (codings, text) = self.codings(rep, field);
        let text = description.map_or(text, Cow::Borrowed);
        Object::new().list("coding", codings).text("text", &text).done()
    }

    /// The codings of a concept, and its text.
    pub fn codings(&self, rep: Rep<'m>, field: &'static str) -> (Vec<Json>, Cow<'m, str>) {
        if !rep.is_present() {
            return (Vec::new(), Cow::Borrowed(""));
        }
        let mut codings: Vec<Json> = Vec::with_capacity(2);
        let mut text: Cow<'m, str> = rep.comp(9).text();
        for (code, display, system) in [(1, 2, 3), (4, 5, 6), (10, 11, 12)] {
            let code = rep.comp(code);
            let display = rep.comp(display).text();
            let code = code.text();
            let code = token(&code);
            if code.is_empty() {
                // Named in words only.
                if text.trim().is_empty() {
                    text = display;
                }
                continue;
            }
            let system = rep.comp(system).text();
            let mut shown = display;
            if let Some(local) = self.profile.local_code(field, &code) {
                let known_as = local.display.clone().unwrap_or_else(|| shown.clone().into_owned());
                match &local.system {
                    Some(system) => {
                        codings.insert(0, coding(system, local.code.as_deref().unwrap_or(&code), &known_as))
                    }
                    None => shown = Cow::Owned(known_as.clone()),
                }
            }
            codings.push(self.coding_of(system.trim(), &code, &shown, field));
        }
        if codings.is_empty() && text.trim().is_empty() {
            // Only a later component is filled: keep the whole as text rather than lose it.
            text = rep.whole();
        }
        (codings, text)
    }

    /// A code of a national table; what the table does not know is kept as [`Context::concept`] keeps it.
    pub fn national(&self, rep: Rep<'m>, field: &'static str, table: &Table) -> Option<Json> {
        let sent = rep.comp(1).text();
        let sent = sent.trim();
        let local = self.profile.local_code(field, sent);
        // `H^Hispanic^HL70189` is not the national H: another code system is named.
        let named = rep.comp(3).text();
        let elsewhere = !named.trim().is_empty() && well_known_system(named.trim(), sent).is_some();
        if !elsewhere && local.is_none_or(|l| l.system.is_none()) {
            let code = local.and_then(|l| l.code.as_deref()).unwrap_or(sent);
            if let Some((code, display)) = table.find(code) {
                let coding = coding(table.system, code, display);
                return Object::new().put("coding", [coding]).text("text", &rep.comp(2).text()).done();
            }
        }
        self.concept(rep, field)
    }

    /// A code of a table of the v2-to-FHIR guide: (v2 code, FHIR code, display) under one system.
    pub fn translated(
        &self,
        rep: Rep<'m>,
        field: &'static str,
        system: &str,
        table: &[(&str, &str, &str)],
    ) -> Option<Json> {
        let sent = rep.comp(1).text();
        if self.profile.local_code(field, sent.trim()).is_none()
            && let Some((_, code, display)) = table.iter().find(|(v2, _, _)| v2.eq_ignore_ascii_case(sent.trim()))
        {
            return Some(fixed(system, code, display));
        }
        self.concept(rep, field)
    }

    /// All repetitions as concepts.
    pub fn concepts(&self, field: Field<'m>, name: &'static str) -> Vec<Json> {
        field.reps().filter_map(|rep| self.concept(rep, name)).collect()
    }

    /// CX, EI as an Identifier under the source's own system for its authority.
    pub fn identifier(&self, rep: Rep<'m>, authority: usize, kind: Option<(&str, &str)>) -> Option<Json> {
        let value = non_empty(rep.comp(1).text())?;
        let kind = kind.map(|(code, display)| fixed("http://terminology.hl7.org/CodeSystem/v2-0203", code, display));
        Object::new()
            .put("type", kind)
            .text("system", &self.profile.identifier_system(&authority_of(rep.comp(authority))))
            .text("value", &value)
            .done()
    }

    /// EI with the namespace in component 2.
    pub fn entity(&self, rep: Rep<'m>, kind: Option<(&str, &str)>) -> Option<Json> {
        self.identifier(rep, 2, kind)
    }

    /// XPN to HumanName.
    pub fn human_name(&self, rep: Rep<'m>, fallback_use: Option<&str>) -> Option<Json> {
        let family = rep.comp(1).text();
        let mut given: Vec<Json> = Vec::new();
        for part in [2, 3] {
            // Further forenames come as one component, separated by spaces or by `&`.
            given.extend(rep.comp(part).subs().flat_map(|s| s.split_whitespace().map(Json::from).collect::<Vec<_>>()));
        }
        if family.trim().is_empty() && given.is_empty() {
            return None;
        }
        let name_use = match rep.comp(7).text().to_ascii_uppercase().as_str() {
            "L" | "R" => Some("official"),
            "D" | "U" => Some("usual"),
            "M" => Some("maiden"),
            "N" | "A" => Some("nickname"),
            "MSK" | "S" => Some("anonymous"),
            "NAV" | "TEMP" | "NB" => Some("temp"),
            "BAD" | "NOUSE" => Some("old"),
            _ => fallback_use,
        };
        let mut prefix = rep.comp(5).text();
        let mut suffix = Vec::new();
        for part in [4, 6] {
            let text = rep.comp(part).text();
            if part == 4 && prefix.trim().is_empty() && is_title(&text) {
                // `CHISLETT^Octavia^^Miss`: one component too early, as some UK systems do.
                prefix = text;
            } else {
                suffix.extend(non_empty(text).map(|s| Json::from(s.trim())));
            }
        }
        let start = self.read_time(&rep.comp(12).text(), || rep.comp(12).location());
        let end = self.read_time(&rep.comp(13).text(), || rep.comp(13).location());
        Object::new()
            .text("use", name_use.unwrap_or_default())
            .text("family", &family)
            .list("given", given)
            .list("prefix", non_empty(prefix).map(|p| Json::from(p.trim())).into_iter().collect())
            .list("suffix", suffix)
            .put("period", period(start, end))
            .done()
    }

    /// XAD to Address. The UK's fourth component is the county: FHIR's district.
    pub fn address(&self, rep: Rep<'m>) -> Option<Json> {
        let mut lines: Vec<Json> = Vec::new();
        let street = rep.comp(1);
        if street.is_present() {
            // SAD: the whole line, else dwelling number and street name apart.
            let first = street.sub(1);
            let line = if first.trim().is_empty() {
                format!("{} {}", street.sub(3), street.sub(2))
            } else {
                first.into_owned()
            };
            lines.extend(non_empty(Cow::Owned(line)).map(|l| Json::from(l.trim())));
        }
        for part in [2, 8] {
            lines.extend(non_empty(rep.comp(part).text()).map(|l| Json::from(l.trim())));
        }
        let kind = rep.comp(7).text();
        let (address_use, address_type) = match kind.trim().to_ascii_uppercase().as_str() {
            "H" | "P" | "L" => ("home", ""),
            "C" | "T" | "TM" => ("temp", ""),
            "B" | "O" => ("work", ""),
            "BA" => ("old", ""),
            "BI" => ("billing", ""),
            "M" | "SH" => ("", "postal"),
            _ => ("", ""),
        };
        let county = non_empty(rep.comp(4).text()).or_else(|| non_empty(rep.comp(9).text())).unwrap_or_default();
        let start = self.read_time(&rep.comp(13).text(), || rep.comp(13).location());
        let end = self.read_time(&rep.comp(14).text(), || rep.comp(14).location());
        let content = Object::new()
            .list("line", lines)
            .text("city", &rep.comp(3).text())
            .text("district", &county)
            .text("postalCode", &rep.comp(5).text())
            .text("country", &rep.comp(6).text());
        if content.is_empty() {
            return None;
        }
        let address = Object::new().text("use", address_use).text("type", address_type).extend(content);
        address.put("period", period(start, end)).done()
    }

    /// XTN to ContactPoint. `use_code`: what the field says where the number does not.
    pub fn contact_point(&self, rep: Rep<'m>, use_code: &str) -> Option<Json> {
        let [first, use_sent, equipment, email] = [1, 2, 3, 4].map(|n| rep.comp(n).text());
        let (use_sent, equipment) = (use_sent.to_ascii_uppercase(), equipment.to_ascii_uppercase());
        let is_mail = first.contains('@')
            || email.contains('@')
            || equipment == "INTERNET"
            || equipment == "X.400"
            || use_sent == "NET";
        let mut value = first.trim().to_owned();
        if is_mail && !email.trim().is_empty() && !value.contains('@') {
            email.trim().clone_into(&mut value);
        }
        if value.is_empty() {
            value = rep.comp(12).text().trim().to_owned();
        }
        if value.is_empty() {
            let parts = [5, 6, 7].map(|n| rep.comp(n).text());
            value = parts.iter().map(|p| p.trim()).filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" ");
        }
        if value.is_empty() {
            return None;
        }
        let system = match equipment.as_str() {
            _ if is_mail => "email",
            "FX" | "FAX" => "fax",
            "BP" => "pager",
            "MD" | "SAT" | "TDD" | "TTY" => "other",
            _ => "phone",
        };
        let digits: String = value.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
        let is_mobile = ["07", "+447", "00447"].iter().any(|p| digits.starts_with(p)) && !digits.starts_with("070");
        let contact_use = match use_sent.as_str() {
            "WPN" => "work",
            "PRS" => "mobile",
            _ if equipment == "CP" || system == "phone" && is_mobile && use_code != "work" => "mobile",
            "PRN" => "home",
            "VHN" => "temp",
            _ => use_code,
        };
        Object::new().text("system", system).text("value", &value).text("use", contact_use).done()
    }

    /// XCN as a logical reference to a Practitioner: identifier and name, no resource of its own.
    pub fn practitioner(&self, rep: Rep<'m>) -> Option<Json> {
        if !rep.is_present() {
            return None;
        }
        let code = rep.comp(1).text();
        let code = code.trim();
        let display = person_display(rep, 2);
        if code.is_empty() && display.is_empty() {
            return None;
        }
        let authority = authority_of(rep.comp(9));
        let system = uk::professional_system(code, &authority).map_or_else(
            || self.profile.identifier_system(if authority.is_empty() { "practitioner" } else { &authority }),
            str::to_owned,
        );
        let identifier = (!code.is_empty()).then(|| object! { "system": system, "value": code });
        Object::new()
            .put("type", Json::from("Practitioner"))
            .put("identifier", identifier)
            .text("display", &display)
            .done()
    }

    /// XON as a logical reference to an Organization, by ODS code where it has one.
    pub fn organisation(&self, rep: Rep<'m>) -> Option<Json> {
        if !rep.is_present() {
            return None;
        }
        let name = rep.comp(1).text();
        let code = non_empty(rep.comp(10).text()).or_else(|| non_empty(rep.comp(3).text())).unwrap_or_default();
        organisation(&self.profile.identifier_system("organisation"), code.trim(), &name)
    }

    /// The organisation that runs the source.
    pub fn own_organisation(&self) -> Option<Json> {
        organisation("", self.profile.ods.as_deref()?, &self.profile.name)
    }
}

fn is_title(text: &str) -> bool {
    let title = text.trim().trim_end_matches('.').to_ascii_uppercase();
    matches!(
        title.as_str(),
        "MR" | "MRS"
            | "MISS"
            | "MS"
            | "MX"
            | "MASTER"
            | "DR"
            | "PROF"
            | "SIR"
            | "DAME"
            | "LADY"
            | "LORD"
            | "REV"
            | "BABY"
    )
}

pub(crate) fn organisation(local_system: &str, code: &str, name: &str) -> Option<Json> {
    let system = if uk::is_ods(code) { uk::ODS } else { local_system };
    let identifier = (!code.is_empty()).then(|| object! { "system": system, "value": code });
    if identifier.is_none() && name.trim().is_empty() {
        return None;
    }
    Object::new().put("type", Json::from("Organization")).put("identifier", identifier).text("display", name).done()
}

/// "Dr Samuel Darwin" from family, given and prefix, the first at component `from`.
pub(crate) fn person_display(rep: Rep<'_>, from: usize) -> String {
    let mut display = String::new();
    for part in [rep.comp(from + 4), rep.comp(from + 1), rep.comp(from + 2), rep.comp(from)] {
        let text = part.text();
        if !text.trim().is_empty() {
            if !display.is_empty() {
                display.push(' ');
            }
            display.push_str(text.trim());
        }
    }
    display
}

/// HD: the namespace, else the universal id.
pub(crate) fn authority_of(comp: Comp<'_>) -> Cow<'_, str> {
    let namespace = comp.sub(1);
    if namespace.trim().is_empty() { comp.sub(2) } else { namespace }
}

/// A text that something can be read in: spaces and control characters, which no FHIR string holds, are nothing.
pub(crate) fn non_empty(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    text.chars().any(|letter| !letter.is_whitespace() && !letter.is_control()).then_some(text)
}

pub(crate) fn period(start: Option<crate::time::When>, end: Option<crate::time::When>) -> Option<Json> {
    Object::new()
        .put("start", start.map(|s| Json::from(s.fhir_date_time())))
        .put("end", end.map(|e| Json::from(e.fhir_date_time())))
        .done()
}
