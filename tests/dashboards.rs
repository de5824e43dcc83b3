//! What operators are given to watch with works: a real Prometheus scrapes a real broker under load, every panel's query
//! gives data, every alert can be evaluated, and each has a case in which it fires.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use keybroker_tests::{
    Asks as _, Broker, Connection, Prometheus, Setup, WAIT_MAX, deploy_folder, eventually, promtool, run, unb64,
};
use serde_json::Value;

/// What Grafana fills in, and what it is here: Prometheus scrapes each second.
const VARIABLES: [(&str, &str); 3] = [("$__rate_interval", "15s"), ("$instance", ".*"), ("$backend", ".*")];

/// What is there only where sinks of the audit, a web hook or an HSM are configured; their panels show 0 without.
const CONFIGURED: [&str; 6] = [
    "keybroker_audit_sink_entries_total",
    "keybroker_audit_sink_waiting_entries",
    "keybroker_hsm_events_total",
    "keybroker_hsm_sessions",
    "keybroker_hsm_token_serving",
    "keybroker_webhook_notices_total",
];

const SECRET: [u8; 32] = [0x5E; 32];

fn rules_file() -> PathBuf {
    deploy_folder().join("prometheus/keybroker.rules.yml")
}

fn dashboards() -> Vec<Value> {
    ["keys", "service"]
        .iter()
        .map(|name| deploy_folder().join(format!("grafana/{name}.json")))
        .map(|file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
        .collect()
}

/// The panels of a dashboard that show something.
fn panels(dashboard: &Value) -> Vec<&Value> {
    dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row").collect()
}

/// The title and the queries of each panel, variables filled in.
fn queries() -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for dashboard in dashboards() {
        for panel in panels(&dashboard) {
            let title = format!("{}: {}", dashboard["title"].as_str().unwrap(), panel["title"].as_str().unwrap());
            for target in panel["targets"].as_array().unwrap() {
                let query = target["expr"].as_str().unwrap().to_owned();
                let filled = VARIABLES.iter().fold(query, |query, (name, value)| query.replace(name, value));
                assert!(!filled.contains('$'), "{title}: {filled}");
                queries.push((title.clone(), filled));
            }
        }
    }
    queries
}

/// Creates, wraps, unwraps and rotates until it is dropped.
struct Load {
    stop: Arc<AtomicBool>,
    worker: Option<JoinHandle<()>>,
}

impl Load {
    fn on(broker: &Broker) -> Self {
        // A few refusals of each kind; as many as an alert would notice are not wanted here.
        let admin = broker.admin().connect().unwrap();
        let key = admin.create("load", "RSA", 2048);
        let wrapped = unb64(&admin.wrap(&key, "RSA-OAEP-256", &SECRET).with_status(200).json()["value"]);
        broker.client_of("nobody").unwrap(&key, "RSA-OAEP-256", &wrapped).with_status(403);
        assert_eq!(broker.client(None).denied(), "CertificateRequired");
        broker.reload();
        let stop = Arc::new(AtomicBool::new(false));
        let worker = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                for turn in (0_u64..).take_while(|_| !stop.load(Ordering::Relaxed)) {
                    work(&admin, turn);
                }
            }
        });
        Self { stop, worker: Some(worker) }
    }
}

fn work(admin: &Connection, turn: u64) {
    // A fresh key each time: one key has room for a thousand versions, and a slow machine may be at this for long.
    let fresh = format!("load-{turn}");
    admin.create(&fresh, "oct", 256);
    admin.rotate(&fresh);
    for (algorithm, name) in [("A256KW", fresh.as_str()), ("RSA-OAEP-256", "load")] {
        let key = format!("/keys/{name}");
        let wrapped = unb64(&admin.wrap(&key, algorithm, &SECRET).with_status(200).json()["value"]);
        admin.unwrap(&key, algorithm, &wrapped).with_status(200);
        admin.get(&key).with_status(200);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A worker that panicked has said why already.
        let _panicked = self.worker.take().map(JoinHandle::join);
    }
}

