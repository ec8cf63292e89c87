//! The bytes of a folding state: small, and read without trust (a state that cannot be read counts as none).

use crate::{
    change::EventTime,
    fold::clock::Clock,
    time::{Precision, When},
};
use jiff::Timestamp;

#[derive(Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub fn number(&mut self, mut value: u64) {
        loop {
            let low = value.to_le_bytes().first().copied().unwrap_or(0) & 0x7f;
            value >>= 7;
            if value == 0 {
                return self.bytes.push(low);
            }
            self.bytes.push(low | 0x80);
        }
    }

    pub fn count(&mut self, value: usize) {
        self.number(u64::try_from(value).unwrap_or(u64::MAX));
    }

    pub fn signed(&mut self, value: i64) {
        self.number((value.wrapping_shl(1) ^ (value >> 63)).cast_unsigned());
    }

    pub fn text(&mut self, text: &str) {
        self.count(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Seconds after `base`, with the fraction only where there is one.
    pub fn instant(&mut self, at: Timestamp, base: Timestamp) {
        let mut seconds = at.as_second();
        let mut nanos = at.subsec_nanosecond();
        if nanos < 0 {
            seconds -= 1;
            nanos += 1_000_000_000;
        }
        let delta = seconds.wrapping_sub(base_seconds(base));
        self.signed(delta.wrapping_shl(1) | i64::from(nanos != 0));
        if nanos != 0 {
            self.number(u64::from(nanos.unsigned_abs()));
        }
    }

    pub fn time(&mut self, time: EventTime) {
        self.instant(time.recorded, EPOCH);
        self.instant(time.occurred, time.recorded);
        self.instant(time.sent, time.recorded);
    }

    pub fn clock(&mut self, clock: &Clock) {
        self.byte(clock.tier << 4 | clock.rank & 15);
        self.time(clock.time);
        self.number(u64::from(clock.tie));
    }

    pub fn when(&mut self, when: &When, base: Timestamp) {
        self.byte(when.precision as u8);
        self.signed(i64::from(when.offset_minutes));
        self.instant(when.at, base);
    }
}

/// 2020-01-01, so that the times of our day take few bytes.
pub(crate) const EPOCH: Timestamp = Timestamp::constant(1_577_836_800, 0);

fn base_seconds(base: Timestamp) -> i64 {
    if base.subsec_nanosecond() < 0 { base.as_second() - 1 } else { base.as_second() }
}

pub(crate) struct Reader<'b> {
    bytes: &'b [u8],
}

impl<'b> Reader<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Reader { bytes }
    }

    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    pub fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A count of things that take at least a byte each: a larger one than the bytes that are left is a lie.
    pub fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.bytes.len()).then_some(count)
    }

    pub fn signed(&mut self) -> Option<i64> {
        let value = self.number()?;
        Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    pub fn text(&mut self) -> Option<&'b str> {
        let length = self.count()?;
        let (text, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        std::str::from_utf8(text).ok()
    }

    pub fn instant(&mut self, base: Timestamp) -> Option<Timestamp> {
        let packed = self.signed()?;
        let seconds = base_seconds(base).wrapping_add(packed >> 1);
        let nanos = if packed & 1 == 1 { i32::try_from(self.number()?).ok()? } else { 0 };
        Timestamp::new(seconds, nanos).ok()
    }

    pub fn time(&mut self) -> Option<EventTime> {
        let recorded = self.instant(EPOCH)?;
        let occurred = self.instant(recorded)?;
        let sent = self.instant(recorded)?;
        Some(EventTime { recorded, occurred, sent })
    }

    pub fn clock(&mut self) -> Option<Clock> {
        let packed = self.byte()?;
        let time = self.time()?;
        let tie = u32::try_from(self.number()?).ok()?;
        Some(Clock { tier: packed >> 4, rank: packed & 15, time, tie })
    }

    pub fn when(&mut self, base: Timestamp) -> Option<When> {
        let precision = Precision::from_code(self.byte()?)?;
        let offset_minutes = i16::try_from(self.signed()?).ok()?;
        let at = self.instant(base)?;
        Some(When { at, offset_minutes, precision })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(number: u64, signed: i64, text: String, seconds in -8_000_000_000i64..8_000_000_000, nanos in 0i32..1_000_000_000, tier in 0u8..3, rank in 0u8..16, tie: u32) {
            let at = Timestamp::new(seconds, nanos).unwrap();
            let clock = Clock { tier, rank, tie, time: EventTime { recorded: at, occurred: EPOCH, sent: at } };
            let when = When { at, offset_minutes: 60, precision: Precision::Minute };
            let mut w = Writer::default();
            w.number(number);
            w.signed(signed);
            w.text(&text);
            w.clock(&clock);
            w.when(&when, at);
            let bytes = w.finish();
            let mut r = Reader::new(&bytes);
            prop_assert_eq!(r.number(), Some(number));
            prop_assert_eq!(r.signed(), Some(signed));
            prop_assert_eq!(r.text(), Some(text.as_str()));
            prop_assert_eq!(r.clock(), Some(clock));
            prop_assert_eq!(r.when(at), Some(when));
            prop_assert_eq!(r.byte(), None);
        }

        #[test]
        fn noise_is_no_state_and_no_panic(bytes: Vec<u8>) {
            let mut r = Reader::new(&bytes);
            while r.clock().is_some() || r.text().is_some() || r.when(EPOCH).is_some() {}
        }
    }
}
