//! What a monitor reads: every number that the alert rules and the dashboard speak of is there, and nobody's data.

use crate::harness::{Region, Setup, http, say};
use std::{collections::BTreeSet, net::SocketAddr, path::Path};

/// With a backup and a source of a usual silence, for there are numbers of them.
const METRICS: &str = "[metrics]\naddress = \"127.0.0.1:0\"\n[backup]\nto = \".\"\nrecipients = \
    [\"age1fsqm0ldjq2xr4fnydsz4qe9c7m7dz7qu9awnsfuzklsxvrfsfguqr8m5lc\"]\n\
    [[source]]\nsource = \"rzz\"\nquiet_after = \"30m\"\n[source.feeds.rzz-lims]\nwhat = \"results\"\nquiet_after = \"2h\"\n";

fn region() -> (Region, SocketAddr) {
    let mut region = Region::prepared(Setup { more: METRICS.into(), ..Setup::default() });
    region.serve();
    let metrics = region.metrics().expect("the region says where a monitor reads");
    (region, metrics)
}

fn scrape(metrics: SocketAddr) -> String {
    let answer = http::request(metrics, "GET", "/metrics", &[], b"").expect(200);
    assert!(answer.header("content-type").unwrap_or_default().starts_with("application/openmetrics-text"));
    answer.text()
}

/// Names of metrics in a text: words that begin with `skein_`.
fn names(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("skein_"))
        .map(str::to_owned)
        .collect()
}

fn value(text: &str, begins: &str) -> Option<f64> {
    text.lines().find(|line| line.starts_with(begins))?.rsplit(' ').next()?.parse().ok()
}

#[test]
fn every_number_of_the_alert_rules_and_the_dashboard_is_measured() {
    let (region, metrics) = region();
    let mut sender = region.sender("rcb-adt");
    assert_eq!(sender.send(&say::Adt::new("A01", "1001", "20250301120000").bytes()).code(), "AA");
    // A fault, so that the desk has something to count.
    let nobody = b"MSH|^~\\&|PAS|RCB|ROUTE|ROUTE|20250301120000||ADT^A08|F1|P|2.4\rEVN|A08|20250301120000\rPID|1||||NOBODY\rPV1|1|N\r";
    sender.send(nobody);
    region.until_caught_up();
    http::request(region.http(), "GET", "/record/none", &[], b"");
    let text = scrape(metrics);
    let there = names(&text);
    // There only when it happens: somebody subscribed.
    let seldom = ["skein_subscriptions"];
    for file in ["alerts.yml", "grafana.json"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/run-it/monitoring").join(file);
        let rules = std::fs::read_to_string(path).unwrap();
        let wanted = names(&rules);
        assert!(wanted.len() > 8, "{file} speaks of {} numbers", wanted.len());
        for name in wanted.iter().filter(|name| !seldom.contains(&name.as_str())) {
            assert!(there.contains(name), "{file} speaks of {name}, which is not measured:\n{text}");
        }
    }
    assert!(value(&text, "skein_source_messages_total{source=\"rcb\"}").unwrap_or(0.0) >= 1.0, "{text}");
    assert_eq!(value(&text, "skein_processing_stopped"), Some(0.0));
    assert_eq!(value(&text, "skein_waiting_entries"), Some(0.0));
    assert!(value(&text, "skein_disk_free_bytes").unwrap_or(0.0) > 0.0);
    assert!(text.trim_end().ends_with("# EOF"), "OpenMetrics ends so");
}

/// Each rule fires on what it is for and from when it is meant to, alone of all; a region at rest has none.
#[test]
fn each_alert_fires_on_what_it_is_for_and_on_nothing_else() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/run-it/monitoring");
    let promtool = std::env::var_os("SKEIN_PROMTOOL").unwrap_or_else(|| "promtool".into());
    let run =
        std::process::Command::new(&promtool).args(["test", "rules", "alerts.test.yml"]).current_dir(&folder).output();
    let run = run.unwrap_or_else(|error| {
        panic!("{}: {error}: install Prometheus, or name its promtool in SKEIN_PROMTOOL", promtool.display())
    });
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let (rules, tests) = (text("alerts.yml"), text("alerts.test.yml"));
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 20, "{alerts:?}");
    for alert in alerts {
        assert!(tests.contains(&format!("alertname=\"{alert}\"")), "nothing says when {alert} fires");
    }
}

#[test]
fn each_feed_of_a_source_is_measured_for_itself() {
    let (region, metrics) = region();
    let mut sender = region.sender("rcb-adt");
    assert_eq!(sender.send(&say::Adt::new("A01", "1001", "20250301120000").bytes()).code(), "AA");
    region.until_caught_up();
    let text = scrape(metrics);
    let of = |name: &str, feed: &str| {
        let line = |order: &str| value(&text, &format!("{name}{{{order}}}"));
        line(&format!("source=\"rcb\",feed=\"{feed}\"")).or_else(|| line(&format!("feed=\"{feed}\",source=\"rcb\"")))
    };
    assert_eq!(of("skein_feed_messages_total", "rcb-adt"), Some(1.0), "{text}");
    assert!(of("skein_feed_last_message_timestamp_seconds", "rcb-adt").unwrap_or(0.0) > 1.7e9, "{text}");
    assert_eq!(of("skein_feed_silent", "rcb-adt"), Some(0.0), "{text}");
    // What its profile says, before anything came.
    assert_eq!(value(&text, "skein_source_quiet_after_seconds{source=\"rzz\"}"), Some(1800.0), "{text}");
    let told = value(&text, "skein_feed_quiet_after_seconds{source=\"rzz\",feed=\"rzz-lims\"}");
    assert_eq!(told, Some(7200.0), "{text}");
    assert_eq!(value(&text, "skein_telling_held_up_seconds"), Some(0.0));
    assert_eq!(value(&text, "skein_deliveries_failing"), Some(0.0));
}

#[test]
fn a_monitor_reads_nothing_about_a_person_and_no_path() {
    let (region, metrics) = region();
    let message = say::Adt::new("A01", "1001", "20250301120000").traced("9990000018").named("SECRET^SURNAME").bytes();
    assert_eq!(region.sender("rcb-adt").send(&message).code(), "AA");
    region.until_caught_up();
    http::request(region.http(), "GET", "/record/9990000018?name=SECRET", &[], b"");
    http::request(region.http(), "GET", "/9990000018/SECRET", &[], b"");
    let text = scrape(metrics);
    for private in ["9990000018", "SECRET", "SURNAME", "1001"] {
        assert!(!text.contains(private), "{private} is in\n{text}");
    }
    // Its own listener alone: not where users and systems come in.
    assert_eq!(http::request(region.http(), "GET", "/metrics", &[], b"").status, 404);
}

#[test]
fn a_process_says_that_it_lives_and_that_it_is_ready() {
    let region = Region::start();
    assert_eq!(http::request(region.http(), "GET", "/healthz", &[], b"").expect(200).text(), "alive\n");
    assert_eq!(http::request(region.http(), "GET", "/readyz", &[], b"").expect(200).text(), "ready\n");
}