#[test]
fn every_panel_shows_data_and_every_alert_is_evaluated_against_a_live_broker() {
    let broker = Setup::new().start();
    let prometheus = Prometheus::scraping(broker.metrics_address(), &rules_file());
    let _load = Load::on(&broker);
    let queries = queries();
    for (title, query) in &queries {
        // Under load each of them must come to a number; NaN is what a ratio of nothing is.
        eventually(&format!("data in the panel {title:?}: {query}"), || {
            let samples = prometheus.query(query);
            samples.iter().any(|sample| sample["value"][1] != "NaN").then_some(())
        });
    }
    let rules = eventually("every rule evaluated", || {
        let rules = prometheus.rules();
        rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
    });
    assert!(!rules.is_empty());
    for rule in &rules {
        assert_eq!(rule["health"], "ok", "{rule}");
        // A broker that does what it should wakes nobody.
        assert!(rule["type"] == "recording" || rule["state"] == "inactive", "{rule}");
    }
    every_metric_is_there(&broker, &queries, &rules);
    eprintln!("{} queries, {} rules", queries.len(), rules.len());
}

/// A name with a slip in it would be an alert that never fires.
fn every_metric_is_there(broker: &Broker, queries: &[(String, String)], rules: &[Value]) {
    let page = broker.metrics();
    let said: BTreeSet<&str> =
        page.0.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let of_rules = rules.iter().map(|rule| rule["query"].as_str().unwrap());
    for expression in queries.iter().map(|(_, query)| query.as_str()).chain(of_rules) {
        for name in metrics_in(expression) {
            let whole = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            // A metric without any series is not on the page: only what the configuration brings may be so.
            assert!(
                said.contains(whole) || CONFIGURED.contains(&whole),
                "/metrics has no {name}, which stands in: {expression}"
            );
        }
    }
}

/// The names of our metrics in an expression; recorded ones have a colon behind the prefix.
fn metrics_in(expression: &str) -> Vec<&str> {
    let words = expression.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'));
    words.filter(|word| word.starts_with("keybroker_")).collect()
}

#[test]
fn promtool_passes_the_rules_and_their_tests() {
    let tests = deploy_folder().join("prometheus/keybroker.rules.test.yml");
    for (words, file) in [(["check", "rules"], rules_file()), (["test", "rules"], tests)] {
        let done = run(promtool().args(words).arg(file), WAIT_MAX * 4);
        let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(done.status.success(), "promtool {words:?}:\n{said}");
    }
}

#[test]
fn every_alert_says_what_to_do_and_has_a_firing_and_a_silent_case() {
    let rules = std::fs::read_to_string(rules_file()).unwrap();
    let tests = std::fs::read_to_string(deploy_folder().join("prometheus/keybroker.rules.test.yml")).unwrap();
    let alerts: Vec<&str> = rules.split("\n      - alert: ").skip(1).collect();
    assert!(alerts.len() > 10, "{}", alerts.len());
    for alert in alerts {
        let (name, rest) = alert.split_once('\n').unwrap();
        for field in ["          summary: ", "          description: ", "          runbook: "] {
            assert_eq!(rest.matches(&format!("\n{field}")).count(), 1, "{name}: {field}");
        }
        assert!(rest.contains("severity: page }") || rest.contains("severity: ticket }"), "{name}");
        for case in [format!("- name: \"{name} fires\"\n"), format!("- name: \"{name} is silent: ")] {
            assert_eq!(tests.matches(&case).count(), 1, "{case}");
        }
    }
}

#[test]
fn every_dashboard_is_one_that_grafana_loads() {
    let mut uids = BTreeSet::new();
    for dashboard in dashboards() {
        let title = dashboard["title"].as_str().unwrap();
        assert!(uids.insert(dashboard["uid"].as_str().unwrap().to_owned()), "{title}: its uid stands twice");
        assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 39, "{title}");
        assert!(dashboard["id"].is_null(), "{title}: an id is given by the Grafana that loads it");
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        assert!(variables.iter().any(|one| one["name"] == "datasource" && one["type"] == "datasource"), "{title}");
        let mut ids = BTreeSet::new();
        let mut taken = BTreeMap::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            let name = format!("{title}: {}", panel["title"]);
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: its id stands twice");
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
            assert!(w > 0 && h > 0 && x + w <= 24, "{name}");
            for square in (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line))) {
                let other = taken.insert(square, name.clone());
                assert!(other.is_none(), "{name} lies over {other:?}");
            }
        }
        for panel in panels(&dashboard) {
            let name = format!("{title}: {}", panel["title"]);
            assert!(panel["description"].as_str().unwrap().len() > 20, "{name}: no description");
            assert!(!panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap().is_empty(), "{name}: no unit");
            assert!(!panel["targets"].as_array().unwrap().is_empty(), "{name}");
            for part in panel["targets"].as_array().unwrap().iter().chain([panel]) {
                assert_eq!(part["datasource"]["uid"], "${datasource}", "{name}");
            }
        }
    }
}
