//! `Subscription.channel.header`: what is sent along with each notification. Among it is the secret that notifications are
//! signed with. What headers hold are credentials: they are kept, sent to the receiver, and shown to nobody.

use fhir::Value;

/// The header that holds the secret. It is never sent.
pub const SECRET: &str = "X-Skein-Secret";
/// What stands for a header's value when a subscription is shown; sent back to us, it means what stood there.
pub const KEPT: &str = "***";

fn headers_mut(resource: &mut Value) -> Option<&mut Vec<Value>> {
    resource.pointer_mut("/channel/header")?.as_array_mut()
}

/// Name and value of a header line.
pub(crate) fn parts(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim(), value.trim()))
}

/// The resource as it is shown: names of headers alone.
#[must_use]
pub fn masked(mut resource: Value) -> Value {
    for header in headers_mut(&mut resource).into_iter().flatten() {
        let name = header.as_str().and_then(parts).map_or("", |(name, _)| name);
        *header = format!("{name}: {KEPT}").into();
    }
    resource
}

/// A resource that replaces a former one, with the values its masks stand for.
#[must_use]
pub fn without_masks(mut resource: Value, former: &Value) -> Value {
    let known = former.pointer("/channel/header").and_then(Value::as_array);
    let known: Vec<(&str, &str)> = known.into_iter().flatten().filter_map(Value::as_str).filter_map(parts).collect();
    for header in headers_mut(&mut resource).into_iter().flatten() {
        let Some((name, KEPT)) = header.as_str().and_then(parts) else { continue };
        if let Some((name, value)) = known.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)) {
            *header = format!("{name}: {value}").into();
        }
    }
    resource
}

/// The resource with this secret, where it has none.
#[must_use]
pub fn with_secret(mut resource: Value, secret: &str) -> Value {
    let line = format!("{SECRET}: {secret}");
    match headers_mut(&mut resource) {
        Some(headers) => headers.push(line.into()),
        None => {
            if let Some(channel) = resource.get_mut("channel").and_then(Value::as_object_mut) {
                channel.insert("header".into(), vec![Value::from(line)].into());
            }
        }
    }
    resource
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_headers_hold_is_shown_to_nobody_and_kept_when_it_comes_back_masked() {
        let held = json!({"channel": {"header": ["Authorization: Bearer abc", "X-Skein-Secret: s3"]}});
        let shown = masked(held.clone());
        assert_eq!(shown, json!({"channel": {"header": ["Authorization: ***", "X-Skein-Secret: ***"]}}));
        assert_eq!(without_masks(shown, &held), held);
        let other = json!({"channel": {"header": ["X-New: ***", "authorization: Bearer xyz"]}});
        assert_eq!(without_masks(other.clone(), &held), other);
        assert_eq!(with_secret(json!({"channel": {}}), "s"), json!({"channel": {"header": ["X-Skein-Secret: s"]}}));
    }
}
