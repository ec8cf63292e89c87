//! Values that go into statements and come out of rows, the same for every engine.

use fhir::PatientKey;
use std::borrow::Cow;

/// A value for a statement. One that is missing has a type all the same: an engine may have to know it beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Value<'v> {
    Integer(Option<i64>),
    Text(Option<&'v str>),
    Bytes(Option<&'v [u8]>),
    /// A patient by its key, where a table may know it by a number: of nobody, if it was never given one.
    Patient(i64),
    /// A patient of whom a row is put, maybe the first.
    Newcomer(i64),
}

impl Value<'_> {
    /// Whether there is none.
    pub fn is_missing(&self) -> bool {
        matches!(self, Value::Integer(None) | Value::Text(None) | Value::Bytes(None))
    }
}

/// What can be put into a statement.
pub(crate) trait Bind {
    /// It is missing.
    const MISSING: Value<'static>;

    /// As a value.
    fn bind(&self) -> Value<'_>;
}

macro_rules! integers {
    ($($of:ty),*) => {$(
        impl Bind for $of {
            const MISSING: Value<'static> = Value::Integer(None);

            fn bind(&self) -> Value<'_> {
                Value::Integer(Some(i64::from(*self)))
            }
        }
    )*};
}

integers!(i64, u32, u8, bool);

impl Bind for PatientKey {
    const MISSING: Value<'static> = Value::Integer(None);

    fn bind(&self) -> Value<'_> {
        Value::Patient(self.0.cast_signed())
    }
}

/// A patient of whom a row is put, maybe the first of all.
#[derive(Clone, Copy)]
pub(crate) struct Newcomer(pub PatientKey);

impl Bind for Newcomer {
    const MISSING: Value<'static> = Value::Integer(None);

    fn bind(&self) -> Value<'_> {
        Value::Newcomer(self.0.0.cast_signed())
    }
}

impl Bind for str {
    const MISSING: Value<'static> = Value::Text(None);

    fn bind(&self) -> Value<'_> {
        Value::Text(Some(self))
    }
}

impl Bind for String {
    const MISSING: Value<'static> = Value::Text(None);

    fn bind(&self) -> Value<'_> {
        Value::Text(Some(self))
    }
}

impl Bind for [u8] {
    const MISSING: Value<'static> = Value::Bytes(None);

    fn bind(&self) -> Value<'_> {
        Value::Bytes(Some(self))
    }
}

impl Bind for Vec<u8> {
    const MISSING: Value<'static> = Value::Bytes(None);

    fn bind(&self) -> Value<'_> {
        Value::Bytes(Some(self))
    }
}

impl<T: Bind + ?Sized> Bind for &T {
    const MISSING: Value<'static> = T::MISSING;

    fn bind(&self) -> Value<'_> {
        T::bind(self)
    }
}

impl<T: Bind> Bind for Option<T> {
    const MISSING: Value<'static> = T::MISSING;

    fn bind(&self) -> Value<'_> {
        self.as_ref().map_or(T::MISSING, Bind::bind)
    }
}

/// The values of a statement, in the order of its parameters.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &[$($crate::backend::Bind::bind(&$value)),*]
    };
}
pub(crate) use values;

/// What a column of a row holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Column<'r> {
    Missing,
    Integer(i64),
    Text(Cow<'r, str>),
    Bytes(Cow<'r, [u8]>),
}

impl Column<'_> {
    /// The same, kept apart from its row.
    pub fn into_owned(self) -> Column<'static> {
        match self {
            Column::Missing => Column::Missing,
            Column::Integer(number) => Column::Integer(number),
            Column::Text(text) => Column::Text(Cow::Owned(text.into_owned())),
            Column::Bytes(bytes) => Column::Bytes(Cow::Owned(bytes.into_owned())),
        }
    }

    /// The text; none where there is something else.
    pub fn text(&self) -> Option<&str> {
        match self {
            Column::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes; none where there is something else.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Column::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// As a value for a statement.
    pub fn as_value(&self) -> Value<'_> {
        match self {
            Column::Missing => Value::Integer(None),
            Column::Integer(number) => Value::Integer(Some(*number)),
            Column::Text(text) => Value::Text(Some(text)),
            Column::Bytes(bytes) => Value::Bytes(Some(bytes)),
        }
    }
}

/// What can be read from a column. `None`: it holds another type.
pub(crate) trait FromColumn: Sized {
    fn from_column(column: Column<'_>) -> Option<Self>;
}

impl FromColumn for i64 {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Integer(number) => Some(number),
            _ => None,
        }
    }
}

impl FromColumn for u32 {
    fn from_column(column: Column<'_>) -> Option<Self> {
        i64::from_column(column)?.try_into().ok()
    }
}

impl FromColumn for u8 {
    fn from_column(column: Column<'_>) -> Option<Self> {
        i64::from_column(column)?.try_into().ok()
    }
}

impl FromColumn for bool {
    fn from_column(column: Column<'_>) -> Option<Self> {
        Some(i64::from_column(column)? != 0)
    }
}

impl FromColumn for String {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Text(text) => Some(text.into_owned()),
            _ => None,
        }
    }
}

impl FromColumn for Vec<u8> {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Bytes(bytes) => Some(bytes.into_owned()),
            _ => None,
        }
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Missing => Some(None),
            held => T::from_column(held).map(Some),
        }
    }
}
