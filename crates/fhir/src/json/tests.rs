use super::*;
use crate::{Content, Resource, walk::Place};
use proptest::prelude::*;
use serde_json::Value;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[ -~]{0,40}".prop_map(Value::from),
    ];
    let name = prop_oneof!["[a-z]{1,6}", "[ -~]{0,12}", Just("meta".to_owned()), Just("id".to_owned())];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..8).prop_map(|m| Value::Object(m.into_iter().collect()))
        ]
    })
}

fn written(bytes: &[u8]) -> Result<String, String> {
    let document = Document::read(bytes).map_err(|error| error.to_string())?;
    let mut out = String::new();
    document.root().write(&mut out);
    Ok(out)
}

fn by_serde(bytes: &[u8]) -> Result<String, String> {
    serde_json::from_slice::<Value>(bytes).map(|value| value.to_string()).map_err(|error| error.to_string())
}

#[test]
fn what_is_odd_is_read_as_serde_json_reads_it() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for text in [
        r#"{"a":1,"b":2,"a":3}"#,
        r#"{"ab":1,"\u0061b":2}"#,
        r#"{"$serde_json::private::Number":"12"}"#,
        r#"{"$ref":{"a":1,"a":2}}"#,
        r#"{"a\"b":[1,1],"a\"b":2,"c\n":"\/\u00e9\ud83d\ude00\u0007"}"#,
        r#"["\ud800"]"#,
        r#"["\x"]"#,
        "[\"a\u{1}\"]",
        "[\"tab\tin it\"]",
        "[1E5,1e-5,1.50e+007,-0,-0.0,0.10,123456789012345678901234567890.1]",
        "[01]",
        "[1.]",
        "[.5]",
        "[+1]",
        "[-]",
        "[1e]",
        "[tru]",
        "[true,false,null]x",
        "[1,]",
        r#"{"a":1,}"#,
        r#"{"a" :  1 , "b"	:
            [ ] , "c": { } }  "#,
        "",
        " ",
        "\u{feff}{}",
        r#""text""#,
        "7",
        "[\"\u{7f}\u{e9}\"]",
        r#"{"a":"unfinished"#,
        r#"{"a":"backslash\"#,
        &deep(127),
        &deep(128),
    ] {
        assert_eq!(written(text.as_bytes()), by_serde(text.as_bytes()), "{text}");
    }
    assert_eq!(written(b"[\"\xff\"]"), by_serde(b"[\"\xff\"]"));
}

#[test]
fn members_and_items_are_found() {
    let json = r#" { "a" : [ { "b" : "x\ny" } , 7 , "z" ] , "c" : { } } "#;
    let document = Document::read(json.as_bytes()).unwrap();
    let root = document.root();
    assert!(root.is_object() && root.get("a").unwrap().is_list());
    let items: Vec<_> = root.list("a").collect();
    assert_eq!(items.len(), 3);
    assert_eq!(items[0].get("b").and_then(Node::text).as_deref(), Some("x\ny"));
    assert!(items[0].get("b").unwrap().is_text("x\ny") && items[2].is_text("z"));
    assert_eq!(items[1].text(), None);
    assert_eq!(root.get("c").unwrap().members().count(), 0);
    assert!(root.get("d").is_none() && items[2].items().next().is_none());
    let mut texts = Vec::new();
    root.each_text("", &mut |name, text| texts.push(format!("{name}={text}")));
    assert_eq!(texts, ["b=x\ny", "a=z"]);
}

#[test]
fn strings_are_changed_where_they_stand() {
    let json = r#"{"a": [{"reference": "Patient/1"}, {"reference": "keep"}], "b": "Patient/1"}"#;
    let document = Document::read(json.as_bytes()).unwrap();
    let mut places = Vec::new();
    let mut out = String::new();
    document.root().write_changed("", &Place::root("T"), &mut out, &mut |name, text, place, out| {
        let changes = name == "reference" && text != "keep";
        if changes {
            places.push(place.to_string());
            push_string(out, "Patient/2");
        }
        changes
    });
    assert_eq!(places, ["T.a[0].reference"]);
    assert_eq!(out, r#"{"a":[{"reference":"Patient/2"},{"reference":"keep"}],"b":"Patient/1"}"#);
}

fn read_content(json: &str) -> Content {
    let document = Document::read(json.as_bytes()).unwrap();
    let kind = crate::ResourceType::Basic;
    Content::read(kind, document.root(), &Place::root("Basic"), &mut |_, _, _, _| false)
}

#[test]
fn content_leaves_out_what_a_server_says() {
    let json = r#"{"id":"1","a":1,"meta":{"versionId":"1","profile":["p"],"source":"s"},"resourceType":"Basic","b":2}"#;
    assert_eq!(read_content(json).json(), r#"{"meta":{"profile":["p"]},"a":1,"b":2}"#);
    let json = r#"{"resourceType":"Basic","a":1,"meta":{"versionId":"1"}}"#;
    assert_eq!(read_content(json).json(), r#"{"a":1}"#);
    assert_eq!(read_content(r#"{"resourceType":"Basic"}"#).json(), "{}");
}

proptest! {
    #[test]
    fn what_is_written_is_what_serde_json_writes(value in any_json()) {
        let compact = value.to_string();
        prop_assert_eq!(written(compact.as_bytes()), Ok(compact.clone()));
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(written(pretty.as_bytes()), Ok(compact));
    }

    #[test]
    fn noise_is_judged_as_serde_json_judges_it(bytes: Vec<u8>, text in "[\\[\\]{}:,\"\\\\a1.eE+\\- ntrufals]{0,24}") {
        prop_assert_eq!(written(&bytes), by_serde(&bytes));
        prop_assert_eq!(written(text.as_bytes()), by_serde(text.as_bytes()));
    }

    #[test]
    fn damaged_json_is_judged_as_serde_json_judges_it(value in any_json(), at: prop::sample::Index, byte: u8) {
        let mut bytes = serde_json::to_vec_pretty(&value).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        prop_assert_eq!(written(&bytes), by_serde(&bytes));
    }

    #[test]
    fn content_is_the_same_from_text_and_tree(value in any_json()) {
        let mut body = match value {
            Value::Object(body) => body,
            other => [("a".to_owned(), other)].into_iter().collect(),
        };
        body.insert("resourceType".into(), "Basic".into());
        let resource = Resource::from_value(Value::Object(body)).unwrap();
        let content = Content::of(&resource);
        prop_assert_eq!(&read_content(&resource.to_json()), &content);
        let id: crate::ResourceId = "0123456789abc-0000000000001".parse().unwrap();
        let back = content.resource(id);
        prop_assert_eq!(back.id().map(str::to_owned), Some(id.to_string()));
        prop_assert_eq!(Content::of(&back), content);
    }
}
