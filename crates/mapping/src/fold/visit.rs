//! A visit is the sum of its events: admitted, moved, discharged, and the cancelling of each. The events are kept and the
//! status, the period and the locations are derived from them anew each time, so that news may come in any order.

use crate::{
    change::EventTime,
    fold::codec::{EPOCH, Reader, Writer},
    json::{Json, Object, object},
    time::When,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What happened to a visit. In the order that events of the very same time are taken. The numbers are written to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub(crate) enum Movement {
    /// Expected (A05, A14).
    PreAdmit = 1,
    /// Came as an outpatient or to A&E (A04, A07).
    Register = 2,
    /// Admitted to a bed (A01, A06).
    Admit = 3,
    /// To another place (A02, A17).
    Transfer = 4,
    /// On leave (A21).
    Leave = 5,
    /// Back from leave (A22).
    Return = 6,
    /// Left (A03).
    Discharge = 7,
    /// Not expected after all (A27, A38).
    CancelPreAdmit = 8,
    /// The admission or registration did not happen (A11).
    CancelAdmit = 9,
    /// The move did not happen (A12).
    CancelTransfer = 10,
    /// The discharge did not happen (A13).
    CancelDischarge = 11,
    /// The leave did not happen (A52).
    CancelLeave = 12,
    /// The return did not happen (A53).
    CancelReturn = 13,
    /// The visit never was, or lives on as another (A23, A42, A50).
    Void = 14,
}

impl Movement {
    const ALL: [Movement; 14] = [
        Self::PreAdmit,
        Self::Register,
        Self::Admit,
        Self::Transfer,
        Self::Leave,
        Self::Return,
        Self::Discharge,
        Self::CancelPreAdmit,
        Self::CancelAdmit,
        Self::CancelTransfer,
        Self::CancelDischarge,
        Self::CancelLeave,
        Self::CancelReturn,
        Self::Void,
    ];

    fn from_code(code: u8) -> Option<Movement> {
        Self::ALL.into_iter().find(|m| *m as u8 == code)
    }
}

/// A place, as shown: a ward, perhaps a bed, in a building.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Whose names these are.
    pub system: String,
    /// The source's own name for it, stable and whole: `RXX01|W12|B4`.
    pub value: String,
    /// For people.
    pub display: String,
    /// `wa` ward, `bd` bed, `bu` building (location-physical-type).
    pub kind: String,
}

/// What a message says of a visit's course.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct VisitNews {
    pub movement: Option<Movement>,
    /// When the movement happened.
    pub when: WhenSerde,
    /// Encounter class code.
    pub class: String,
    /// Where the patient is (of a cancelled move: where the patient is again).
    pub place: Option<Place>,
    /// Where the patient was.
    pub prior: Option<Place>,
    /// PV1-44.
    pub admitted: Option<WhenSerde>,
    /// PV1-45.
    pub ended: Option<WhenSerde>,
    /// A move that is expected: where to. `Some(None)`: no longer expected.
    pub pending: Option<Option<Place>>,
}

/// [`When`] for serde.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct WhenSerde {
    at: Timestamp,
    offset_minutes: i16,
    precision: u8,
}

impl From<When> for WhenSerde {
    fn from(w: When) -> Self {
        WhenSerde { at: w.at, offset_minutes: w.offset_minutes, precision: w.precision as u8 }
    }
}

impl From<WhenSerde> for When {
    fn from(w: WhenSerde) -> Self {
        let precision = crate::time::Precision::from_code(w.precision).unwrap_or(crate::time::Precision::Second);
        When { at: w.at, offset_minutes: w.offset_minutes, precision }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    movement: Movement,
    when: When,
    class: String,
    place: Option<Place>,
    prior: Option<Place>,
    /// When the source wrote it down, and sent it: the newest of repeats.
    recorded: Timestamp,
    sent: Timestamp,
}

/// What was last said of something that has no history.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Latest<T> {
    time: EventTime,
    tie: u32,
    value: T,
}

