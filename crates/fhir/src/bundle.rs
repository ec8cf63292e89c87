//! Writing bundles by splicing resources that are JSON text already: opening a record of a thousand resources must not
//! parse a single one of them.

use crate::OperationOutcome;

/// Which kind of bundle (value set bundle-type), of those a server writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BundleType {
    /// The answer to a search or to `$everything`.
    Searchset,
    /// The versions of resources.
    History,
    /// The answer to a transaction.
    TransactionResponse,
    /// The answer to a batch.
    BatchResponse,
    /// Resources together, for no stated purpose.
    Collection,
}

impl BundleType {
    /// The code FHIR uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            BundleType::Searchset => "searchset",
            BundleType::History => "history",
            BundleType::TransactionResponse => "transaction-response",
            BundleType::BatchResponse => "batch-response",
            BundleType::Collection => "collection",
        }
    }
}

/// Why a resource is in a searchset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SearchMode {
    /// It fits the search.
    Match,
    /// It was asked for with `_include` or `_revinclude`.
    Include,
    /// It says something about the search itself (OperationOutcome).
    Outcome,
}

/// What was done with an entry: `Bundle.entry.response`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryResponse<'a> {
    /// HTTP status and words, for instance `201 Created`.
    pub status: &'a str,
    /// `Patient/1/_history/1`, relative to the server's base.
    pub location: Option<&'a str>,
    /// The version as an entity tag, for instance `W/"1"`.
    pub etag: Option<&'a str>,
    /// An instant.
    pub last_modified: Option<&'a str>,
    /// What to tell about it.
    pub outcome: Option<&'a OperationOutcome>,
}

/// A bundle on its way out. The text grows in one buffer, which can be taken piece by piece while it is written, so that
/// a large bundle can be sent before it is complete.
#[derive(Debug)]
pub struct BundleWriter {
    out: Vec<u8>,
    entries: usize,
}

