//! Get over KMIP: vCenter's request for a key that it has had before.

use keybroker_tests::desk::{get, kmip, owner, speak};

use crate::report::{Report, Row};
use crate::{Goal, Plan, RUNS, load};

const NAME: &str = "KMIP Get";

pub fn measure(plan: &Plan, report: &mut Report) {
    if !plan.has(NAME) {
        return;
    }
    let broker = kmip(&[]).start();
    let client = owner(&broker, "owner");
    let request = get(&speak(&client).create(Some("bench")));
    let asking = |_| {
        let speaker = speak(&client);
        assert_eq!(speaker.ask(&request).key().len(), 32);
        let request = &request;
        move || assert_eq!(speaker.ask(request).failure(), None)
    };
    let cpu_us = || load::process_cpu_us(broker.pid());
    for &connections in &plan.connections {
        let runs: Vec<_> = (0..RUNS).map(|_| load::run_each(&asking, &cpu_us, connections, plan.each)).collect();
        report.row(Row::of(NAME, connections, &[0.0], &runs, Goal::None));
    }
}
