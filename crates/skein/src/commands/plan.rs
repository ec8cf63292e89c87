//! `skein plan`: how large a machine a region needs, from what was measured.

use crate::{cli::Plan, failure::Outcome, say};
use serde::Serialize;

/// What was measured, each with the command that measures it and where it is written down (docs/benchmarks.md). Two cores (AMD EPYC),
/// 27 November 2026.
mod measured {
    /// `skein bench load`: derived state of one current resource, indexes included.
    pub const DERIVED_BYTES_PER_RESOURCE: f64 = 240.0;
    /// `skein bench load`: journal of one resource that came in a bundle.
    pub const JOURNAL_BYTES_PER_RESOURCE: f64 = 96.0;
    /// `skein demo --people 300 --speed 0`: 15,500 HL7 v2 messages (ADT, ORU, SIU, MDM with PDF) in the journal, bytes each, answers
    /// included (the file, less its bundles).
    pub const JOURNAL_BYTES_PER_MESSAGE: f64 = 652.0;
    /// The same: rows of the derived state, former versions included, that came of them (64,036), and bytes of one row of the file.
    pub const ROWS_PER_MESSAGE: f64 = 4.13;
    pub const DERIVED_BYTES_PER_ROW: f64 = 339.0;
    /// `skein bench gate`: one entry of the audit trail, indexes included; a reading is two.
    pub const AUDIT_BYTES_PER_READING: f64 = 2.0 * 679.0;
    /// `skein bench identity --people 14000000`: the person index.
    pub const INDEX_BYTES_PER_PATIENT: f64 = 247.0;
    /// `skein bench load`: the rest of the process.
    pub const BASE_MEMORY_BYTES: f64 = 400e6;
    /// The demonstration: sources that know a person.
    pub const PATIENTS_PER_PERSON: f64 = 3.5;
    /// `skein bench drain`, on two cores: received, mapped, weighed, visible.
    pub const MESSAGES_PER_CORE_SECOND: f64 = 4_466.0 / 2.0;
    /// `skein bench load`, on two cores.
    pub const RESOURCES_PER_CORE_SECOND: f64 = 55_984.0 / 2.0;
    /// `skein bench page`: a first page of 2,000 resources, its client on the same cores.
    pub const CORE_SECONDS_PER_VIEW: f64 = 0.021;
}

/// Sizes of England's regions (14 million people together): messages a day and views a month for each person.
const MESSAGES_A_DAY_PER_PERSON: f64 = 1_000_000.0 / 14e6;
const VIEWS_A_DAY_PER_PERSON: f64 = 4_300_000.0 / 30.4 / 14e6;
/// A busy second beside the mean one: 140 to 11.6 messages; 7 views to 1.6.
const PEAK_MESSAGES: f64 = 12.0;
const PEAK_VIEWS: f64 = 4.4;
/// Of the cores, what may be busy at the peak.
const BUSY: f64 = 0.5;
const DAY: f64 = 86_400.0;

/// What comes out.
#[derive(Debug, Serialize)]
struct Plans {
    people: f64,
    messages_a_day: f64,
    views_a_day: f64,
    resources: f64,
    years: f64,
    cores: f64,
    memory_gb: f64,
    person_index_gb: f64,
    disk_first_gb: f64,
    disk_each_year_gb: f64,
    disk_gb: f64,
    load_hours: f64,
    rebuild_hours: f64,
    catch_up_minutes_after_a_day: f64,
    store: &'static str,
}

/// Work it out.
pub fn run(asked: &Plan) -> Outcome {
    let plans = plans(asked);
    if asked.json {
        say::line(&serde_json::to_string(&plans).unwrap_or_default());
        return Ok(());
    }
    for line in lines(&plans) {
        say::line(&line);
    }
    Ok(())
}