/// What a message that is no movement shows of a visit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Glimpse {
    place: Option<Place>,
    end: Option<When>,
    class: String,
}

/// The events of a visit so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct VisitState {
    events: Vec<Event>,
    admitted: Option<Latest<When>>,
    /// Where the patient was, or had been discharged, according to a message that is no movement (A08).
    seen: Option<Latest<Glimpse>>,
    pending: Option<Latest<Option<Place>>>,
}

/// The most moves, and the most other events, kept of one visit: the newest. A stay of 200 moves keeps its last 96.
/// Keeping the newest of a set does not depend on the order the set came in.
const MOVES_MAX: usize = 96;
const OTHERS_MAX: usize = 48;

fn newest<T: Ord>(known: &mut Option<Latest<T>>, news: Latest<T>) {
    if known.as_ref().is_none_or(|k| *k < news) {
        *known = Some(news);
    }
}

impl VisitState {
    pub fn tell(&mut self, news: &VisitNews, time: EventTime, tie: u32) {
        if let Some(admitted) = news.admitted {
            newest(&mut self.admitted, Latest { time, tie, value: admitted.into() });
        }
        if let Some(pending) = &news.pending {
            newest(&mut self.pending, Latest { time, tie, value: pending.clone() });
        }
        let Some(movement) = news.movement else {
            let value =
                Glimpse { place: news.place.clone(), end: news.ended.map(When::from), class: news.class.clone() };
            if news.place.is_some() || news.ended.is_some() || !news.class.is_empty() {
                newest(&mut self.seen, Latest { time, tie, value });
            }
            return;
        };
        let event = Event {
            movement,
            when: news.when.into(),
            class: news.class.clone(),
            place: news.place.clone(),
            prior: news.prior.clone(),
            recorded: time.recorded,
            sent: time.sent,
        };
        match self.events.iter_mut().find(|e| e.same(&event)) {
            Some(known) => {
                let newer = (known.recorded, known.sent).max((event.recorded, event.sent));
                (known.recorded, known.sent) = newer;
            }
            None => self.events.push(event),
        }
        self.events.sort_by(Event::by_record);
        for (moves, most) in [(true, MOVES_MAX), (false, OTHERS_MAX)] {
            let count = self.events.iter().filter(|e| (e.movement == Movement::Transfer) == moves).count();
            let mut surplus = count.saturating_sub(most);
            self.events.retain(|e| {
                let drop = surplus > 0 && (e.movement == Movement::Transfer) == moves;
                surplus -= usize::from(drop);
                !drop
            });
        }
    }

    /// `status`, `period`, `location`.
    pub fn derive(&self) -> Vec<(&'static str, Json)> {
        let course = self.course();
        let mut members = vec![("status", Json::from(course.status))];
        members.extend(period(course.start, course.end).map(|period| ("period", period)));
        if !course.stays.is_empty() {
            let stays: Vec<Json> = course.stays.iter().map(Stay::to_fhir).collect();
            members.push(("location", Json::from(stays)));
        }
        members
    }

