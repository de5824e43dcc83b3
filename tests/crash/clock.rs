//! A clock that jumps under the broker: forward it destroys no key, back it makes no time twice.

use keybroker_tests::{Asks as _, Broker, FaultyDisk, Setup, eventually};
use serde_json::Value;

const DAY_S: i64 = 86_400;

/// A broker whose clock the test sets, with one key in the bin.
fn broker() -> (Broker, FaultyDisk) {
    let mut broker = Setup::new()
        .edit(|config| {
            config["scheduler"].as_table_mut().unwrap().insert("every-ms".into(), 100.into());
        })
        .init();
    let disk = FaultyDisk::under(&broker);
    broker.put_behind(Some(&disk));
    broker.serve();
    broker.admin().create("binned", "oct", 256);
    broker.admin().call("DELETE", "/keys/binned", None).with_status(200);
    (broker, disk)
}

fn suspended(broker: &Broker) -> bool {
    broker.metrics().sum("keybroker_clock_suspended", &[]) > 0.5
}

fn latest_time(broker: &Broker) -> String {
    broker.audit().last().unwrap()["time"].as_str().unwrap().to_owned()
}

fn purges(broker: &Broker) -> Vec<Value> {
    broker.audit().into_iter().filter(|entry| entry["operation"] == "purge-key").collect()
}

#[test]
fn a_forward_jump_purges_nothing_until_the_clock_is_accepted() {
    let (mut broker, disk) = broker();
    // Beyond the bin's 90 days, and still within the certificates' dates on this side of the connection.
    disk.set_clock_wrong_by(200 * DAY_S);
    eventually("the scheduler to be suspended", || suspended(&broker).then_some(()));
    // Also a new process, which saw nothing of the jump itself, does not believe it.
    broker.kill9();
    broker.serve();
    eventually("the scheduler to be suspended again", || suspended(&broker).then_some(()));
    assert_eq!(purges(&broker), [] as [Value; 0]);
    disk.set_clock_wrong_by(0);
    broker.restart();
    eventually("the scheduler to go on", || (!suspended(&broker)).then_some(()));
    broker.admin().get("/deletedkeys/binned").with_status(200);
    assert_eq!(purges(&broker), [] as [Value; 0]);

    disk.set_clock_wrong_by(200 * DAY_S);
    eventually("the scheduler to be suspended", || suspended(&broker).then_some(()));
    broker.ask(&["clock", "accept"]);
    eventually("the purge that is due now", || (!purges(&broker).is_empty()).then_some(()));
}

#[test]
fn a_clock_that_runs_back_makes_no_time_twice() {
    let (mut broker, disk) = broker();
    let mark = latest_time(&broker);
    for wrong_by_s in [-2 * DAY_S, -400 * DAY_S] {
        disk.set_clock_wrong_by(wrong_by_s);
        broker.kill9();
        broker.serve();
        broker.ask(&["grants"]);
        let now = latest_time(&broker);
        // To the second: the mark is kept so.
        assert!(now[..19] >= mark[..19], "{now} after {mark}");
    }
    assert_eq!(purges(&broker), [] as [Value; 0]);
}