impl BundleWriter {
    /// Begin a bundle. `capacity` is a guess at its size in bytes.
    pub fn new(kind: BundleType, capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        out.extend_from_slice(br#"{"resourceType":"Bundle","type":""#);
        out.extend_from_slice(kind.as_str().as_bytes());
        out.push(b'"');
        BundleWriter { out, entries: 0 }
    }

    /// Write `meta.lastUpdated` (an instant). Before the first entry.
    pub fn last_updated(&mut self, instant: &str) -> &mut Self {
        self.out.extend_from_slice(br#","meta":{"lastUpdated":"#);
        text(&mut self.out, instant);
        self.out.push(b'}');
        self
    }

    /// Write `total`: how many resources fit, on all pages. Before the first entry.
    pub fn total(&mut self, total: usize) -> &mut Self {
        self.out.extend_from_slice(br#","total":"#);
        self.out.extend_from_slice(total.to_string().as_bytes());
        self
    }

    /// Write the links (`self`, `next`, …) as `(relation, address)`. Before the first entry.
    pub fn links(&mut self, links: &[(&str, &str)]) -> &mut Self {
        if links.is_empty() {
            return self;
        }
        self.out.extend_from_slice(br#","link":["#);
        for (index, (relation, url)) in links.iter().enumerate() {
            self.out.extend_from_slice(if index == 0 { br#"{"relation":"# } else { br#",{"relation":"# });
            text(&mut self.out, relation);
            self.out.extend_from_slice(br#","url":"#);
            text(&mut self.out, url);
            self.out.push(b'}');
        }
        self.out.push(b']');
        self
    }

    fn begin_entry(&mut self) {
        self.out.extend_from_slice(if self.entries == 0 { br#","entry":[{"# } else { b",{" });
        self.entries += 1;
    }

    fn full_url(&mut self, base: &str, kind_and_id: &str) {
        self.out.extend_from_slice(br#""fullUrl":"#);
        // An address of ours has nothing to escape but what the base may hold.
        text(&mut self.out, base);
        self.out.pop();
        self.out.push(b'/');
        escape(&mut self.out, kind_and_id);
        self.out.push(b'"');
    }

    /// An entry of a searchset: the resource's JSON as it is, under `fullUrl` `{base}/{kind_and_id}`.
    pub fn found(&mut self, base: &str, kind_and_id: &str, resource: &[u8], mode: SearchMode) -> &mut Self {
        self.begin_entry();
        self.full_url(base, kind_and_id);
        self.out.extend_from_slice(br#","resource":"#);
        self.out.extend_from_slice(resource);
        self.out.extend_from_slice(match mode {
            SearchMode::Match => br#","search":{"mode":"match"}}"#.as_slice(),
            SearchMode::Include => br#","search":{"mode":"include"}}"#,
            SearchMode::Outcome => br#","search":{"mode":"outcome"}}"#,
        });
        self
    }

    /// An entry of the answer to `$match`: how likely it is the one that was meant (0 to 1), and what that means (value
    /// set match-grade).
    pub fn matched(&mut self, base: &str, kind_and_id: &str, resource: &[u8], score: f64, grade: &str) -> &mut Self {
        self.begin_entry();
        self.full_url(base, kind_and_id);
        self.out.extend_from_slice(br#","resource":"#);
        self.out.extend_from_slice(resource);
        self.out.extend_from_slice(
            br#","search":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/match-grade","valueCode":"#,
        );
        text(&mut self.out, grade);
        self.out.extend_from_slice(br#"}],"mode":"match","score":"#);
        self.out.extend_from_slice(format!("{:.3}", score.clamp(0.0, 1.0)).as_bytes());
        self.out.extend_from_slice(b"}}");
        self
    }

    /// An entry of a searchset that tells about the search.
    pub fn outcome(&mut self, outcome: &OperationOutcome) -> &mut Self {
        self.begin_entry();
        self.out.extend_from_slice(br#""resource":"#);
        self.out.extend_from_slice(outcome.to_json().as_bytes());
        self.out.extend_from_slice(br#","search":{"mode":"outcome"}}"#);
        self
    }

    /// An entry of a history: how it came to be (`POST`, `PUT`, `DELETE`), and the resource unless it was deleted.
    pub fn version(
        &mut self,
        base: &str,
        kind_and_id: &str,
        resource: Option<&[u8]>,
        method: &str,
        response: &EntryResponse<'_>,
    ) -> &mut Self {
        self.begin_entry();
        self.full_url(base, kind_and_id);
        if let Some(resource) = resource {
            self.out.extend_from_slice(br#","resource":"#);
            self.out.extend_from_slice(resource);
        }
        self.out.extend_from_slice(br#","request":{"method":"#);
        text(&mut self.out, method);
        self.out.extend_from_slice(br#","url":"#);
        text(
            &mut self.out,
            if method == "POST" { kind_and_id.split('/').next().unwrap_or_default() } else { kind_and_id },
        );
        self.out.extend_from_slice(b"},");
        self.response(response);
        self.out.push(b'}');
        self
    }

    /// An entry of a transaction's or batch's answer, with the resource when the caller wants it back.
    pub fn answer(&mut self, resource: Option<&[u8]>, response: &EntryResponse<'_>) -> &mut Self {
        self.begin_entry();
        if let Some(resource) = resource {
            self.out.extend_from_slice(br#""resource":"#);
            self.out.extend_from_slice(resource);
            self.out.push(b',');
        }
        self.response(response);
        self.out.push(b'}');
        self
    }

    fn response(&mut self, response: &EntryResponse<'_>) {
        self.out.extend_from_slice(br#""response":{"status":"#);
        text(&mut self.out, response.status);
        let members =
            [("location", response.location), ("etag", response.etag), ("lastModified", response.last_modified)];
        for (name, value) in members {
            if let Some(value) = value {
                self.out.push(b',');
                text(&mut self.out, name);
                self.out.push(b':');
                text(&mut self.out, value);
            }
        }
        if let Some(outcome) = response.outcome {
            self.out.extend_from_slice(br#","outcome":"#);
            self.out.extend_from_slice(outcome.to_json().as_bytes());
        }
        self.out.push(b'}');
    }

    /// How many entries are written.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// How many bytes wait to be taken.
    pub fn waiting(&self) -> usize {
        self.out.len()
    }

    /// Take what is written so far.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// End the bundle and hand over what was not taken yet.
    pub fn finish(mut self) -> Vec<u8> {
        self.out.extend_from_slice(if self.entries == 0 { b"}" } else { b"]}" });
        self.out
    }
}

/// Write a JSON string.
fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escape(out, text);
    out.push(b'"');
}

fn escape(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(br#"\""#),
            b'\\' => out.extend_from_slice(br"\\"),
            0..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IssueType;
    use serde_json::Value;

    #[test]
    fn a_searchset_is_valid_json_and_keeps_bytes() {
        let mut bundle = BundleWriter::new(BundleType::Searchset, 64);
        bundle.last_updated("2024-01-01T00:00:00.000Z").total(2).links(&[("self", "http://x/\"a\\\n")]);
        bundle.found("http://x/fhir", "Patient/1", br#"{"resourceType":"Patient","n":1.500}"#, SearchMode::Match);
        bundle.outcome(&OperationOutcome::error(IssueType::Incomplete, "A source did not answer."));
        let first = bundle.take();
        let whole = [first, bundle.finish()].concat();
        assert!(String::from_utf8_lossy(&whole).contains("1.500"));
        let value: Value = serde_json::from_slice(&whole).unwrap();
        assert_eq!(value["link"][0]["url"], "http://x/\"a\\\n");
        assert_eq!(value["entry"][0]["fullUrl"], "http://x/fhir/Patient/1");
        assert_eq!(value["entry"][1]["search"]["mode"], "outcome");
    }

    #[test]
    fn an_empty_bundle_has_no_entry_member() {
        assert_eq!(
            BundleWriter::new(BundleType::Searchset, 0).finish(),
            br#"{"resourceType":"Bundle","type":"searchset"}"#
        );
    }

    #[test]
    fn answers_and_versions_say_what_was_done() {
        let mut bundle = BundleWriter::new(BundleType::TransactionResponse, 0);
        let response = EntryResponse {
            status: "201 Created",
            location: Some("Patient/1/_history/1"),
            etag: Some("W/\"1\""),
            ..EntryResponse::default()
        };
        bundle.answer(None, &response).answer(Some(b"{}"), &response);
        let value: Value = serde_json::from_slice(&bundle.finish()).unwrap();
        assert_eq!(value["entry"][1]["response"]["etag"], "W/\"1\"");
        let mut bundle = BundleWriter::new(BundleType::History, 0);
        bundle.version("http://x", "Patient/1", None, "DELETE", &EntryResponse { status: "204", ..Default::default() });
        bundle.version("http://x", "Patient/1", Some(b"{}"), "POST", &response);
        let value: Value = serde_json::from_slice(&bundle.finish()).unwrap();
        assert_eq!(value["entry"][1]["request"]["url"], "Patient");
        assert!(value["entry"][0].get("resource").is_none());
    }
}