    fn course(&self) -> Course<'_> {
        // The events that stand, in the order they were written down: a cancellation takes away what was written before it.
        let mut standing: Vec<&Event> = Vec::with_capacity(self.events.len());
        let (mut cancelled, mut void) = (false, false);
        let mut returned: Option<&Place> = None;
        for event in &self.events {
            let take_last = |standing: &mut Vec<&Event>, which: &dyn Fn(&Event) -> bool| {
                if let Some(at) = standing.iter().rposition(|e| which(e)) {
                    standing.remove(at);
                }
            };
            match event.movement {
                Movement::CancelPreAdmit => {
                    standing.retain(|e| e.movement != Movement::PreAdmit);
                    cancelled = true;
                }
                Movement::CancelAdmit => {
                    standing.retain(|e| e.movement == Movement::PreAdmit);
                    cancelled = true;
                }
                Movement::CancelTransfer => {
                    let is_move = |e: &Event| e.movement == Movement::Transfer;
                    let named = event
                        .prior
                        .as_ref()
                        .is_some_and(|p| standing.iter().any(|e| is_move(e) && e.place.as_ref() == Some(p)));
                    take_last(&mut standing, &|e| is_move(e) && (!named || e.place == event.prior));
                    returned = event.place.as_ref();
                }
                Movement::CancelDischarge => standing.retain(|e| e.movement != Movement::Discharge),
                Movement::CancelLeave => take_last(&mut standing, &|e| e.movement == Movement::Leave),
                Movement::CancelReturn => take_last(&mut standing, &|e| e.movement == Movement::Return),
                Movement::Void => void = true,
                _ => standing.push(event),
            }
        }
        // What stands, in the order it happened.
        standing.sort_by(|a, b| a.when.cmp(&b.when).then_with(|| a.by_record(b)));
        let last = |which: &[Movement]| standing.iter().rev().find(|e| which.contains(&e.movement)).copied();
        let begun = last(&[Movement::Admit, Movement::Register]);
        let moved = last(&[Movement::Transfer]);
        let left = last(&[Movement::Discharge])
            .filter(|d| begun.is_none_or(|b| b.when <= d.when || (b.recorded, b.sent) <= (d.recorded, d.sent)));
        let newest_movement = self.events.last().map(|e| e.recorded);
        let seen = self.seen.as_ref().map(|s| (&s.value, newest_movement.is_none_or(|m| m < s.time.recorded)));
        let seen_end = seen.filter(|(_, newer)| *newer).and_then(|(glimpse, _)| glimpse.end);
        let end = left.map(|d| d.when).or(seen_end.filter(|_| !cancelled || begun.is_some()));
        let away = last(&[Movement::Leave, Movement::Return]).is_some_and(|e| e.movement == Movement::Leave);
        let status = if void {
            "entered-in-error"
        } else if end.is_some() {
            "finished"
        } else if let Some(begun) = begun {
            let only_registered = !standing.iter().any(|e| matches!(e.movement, Movement::Admit | Movement::Transfer));
            match (away, only_registered && begun.class == "AMB") {
                (true, _) => "onleave",
                (_, true) => "arrived",
                _ => "in-progress",
            }
        } else if moved.is_some() {
            if away { "onleave" } else { "in-progress" }
        } else if standing.iter().any(|e| e.movement == Movement::PreAdmit) {
            "planned"
        } else if cancelled {
            "cancelled"
        } else {
            match seen {
                Some((Glimpse { class, .. }, _)) if class == "PRENC" => "planned",
                Some((Glimpse { place, class, .. }, _)) if place.is_some() || !class.is_empty() => "in-progress",
                _ if !self.events.is_empty() => "in-progress",
                _ => "unknown",
            }
        };
        let first = standing.iter().find(|e| matches!(e.movement, Movement::Admit | Movement::Register));
        let happened = !matches!(status, "planned" | "cancelled" | "entered-in-error");
        let start = self.admitted.as_ref().map(|a| a.value).or(first.map(|e| e.when)).filter(|_| happened);
        let mut stays = if happened { stays(&standing, start, end) } else { Vec::new() };
        match (status, stays.last_mut()) {
            ("planned", _) => {
                let planned = standing.iter().rev().find_map(|e| e.place.as_ref());
                let planned = planned.or(self.seen.as_ref().and_then(|s| s.value.place.as_ref()));
                stays.extend(planned.map(|place| Stay { place, status: "planned", start: None, end: None }));
            }
            (_, Some(last)) => {
                if let Some(place) = left.and_then(|d| d.place.as_ref()).filter(|p| *p != last.place) {
                    let (place, status) = (place, "completed");
                    last.end = None;
                    stays.push(Stay { place, status, start: None, end });
                }
            }
            (_, None) if happened => {
                // No move is known: the place any other message named.
                let named = left.and_then(|d| d.place.as_ref()).or(returned);
                let named = named.or(self.seen.as_ref().and_then(|s| s.value.place.as_ref()));
                let status = if end.is_some() { "completed" } else { "active" };
                stays.extend(named.map(|place| Stay { place, status, start: None, end }));
            }
            _ => {}
        }
        if let Some(Latest { time, value: Some(place), .. }) = &self.pending
            && matches!(status, "in-progress" | "arrived" | "onleave")
            && moved.is_none_or(|m| m.recorded < time.recorded)
        {
            stays.push(Stay { place, status: "planned", start: None, end: None });
        }
        Course { status, start, end, stays }
    }

    pub fn write(&self, w: &mut Writer) {
        // The body first, for the texts it refers to are written before it.
        let mut texts = Texts(Vec::new());
        let mut body = Writer::default();
        body.count(self.events.len());
        for event in &self.events {
            body.byte(event.movement as u8);
            body.instant(event.recorded, EPOCH);
            body.instant(event.sent, event.recorded);
            body.when(&event.when, event.recorded);
            body.text(&event.class);
            texts.place(&mut body, event.place.as_ref());
            texts.place(&mut body, event.prior.as_ref());
        }
        body.byte(u8::from(self.admitted.is_some()));
        if let Some(Latest { time, tie, value }) = &self.admitted {
            body.time(*time);
            body.number(u64::from(*tie));
            body.when(value, EPOCH);
        }
        body.byte(u8::from(self.seen.is_some()));
        if let Some(Latest { time, tie, value: Glimpse { place: at, end, class } }) = &self.seen {
            body.time(*time);
            body.number(u64::from(*tie));
            texts.place(&mut body, at.as_ref());
            body.byte(u8::from(end.is_some()));
            if let Some(end) = end {
                body.when(end, EPOCH);
            }
            body.text(class);
        }
        body.byte(u8::from(self.pending.is_some()));
        if let Some(Latest { time, tie, value }) = &self.pending {
            body.time(*time);
            body.number(u64::from(*tie));
            texts.place(&mut body, value.as_ref());
        }
        w.count(texts.0.len());
        texts.0.iter().for_each(|t| w.text(t));
        body.finish().into_iter().for_each(|b| w.byte(b));
    }

    pub fn read(r: &mut Reader<'_>) -> Option<VisitState> {
        let mut texts = Vec::new();
        for _ in 0..r.count()? {
            texts.push(r.text()?);
        }
        let place = |r: &mut Reader<'_>| -> Option<Option<Place>> {
            if r.byte()? == 0 {
                return Some(None);
            }
            let mut text = || Some((*texts.get(usize::try_from(r.number()?).ok()?)?).to_owned());
            Some(Some(Place { system: text()?, value: text()?, display: text()?, kind: text()? }))
        };
        let mut state = VisitState::default();
        for _ in 0..r.count()? {
            let movement = Movement::from_code(r.byte()?)?;
            let recorded = r.instant(EPOCH)?;
            let sent = r.instant(recorded)?;
            let when = r.when(recorded)?;
            let class = r.text()?.to_owned();
            let (at, prior) = (place(r)?, place(r)?);
            state.events.push(Event { movement, when, class, place: at, prior, recorded, sent });
        }
        let latest = |r: &mut Reader<'_>| Some((r.time()?, u32::try_from(r.number()?).ok()?));
        if r.byte()? == 1 {
            let (time, tie) = latest(r)?;
            state.admitted = Some(Latest { time, tie, value: r.when(EPOCH)? });
        }
        if r.byte()? == 1 {
            let (time, tie) = latest(r)?;
            let at = place(r)?;
            let end = if r.byte()? == 1 { Some(r.when(EPOCH)?) } else { None };
            state.seen = Some(Latest { time, tie, value: Glimpse { place: at, end, class: r.text()?.to_owned() } });
        }
        if r.byte()? == 1 {
            let (time, tie) = latest(r)?;
            state.pending = Some(Latest { time, tie, value: place(r)? });
        }
        Some(state)
    }
}

