//! What MSH says (HL7 v2 §2.14.9).

use crate::Message;
use std::borrow::Cow;

/// The header of a message, as text. Empty means absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header<'m> {
    /// MSH-3: namespace, else the universal id.
    pub sending_app: Cow<'m, str>,
    /// MSH-4: namespace, else the universal id.
    pub sending_facility: Cow<'m, str>,
    /// MSH-5: namespace, else the universal id.
    pub receiving_app: Cow<'m, str>,
    /// MSH-6: namespace, else the universal id.
    pub receiving_facility: Cow<'m, str>,
    /// MSH-7 as sent.
    pub datetime: Cow<'m, str>,
    /// MSH-9.1: `ADT`.
    pub message_code: Cow<'m, str>,
    /// MSH-9.2: `A01`.
    pub trigger: Cow<'m, str>,
    /// MSH-9.3: `ADT_A01`.
    pub structure: Cow<'m, str>,
    /// MSH-10.
    pub control_id: Cow<'m, str>,
    /// MSH-11.1: `P`, `T` or `D`.
    pub processing_id: Cow<'m, str>,
    /// MSH-12.1: `2.4`.
    pub version: Cow<'m, str>,
    /// MSH-15: `AL`, `NE`, `ER`, `SU`.
    pub accept_ack: Cow<'m, str>,
    /// MSH-16: `AL`, `NE`, `ER`, `SU`.
    pub app_ack: Cow<'m, str>,
    /// MSH-18, first repetition that is not empty.
    pub charset: Cow<'m, str>,
}

impl<'m> Header<'m> {
    pub(crate) fn of(message: &'m Message) -> Self {
        let Some(msh) = message.segment_at(0) else { return Self::default() };
        let hd = |n: usize| {
            let field = msh.field(n);
            let namespace = field.text();
            if namespace.is_empty() { field.comp(2).text() } else { namespace }
        };
        let kind = msh.field(9).first();
        let charset = msh.field(18);
        Self {
            sending_app: hd(3),
            sending_facility: hd(4),
            receiving_app: hd(5),
            receiving_facility: hd(6),
            datetime: msh.field(7).text(),
            message_code: kind.comp(1).text(),
            trigger: kind.comp(2).text(),
            structure: kind.comp(3).text(),
            control_id: msh.field(10).text(),
            processing_id: msh.field(11).text(),
            version: msh.field(12).text(),
            accept_ack: msh.field(15).text(),
            app_ack: msh.field(16).text(),
            charset: charset.reps().map(|r| r.text()).find(|t| !t.is_empty()).unwrap_or_default(),
        }
    }

    /// `ADT^A01`, or `ADT` when no trigger is named.
    #[must_use]
    pub fn kind(&self) -> String {
        if self.trigger.is_empty() {
            self.message_code.to_string()
        } else {
            format!("{}^{}", self.message_code, self.trigger)
        }
    }

    /// The version as `(major, minor)`: `2.5.1` is `(2, 5)`. An absent or unreadable one is `(2, 4)`.
    #[must_use]
    pub fn version_pair(&self) -> (u32, u32) {
        let mut parts = self.version.trim().split('.').map(|p| p.trim().parse::<u32>());
        match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
            (Some(Ok(major)), None) => (major, 0),
            _ => (2, 4),
        }
    }
}
