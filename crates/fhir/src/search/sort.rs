//! `_sort`.

use super::{
    matcher::{texts, time_of},
    path::Leaf,
    table::{Kind, Parameter},
    text::fold,
};
use crate::Decimal;
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// One key of `_sort`.
#[derive(Clone, Copy, Debug)]
pub struct SortKey {
    pub(super) parameter: &'static Parameter,
    /// From the greatest to the least (`-date`).
    pub descending: bool,
}

/// What a resource is sorted by under one key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortValue {
    /// Microseconds since 1970.
    Time(i64),
    /// A number.
    Number(Decimal),
    /// Text, folded.
    Text(String),
}

impl SortKey {
    /// The value of a resource under this key: the least of several, or the greatest when descending.
    pub fn value(&self, resource: &Map<String, Value>) -> Option<SortValue> {
        let mut best: Option<SortValue> = None;
        let mut take = |value: SortValue| {
            let better = best.as_ref().is_none_or(|best| if self.descending { value > *best } else { value < *best });
            if better {
                best = Some(value);
            }
        };
        for path in &self.parameter.paths {
            path.visit(resource, resource, &mut |value| {
                each_value(self.parameter.kind, path.leaf, value, self.descending, &mut take);
                false
            });
        }
        best
    }

    /// Compare two values under this key. What has no value comes last.
    pub fn compare(&self, a: &Option<SortValue>, b: &Option<SortValue>) -> Ordering {
        match (a, b) {
            (Some(a), Some(b)) if self.descending => b.cmp(a),
            (Some(a), Some(b)) => a.cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }
}

fn each_value(kind: Kind, leaf: Leaf, value: &Value, descending: bool, take: &mut dyn FnMut(SortValue)) {
    let member = |name: &str| value.get(name).and_then(Value::as_str);
    match kind {
        Kind::Date => {
            if let Some(time) = time_of(value, leaf) {
                take(SortValue::Time(if descending { time.to } else { time.from }));
            }
        }
        Kind::Number | Kind::Quantity => {
            let number = value.get("value").or_else(|| value.get("low")).unwrap_or(value);
            if let Some(number) = number.is_number().then(|| Decimal::parse(&number.to_string())).flatten() {
                take(SortValue::Number(number));
            }
        }
        Kind::Token => {
            let coding = value.pointer("/coding/0");
            let text = match leaf {
                Leaf::CodeableConcept => {
                    let named = member("text").or_else(|| coding?.get("display")?.as_str());
                    named.or_else(|| coding?.get("code")?.as_str())
                }
                Leaf::Coding => member("display").or_else(|| member("code")),
                Leaf::Identifier | Leaf::ContactPoint => member("value"),
                _ => value.as_str(),
            };
            match (text, value) {
                (Some(text), _) => take(SortValue::Text(fold(text))),
                (None, Value::Bool(yes)) => take(SortValue::Text(yes.to_string())),
                _ => {}
            }
        }
        Kind::Reference => {
            if let Some(text) = member("reference").or_else(|| value.as_str()) {
                take(SortValue::Text(text.to_owned()));
            }
        }
        _ => {
            texts(value, leaf, &mut |text| {
                take(SortValue::Text(fold(text)));
                false
            });
        }
    }
}
