//! MDM: letters, with the PDF inside as each vendor puts it there.

use super::Desk;
use crate::{
    letters::{self, Letter},
    when::plus_seconds,
    wire::{Outgoing, base36, minute_id},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;

impl Desk<'_> {
    /// A letter: T02, original notification and content.
    pub(super) fn letter(&mut self, when: Timestamp, letter: &Letter, out: &mut Vec<Outgoing>) {
        let sent = plus_seconds(when, 15);
        let one = self.one();
        let pdf = letters::write(self.world, self.person, self.life, self.belief, letter, when);
        let content = STANDARD.encode(&pdf);
        let mut w = self.begin("MDM", "T02", "MDM_T02", sent);
        self.evn(&mut w, "T02", when, when);
        self.pid(&mut w, when, false);
        let (class, began) = letter.visit();
        let number = self.number(class, began);
        w.segment("PV1");
        w.text(1, "1");
        w.text(2, class);
        let author = letter.author(self.world);
        if one {
            w.parts(19, &[&number, "", "", "XWA", "VN"]);
        } else {
            w.text(19, &number);
        }
        let (code, name) = match (letter, one) {
            (Letter::Discharge(_), true) => ("DS", "Discharge summary"),
            (Letter::Discharge(_), false) => ("DISCH", "Discharge Summary"),
            (Letter::Emergency(_), true) => ("ED", "Emergency department summary"),
            (Letter::Emergency(_), false) => ("AELET", "A&E Letter"),
            (Letter::Clinic(_), true) => ("CL", "Clinic letter"),
            (Letter::Clinic(_), false) => ("OPLET", "Outpatient Letter"),
        };
        let id = format!("D{}{}{}", code, minute_id(when), base36(self.person.index)).to_uppercase();
        w.segment("TXA");
        w.text(1, "1");
        w.parts(2, &[code, name, if one { "XWA" } else { "" }]);
        w.text(3, "AP");
        w.raw(4, &self.time(letter.about()));
        w.parts(5, &[&author.code, author.family, author.given, "", "", author.title]);
        w.raw(6, &self.time(when));
        w.parts(9, &[&author.code, author.family, author.given, "", "", author.title]);
        w.parts(12, &[&id, if one { "XWA" } else { "" }]);
        w.text(16, &format!("{}.pdf", id.to_lowercase()));
        w.text(17, "AU");
        w.text(19, "AV");
        w.segment("OBX");
        w.text(1, "1");
        if one {
            w.text(2, "ED");
            w.parts(3, &["PDF", letter.title(), "XWA"]);
            w.raw(5, &format!("^application^pdf^Base64^{content}"));
        } else {
            // Vendor two puts the document in a coded element: an old habit, seen in real feeds.
            w.text(2, "CE");
            w.parts(3, &[code, name]);
            w.text(4, "PDF");
            w.raw(5, &format!("^CAREVIEW^application/pdf^Base64^{content}"));
        }
        w.text(11, "F");
        self.send(w, sent, out);
    }
}
