//! Values on their way to PostgreSQL and back. Its texts hold every character but U+0000, and ours may hold that one as well
//! (a sign-in name typed by somebody who means harm, say): it and the mark that stands for it are written as two characters.

use crate::backend::{Column, Value};
use bytes::BytesMut;
use std::{borrow::Cow, error::Error};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

const MARK: char = '\u{1}';

pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if memchr::memchr2(0, 1, text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(MARK, "\u{1}1").replace('\0', "\u{1}0"))
}

fn unescape(text: &str) -> Cow<'_, str> {
    if memchr::memchr(1, text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    // A mark before `0` was made of U+0000, one before `1` of itself; no other is written.
    let mut parts = text.split(MARK);
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.strip_prefix('0') {
            Some(rest) => whole.extend(['\0'].into_iter().chain(rest.chars())),
            None => {
                whole.push(MARK);
                whole.push_str(part.strip_prefix('1').unwrap_or(part));
            }
        }
    }
    Cow::Owned(whole)
}

/// A value that outlives its caller, for a statement that is on its way.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Integer(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

impl Kept {
    pub fn of(value: &Value<'_>) -> Self {
        match *value {
            Value::Integer(number) => Kept::Integer(number),
            Value::Patient(key) | Value::Newcomer(key) => Kept::Integer(Some(key)),
            Value::Text(text) => Kept::Text(text.map(|text| escape(text).into_owned())),
            Value::Bytes(bytes) => Kept::Bytes(bytes.map(<[u8]>::to_vec)),
        }
    }
}

impl ToSql for Kept {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Kept::Integer(number) => number.to_sql(ty, out),
            Kept::Text(text) => text.to_sql(ty, out),
            Kept::Bytes(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::TEXT | Type::BYTEA)
    }

    to_sql_checked!();
}

/// The type a value is sent as.
pub(super) fn type_of(value: &Value<'_>) -> Type {
    match value {
        Value::Integer(_) | Value::Patient(_) | Value::Newcomer(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
        Value::Bytes(_) => Type::BYTEA,
    }
}

/// What a column holds.
pub(super) struct Held<'r>(pub Column<'r>);

impl<'r> FromSql<'r> for Held<'r> {
    fn from_sql(ty: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Held(match *ty {
            Type::INT8 => Column::Integer(i64::from_sql(ty, raw)?),
            Type::INT4 => Column::Integer(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Column::Integer(i16::from_sql(ty, raw)?.into()),
            Type::BOOL => Column::Integer(bool::from_sql(ty, raw)?.into()),
            Type::BYTEA => Column::Bytes(Cow::Borrowed(raw)),
            _ => Column::Text(unescape(<&str>::from_sql(ty, raw)?)),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Held(Column::Missing))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::INT8 | Type::INT4 | Type::INT2 | Type::BOOL | Type::BYTEA | Type::TEXT | Type::VARCHAR | Type::NAME
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        for text in ["", "plain", "\0", "\u{1}", "\u{1}0", "\u{1}1\0\0\u{1}", "a\0b\u{1}c", "0\u{1}"] {
            let there = escape(text).into_owned();
            assert!(!there.contains('\0'), "{text:?}");
            assert_eq!(unescape(&there), text);
        }
    }
}