fn plans(asked: &Plan) -> Plans {
    use measured::*;
    let people = f64::from(asked.people);
    let messages_a_day = asked.messages_a_day.map_or(people * MESSAGES_A_DAY_PER_PERSON, f64::from);
    let views_a_day = asked.views_a_day.map_or(people * VIEWS_A_DAY_PER_PERSON, f64::from);
    let resources = people * f64::from(asked.resources);
    let years = f64::from(asked.years);
    let first = resources * (DERIVED_BYTES_PER_RESOURCE + JOURNAL_BYTES_PER_RESOURCE);
    let message = JOURNAL_BYTES_PER_MESSAGE + ROWS_PER_MESSAGE * DERIVED_BYTES_PER_ROW;
    let each_year = 365.25 * (messages_a_day * message + views_a_day * AUDIT_BYTES_PER_READING);
    let index = people * PATIENTS_PER_PERSON * INDEX_BYTES_PER_PATIENT;
    let disk = first + years * each_year;
    // A tenth of what is on the disk is read again and again.
    let memory = index + BASE_MEMORY_BYTES + (disk * 0.02).clamp(1e9, 64e9);
    let processing = messages_a_day / DAY * PEAK_MESSAGES / MESSAGES_PER_CORE_SECOND;
    let showing = views_a_day / DAY * PEAK_VIEWS * CORE_SECONDS_PER_VIEW;
    let cores = ((processing + showing) / BUSY).ceil().max(2.0);
    let load = resources / (RESOURCES_PER_CORE_SECOND * cores.min(4.0));
    // Many cores map; one applies in order, at about what two do.
    let apply = MESSAGES_PER_CORE_SECOND * 2.0;
    let rebuild = load + years * 365.25 * messages_a_day / apply;
    let catch_up = messages_a_day / apply;
    Plans {
        people,
        messages_a_day,
        views_a_day,
        resources,
        years,
        cores,
        memory_gb: memory / 1e9,
        person_index_gb: index / 1e9,
        disk_first_gb: first / 1e9,
        disk_each_year_gb: each_year / 1e9,
        disk_gb: disk / 1e9,
        load_hours: load / 3600.0,
        rebuild_hours: rebuild / 3600.0,
        catch_up_minutes_after_a_day: catch_up / 60.0,
        store: if disk > 8e12 { "postgresql" } else { "files" },
    }
}

fn lines(plans: &Plans) -> Vec<String> {
    let store = match plans.store {
        "files" => "Files in the data folder: it fits on one machine's disks.",
        _ => "PostgreSQL: more than one machine's disks hold comfortably.",
    };
    vec![
        format!(
            "{:.0} people, {:.0} messages and {:.0} views of a record a day, {:.1} million resources to begin with.",
            plans.people,
            plans.messages_a_day,
            plans.views_a_day,
            plans.resources / 1e6
        ),
        String::new(),
        format!("cores      {:>9.0}    half of them busy at the peak second", plans.cores),
        format!("memory     {:>9.1} GB of it {:.1} GB the person index", plans.memory_gb, plans.person_index_gb),
        format!("disk       {:>9.0} GB at the start", plans.disk_first_gb),
        format!("           {:>9.0} GB more each year", plans.disk_each_year_gb),
        format!("           {:>9.0} GB after {:.0} years; backups not counted", plans.disk_gb, plans.years),
        format!("loading    {:>9.1} h  once", plans.load_hours),
        format!(
            "rebuild    {:>9.1} h  of the derived state from the journal, after {:.0} years",
            plans.rebuild_hours, plans.years
        ),
        format!("catching up {:>8.1} min after a day without Skein", plans.catch_up_minutes_after_a_day),
        String::new(),
        store.to_owned(),
        "From figures measured on two cores (docs/benchmarks.md): run `skein bench` on your machine and compare."
            .to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(people: u32) -> Plan {
        Plan { people, messages_a_day: None, views_a_day: None, resources: 1_250, years: 8, json: false }
    }

    #[test]
    fn fourteen_million_people_need_what_the_measured_figures_say() {
        let plans = plans(&asked(14_000_000));
        assert!((999_000.0..1_001_000.0).contains(&plans.messages_a_day), "{plans:?}");
        // 17.5 thousand million resources of 336 bytes.
        assert!((5_800.0..5_900.0).contains(&plans.disk_first_gb), "{plans:?}");
        assert!((11.0..13.0).contains(&plans.person_index_gb), "{plans:?}");
        assert_eq!(plans.cores, 2.0, "{plans:?}");
    }

    #[test]
    fn twice_the_people_need_twice_the_disk_and_what_is_given_counts() {
        let (one, two) = (plans(&asked(1_000_000)), plans(&asked(2_000_000)));
        assert!((two.disk_gb / one.disk_gb - 2.0).abs() < 1e-9);
        let busy = plans(&Plan { messages_a_day: Some(200_000_000), ..asked(1_000_000) });
        assert!(busy.cores > 20.0 && busy.disk_each_year_gb > 100.0 * one.disk_each_year_gb, "{busy:?}");
    }
}
