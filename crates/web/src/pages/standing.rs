//! What pages say above themselves while a part of Skein does not do its work: since when they are not up to date, and who is told
//! nothing. What was known last is shown all the same.

use super::{Here, deliveries};
use crate::state::Site;
use notify::HeldUp;
use record::when;

/// Receivers named above a page; the desk of deliveries has all.
const UNDELIVERED_MAX: usize = 5;

/// Since when, and why, a page is not up to date: a line each.
pub(super) fn not_up_to_date(site: &Site, own: bool, here: Here) -> Vec<String> {
    behind(site, own).into_iter().chain(held_up(site, here)).collect()
}

/// What every page says while a part of Skein does not do its work, for a record that looks complete and is not must not be read
/// as one that is.
fn behind(site: &Site, own: bool) -> Option<String> {
    let engine = site.engine.as_ref()?;
    let now = site.now();
    let ask = "For anything newer, ask the hospital, practice or service itself.";
    // A person is told that it is so and whom to ask; what has stopped says nothing to them.
    let plain = |since: &str| {
        format!(
            "Nothing new has come into your record since {since}. For anything newer, ask your practice or hospital."
        )
    };
    if let Some(since) = engine.fault_since() {
        let since = when::time_or_date(since, now);
        if own {
            return Some(plain(&since));
        }
        return Some(format!(
            "Nothing new has been added to records since {since}: a part of Skein has stopped. {ask}"
        ));
    }
    if let Some(since) = engine.stale_since() {
        let since = when::time_or_date(since, now);
        return Some(match own {
            true => plain(&since),
            false => format!(
                "Records are shown as they were at {since}: what has come in since will be shown a little later. {ask}"
            ),
        });
    }
    let held = engine.journal().held()?;
    let since = when::time_or_date(held.since, now);
    if own {
        return Some(plain(&since));
    }
    Some(format!(
        "Nothing new is taken from hospitals, practices and services since {since}: this region’s disk is nearly full. They keep it and send it again. {ask}"
    ))
}

/// What pages of teams, and the desks of those who look after systems, say while what teams are told is held up.
fn held_up(site: &Site, here: Here) -> Option<String> {
    if !matches!(here, Here::Teams | Here::Requests | Here::Told | Here::Desk | Here::Status) {
        return None;
    }
    let held = telling(site)?;
    let since = when::time_or_date(held.since(), site.now());
    Some(match held {
        HeldUp::News(_) => format!(
            "Nothing that has come in since {since} is in inboxes, caseloads, windows, boards and lists of requests: a part of Skein \
             is held up. People’s records are not affected: for anything newer, open the record or ask the service itself."
        ),
        HeldUp::Due(_) => format!(
            "No notice has been passed on since {since}, and no list by rule made again: a part of Skein is held up. What nobody \
             acknowledged still waits in the inbox it came to."
        ),
    })
}

/// The moment from which nothing is counted and told, where that is held up.
pub(super) fn counted_until(site: &Site) -> Option<String> {
    match telling(site)? {
        HeldUp::News(since) => Some(when::time_or_date(since, site.now())),
        HeldUp::Due(_) => None,
    }
}

/// Whether what teams are told is held up.
pub(super) fn is_held_up(site: &Site) -> bool {
    telling(site).is_some()
}

fn telling(site: &Site) -> Option<HeldUp> {
    let notices = site.notices.as_ref()?;
    notices.held_up(site.now()).unwrap_or_else(|failure| {
        // What cannot be read at all, its page says itself.
        tracing::error!(%failure, "whether telling is held up cannot be found out");
        None
    })
}

/// Which receivers are told nothing, and since when: for the desks of those who look after systems.
pub(super) fn undelivered(site: &Site, here: Here) -> Vec<String> {
    if !matches!(here, Here::Desk | Here::Status) {
        return Vec::new();
    }
    let mut failing = deliveries::failing(site).unwrap_or_else(|failure| {
        tracing::error!(%failure, "whether deliveries fail cannot be found out");
        Vec::new()
    });
    let more = failing.len().saturating_sub(UNDELIVERED_MAX);
    failing.truncate(UNDELIVERED_MAX);
    if more > 0 {
        failing.push(format!("And {more} more."));
    }
    failing
}
