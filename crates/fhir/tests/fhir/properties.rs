//! Whatever comes in: no panic, and nothing lost.

use fhir::search::{Handling, Neighbours, Query, Settings, parse_pairs};
use fhir::{DateTime, Decimal, NhsNumber, Reference, Resource, ResourceType};
use proptest::prelude::*;

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?",
        any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
        "\"(Patient|Group|urn:uuid:)[/?#a-z0-9|.-]{0,12}\"",
        "\"[0-9]{4}-[0-9]{2}(-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z?)?)?\"",
    ];
    let name = prop_oneof![
        Just("reference"),
        Just("coding"),
        Just("system"),
        Just("code"),
        Just("value"),
        Just("start"),
        Just("end"),
        Just("meta"),
        Just("code"),
        Just("subject"),
        Just("valueQuantity"),
        Just("component"),
        Just("effectivePeriod"),
        Just("name"),
        Just("id"),
        Just("identifier"),
        Just("extension"),
        Just("unknownElement"),
        Just("telecom"),
        Just("low"),
        Just("event"),
        Just("repeat"),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::btree_map(name.clone(), inner, 0..6).prop_map(|members| {
                let members: Vec<String> =
                    members.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn settings() -> Settings<'static> {
    Settings { now: "2024-07-01T12:00:00Z".parse().unwrap(), base: None, handling: Handling::Lenient }
}

fn kinds() -> impl Strategy<Value = ResourceType> {
    prop_oneof![
        Just(ResourceType::Observation),
        Just(ResourceType::Patient),
        Just(ResourceType::Condition),
        Just(ResourceType::Appointment)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic_the_parser(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Resource::from_slice(&bytes);
    }

    #[test]
    fn no_text_panics_the_readers(text in ".{0,60}") {
        let _ = (DateTime::parse(&text), Decimal::parse(&text), NhsNumber::parse(&text), Reference::parse(&text));
        let _ = fhir::datetime::parse_time(&text);
        let _ = fhir::search::fold(&text);
    }

    #[test]
    fn no_date_shaped_text_panics(text in "[0-9]{1,5}-[0-9]{1,2}-[0-9]{1,2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{0,12})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?") {
        if let Ok(stated) = DateTime::parse(&text) {
            let interval = stated.interval(fhir::datetime::london());
            prop_assert!(interval.from < interval.to);
        }
    }

    #[test]
    fn every_resource_survives_a_round_trip(body in json(), kind in kinds()) {
        let text = format!("{{\"resourceType\":\"{kind}\",\"unknown\":{body}}}");
        let resource = Resource::from_slice(text.as_bytes()).unwrap();
        // Numbers keep their digits, objects their order; only escapes in strings may be written differently.
        let again = Resource::from_slice(resource.to_json().as_bytes()).unwrap();
        prop_assert_eq!(&resource, &again);
        prop_assert_eq!(resource.to_json(), again.to_json());
    }

    #[test]
    fn no_query_panics_on_any_resource(
        body in json(), kind in kinds(),
        name in prop_oneof![".{0,12}", "[a-z-]{1,12}(:[a-zA-Z-]{1,8})?(\\.[a-z]{1,6})?", "code|date|subject|value-quantity|code-value-quantity|name|identifier|birthdate|_has:Condition:subject:code|patient.name|_include|_sort"],
        value in prop_oneof![".{0,20}", "(ge|lt|ap|ne|sa|eb)?[0-9]{4}(-[0-9]{2}){0,2}", "(ge|lt|ap|ne)?-?[0-9]{1,5}(\\.[0-9]{1,3})?(e[0-9]{1,4})?(\\|\\|[a-z]{1,3})?", "[a-z|$,\\\\]{1,12}"],
    ) {
        let mut text = format!("{{\"resourceType\":\"{kind}\"");
        if let Some(members) = body.strip_prefix('{').filter(|members| members.len() > 1) {
            text.push(',');
            text.push_str(members);
        } else {
            text.push('}');
        }
        let resource = Resource::from_slice(text.as_bytes()).unwrap();
        if let Ok(query) = Query::parse(kind, &[(name, value)], &settings()) {
            let neighbours = Neighbours::new([&resource]);
            let _ = query.matches(&resource, &neighbours);
            let _ = query.sort_values(&resource);
            let mut cut = resource.clone();
            query.summary.apply(&mut cut);
        }
        let document = fhir::json::Document::read(text.as_bytes()).unwrap();
        let _ = fhir::compartment::candidates(kind, document.root(), &mut |_| false);
    }

    #[test]
    fn no_query_string_panics(query in ".{0,80}") {
        let _ = Query::parse(ResourceType::Observation, &parse_pairs(&query), &settings());
    }
}

#[test]
fn decimals_keep_every_digit() {
    let text = r#"{"resourceType":"Observation","valueQuantity":{"value":0.0100000000000000000000000001,"x":[1.0,1e+2,-0,100.00]}}"#;
    assert_eq!(Resource::from_slice(text.as_bytes()).unwrap().to_json(), text);
}

#[test]
fn deep_nesting_is_refused_not_overflowed() {
    let deep = format!("{{\"resourceType\":\"Basic\",\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Resource::from_slice(deep.as_bytes()).is_err());
}
