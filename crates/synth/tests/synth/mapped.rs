//! What the region sends is what Skein's mapping takes, with the profiles it comes with.

use crate::region;
use fhir::{PatientKey, ResourceId, ResourceType};
use jiff::ToSpan;
use mapping::{
    Change, Profile, Severity,
    bundle::{Limits, Lookup, Request, map_fhir},
};
use std::collections::{BTreeMap, BTreeSet};
use synth::{Format, Outgoing};

/// What has been put so far.
#[derive(Default)]
struct Known {
    resources: BTreeSet<(ResourceId, ResourceType)>,
    sources: BTreeMap<PatientKey, String>,
}

impl Lookup for Known {
    type Error = std::convert::Infallible;
    fn exists(&self, id: ResourceId, kind: ResourceType) -> Result<bool, Self::Error> {
        Ok(self.resources.contains(&(id, kind)))
    }
    fn source_of(&self, patient: PatientKey) -> Result<Option<String>, Self::Error> {
        Ok(self.sources.get(&patient).cloned())
    }
    fn written_here(&self, _: ResourceId, _: ResourceType) -> Result<bool, Self::Error> {
        Ok(false)
    }
    fn by_identifier(&self, _: ResourceType, _: Option<&str>, _: &str) -> Result<Vec<ResourceId>, Self::Error> {
        Ok(Vec::new())
    }
}

#[test]
fn every_message_is_mapped_without_an_error() {
    let skein = fhir::Region::new("test");
    let profiles: BTreeMap<&str, Profile> = synth::profiles()
        .into_iter()
        .map(|(id, text)| (id, Profile::from_toml(&text).unwrap_or_else(|e| panic!("{id}: {e}"))))
        .collect();
    let region = region(260);
    let people: Vec<_> = region.everyone().collect();
    let end = region.start() + (24 * 4).hours();
    let live: Vec<Outgoing> = region.live(region.start()).take_while(|m| m.at < end).collect();
    let all = region.opening().into_iter().chain(people.iter().flat_map(|p| region.history(p))).chain(live);
    let mut known = Known::default();
    let mut tally: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for message in all {
        let set = match message.format {
            Format::Hl7v2 => {
                let read = hl7v2::parse(&message.bytes).message.unwrap();
                mapping::map_hl7v2(&skein, &profiles[message.source], &read, message.at)
            }
            Format::Fhir => {
                let mapped = map_fhir(
                    &skein,
                    message.source,
                    &Request::default(),
                    &message.bytes,
                    message.at,
                    &Limits::default(),
                    &known,
                )
                .unwrap();
                for change in &mapped.set.changes {
                    if let Change::Put { id, content, .. } = change {
                        known.resources.insert((*id, content.kind()));
                        known.sources.insert(id.patient, message.source.to_owned());
                    }
                }
                mapped.set
            }
        };
        assert!(!set.changes.is_empty() || !set.findings.is_empty());
        for finding in &set.findings {
            let text =
                || String::from_utf8_lossy(&message.bytes).chars().take(3_000).collect::<String>().replace('\r', "\n");
            assert!(finding.severity < Severity::Error, "{finding:?}\n{}", text());
            let key = format!("{:?} {} {}", finding.severity, finding.code, finding.place);
            tally.entry(key).or_insert_with(|| (0, format!("{}\n{}", finding.text, text()))).0 += 1;
        }
    }
    for (key, (count, first)) in &tally {
        println!("{count} {key}: {first}");
    }
    // Numbers with a wrong check digit are there on purpose; nothing else is remarked on.
    let odd: Vec<_> = tally.keys().filter(|key| !key.contains("nhs-number")).collect();
    assert!(odd.is_empty(), "{odd:?}");
}