/// Texts that come again and again, written once.
struct Texts<'v>(Vec<&'v str>);

impl<'v> Texts<'v> {
    fn place(&mut self, w: &mut Writer, place: Option<&'v Place>) {
        let Some(Place { system, value, display, kind }) = place else { return w.byte(0) };
        w.byte(1);
        for text in [system.as_str(), value.as_str(), display.as_str(), kind.as_str()] {
            let at = self.0.iter().position(|t| *t == text).unwrap_or_else(|| {
                self.0.push(text);
                self.0.len() - 1
            });
            w.count(at);
        }
    }
}

impl Event {
    /// The same event, perhaps told again later.
    fn same(&self, other: &Event) -> bool {
        self.movement == other.movement
            && self.when == other.when
            && self.class == other.class
            && self.place == other.place
            && self.prior == other.prior
    }

    fn by_record(&self, other: &Event) -> std::cmp::Ordering {
        let key = |e: &Event| (e.recorded, e.sent, e.movement, e.when);
        key(self)
            .cmp(&key(other))
            .then_with(|| (&self.class, &self.place, &self.prior).cmp(&(&other.class, &other.place, &other.prior)))
    }
}

/// What a visit's events come to.
struct Course<'v> {
    status: &'static str,
    start: Option<When>,
    end: Option<When>,
    stays: Vec<Stay<'v>>,
}

