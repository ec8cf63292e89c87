//! The guide for who connects a source says what the code does.

use mapping::Profile;

const GUIDE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/connect-a-source/mapping.md"));
const EXAMPLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/source-profile.toml"));

#[test]
fn the_example_profile_is_read() {
    let profile = Profile::from_toml(EXAMPLE).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(profile.time_zone, Profile::unknown("x").time_zone);
}

/// Every key that the code reads is in the example and in the guide's reference.
#[test]
fn every_key_is_in_the_guide_and_in_the_example() {
    let code = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/profile.rs"));
    let mut keys = Vec::new();
    for block in code.split("#[serde(deny_unknown_fields").skip(1) {
        let body = block.split_once('{').unwrap().1.split_once("\n}").unwrap().0;
        for line in body.lines() {
            if let Some(key) = line.trim().strip_prefix("pub ").and_then(|l| l.split_once(':')) {
                keys.push(key.0.to_owned());
            }
        }
    }
    assert!(keys.len() > 25, "{keys:?}");
    for key in keys {
        assert!(GUIDE.contains(&format!("`{key}`")), "{key} is not in docs/connect-a-source/mapping.md");
        assert!(EXAMPLE.contains(&key), "{key} is not in docs/examples/source-profile.toml");
    }
}