struct Stay<'v> {
    place: &'v Place,
    status: &'static str,
    start: Option<When>,
    end: Option<When>,
}

fn stays<'v>(standing: &[&'v Event], start: Option<When>, end: Option<When>) -> Vec<Stay<'v>> {
    let mut stays: Vec<Stay<'v>> = Vec::new();
    for event in standing {
        if !matches!(event.movement, Movement::Admit | Movement::Register | Movement::Transfer) {
            continue;
        }
        let Some(place) = &event.place else { continue };
        match stays.last_mut() {
            Some(last) if last.place == place => continue,
            Some(last) => {
                last.end = Some(event.when);
                last.status = "completed";
            }
            None => {
                if let (Movement::Transfer, Some(prior)) = (event.movement, &event.prior)
                    && prior != place
                {
                    stays.push(Stay { place: prior, status: "completed", start, end: Some(event.when) });
                }
            }
        }
        let begun = if stays.is_empty() && event.movement != Movement::Transfer {
            start.or(Some(event.when))
        } else {
            Some(event.when)
        };
        stays.push(Stay { place, status: "active", start: begun, end: None });
    }
    if let (Some(last), Some(end)) = (stays.last_mut(), end) {
        last.status = "completed";
        last.end = Some(end);
    }
    stays
}

impl Stay<'_> {
    fn to_fhir(&self) -> Json {
        let Place { system, value, display, kind } = self.place;
        let physical = match kind.as_str() {
            "bd" => "Bed",
            "bu" => "Building",
            _ => "Ward",
        };
        let coding = object! {
            "system": "http://terminology.hl7.org/CodeSystem/location-physical-type",
            "code": kind,
            "display": physical,
        };
        object! {
            "location": object! {
                "type": "Location",
                "identifier": object! { "system": system, "value": value },
                "display": display,
            },
            "status": self.status,
            "physicalType": object! { "coding": [coding] },
            "period": period(self.start, self.end),
        }
    }
}

fn period(start: Option<When>, end: Option<When>) -> Option<Json> {
    let time = |when: Option<When>| when.map(|w| w.fhir_date_time());
    Object::new().put("start", time(start)).put("end", time(end)).done()
}
