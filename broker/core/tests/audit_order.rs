//! No decided request is answered before its entry is durable; without an audit nothing is served and nothing changes.
#![allow(clippy::unwrap_used)]

mod every_verb;

use std::pin::pin;
use std::sync::atomic::Ordering;

use broker_core::entry::{Decision, Phase};
use broker_core::refusal::Refusal;
use broker_core::verb::Operation;
use broker_testkit::{Bench, asker, poll_once, run};
use every_verb::{EXPECTED, Target, ask};

const STRANGER: &str = "corp/dns:stranger";

/// Grants that let `local/uid:0` do everything, `rng` among it, which no role holds.
fn bench() -> (Bench, Target) {
    let bench = Bench::new();
    let target = Target::prepared(&bench);
    bench.give("corp/dns:all", broker_core::permission::Permission::ALL, broker_core::grant::Scope::Broker);
    (bench, target)
}

/// Commits, calls of backends, and acceptances of the clock.
fn touched(bench: &Bench, target: &Target) -> (usize, usize, usize) {
    let calls = bench.software.calls().len() + bench.hsm.calls().len();
    (bench.store.commits_tried(), calls, target.accepted.load(Ordering::SeqCst))
}

#[test]
fn nothing_is_answered_before_its_entry_is_durable() {
    for (operation, _, changes) in EXPECTED {
        let (bench, target) = bench();
        let who = asker("corp/dns:all");
        let (written, before) = (bench.audit.len(), touched(&bench, &target));
        bench.audit.gate.close();
        let mut asked = pin!(ask(operation, &bench, &target, &who));
        assert!(poll_once(asked.as_mut()).is_none(), "{operation} answered while its entry was held");
        assert_eq!((bench.audit.gate.waiting(), bench.audit.len()), (1, written), "{operation}");
        if changes {
            assert_eq!(touched(&bench, &target), before, "{operation} touched something before its intent was durable");
            bench.audit.gate.admit(1);
            assert!(poll_once(asked.as_mut()).is_none(), "{operation} answered while its outcome was held");
            assert_eq!(bench.audit.len(), written + 1);
            assert_ne!(touched(&bench, &target), before, "{operation} did nothing after its intent");
            assert_eq!((bench.audit.last().phase, bench.audit.last().decision), (Phase::Intent, None), "{operation}");
        }
        bench.audit.gate.admit(1);
        assert_eq!(poll_once(asked.as_mut()), Some(Ok(())), "{operation}");
        let last = bench.audit.last();
        assert_eq!(last.phase, if changes { Phase::Outcome } else { Phase::Done }, "{operation}");
        assert_eq!(last.operation, operation);
        let refused = Decision::Refused { reason: "not-implemented", missing: None };
        assert!(matches!(&last.decision, Some(d) if *d == Decision::Allowed || *d == refused), "{operation}");
    }
}

#[test]
fn a_refusal_too_waits_for_its_entry() {
    for (operation, ..) in EXPECTED {
        let (bench, target) = bench();
        let (who, before) = (asker(STRANGER), touched(&bench, &target));
        bench.audit.gate.close();
        let mut asked = pin!(ask(operation, &bench, &target, &who));
        assert!(poll_once(asked.as_mut()).is_none(), "{operation}");
        bench.audit.gate.admit(1);
        assert!(matches!(poll_once(asked.as_mut()), Some(Err(Refusal::Forbidden(_)))), "{operation}");
        assert_eq!(bench.audit.last().phase, Phase::Done, "{operation}");
        assert_eq!(touched(&bench, &target), before, "{operation}");
    }
}

#[test]
fn without_an_audit_nothing_is_served_and_nothing_is_changed() {
    for (operation, _, changes) in EXPECTED {
        let (bench, target) = bench();
        bench.audit.fail_after(0);
        let before = touched(&bench, &target);
        for who in ["corp/dns:all", "local/uid:0", STRANGER] {
            let answer = run(ask(operation, &bench, &target, &asker(who)));
            assert_eq!(answer, Err(Refusal::AuditUnavailable), "{operation} for {who}");
        }
        assert_eq!(bench.store.commits_tried(), before.0, "{operation}");
        if changes {
            assert_eq!(touched(&bench, &target), before, "{operation}");
        }
        bench.audit.mend();
        run(ask(operation, &bench, &target, &asker("corp/dns:all"))).unwrap();
    }
}

#[test]
fn a_change_whose_outcome_cannot_be_written_is_not_acknowledged() {
    for (operation, _, changes) in EXPECTED {
        let (bench, target) = bench();
        bench.audit.fail_after(usize::from(changes));
        let answer = run(ask(operation, &bench, &target, &asker("corp/dns:all")));
        assert_eq!(answer, Err(Refusal::AuditUnavailable), "{operation}");
    }
}

#[test]
fn a_change_that_the_store_refuses_is_written_down_as_refused() {
    for (operation, _, changes) in EXPECTED {
        // The clock, plugins, certificates and copies are nothing that the store keeps.
        let elsewhere = [
            Operation::AcceptClock,
            Operation::BackupStore,
            Operation::BackUpBackend,
            Operation::LoadBackend,
            Operation::ReloadTrust,
            Operation::RestoreBackend,
            Operation::RestoreStore,
            Operation::RotateRoot,
        ];
        if !changes || elsewhere.contains(&operation) {
            continue;
        }
        let (bench, target) = bench();
        bench.store.fail_commit_after(0);
        let answer = run(ask(operation, &bench, &target, &asker("corp/dns:all")));
        assert_eq!(answer, Err(Refusal::StoreUnavailable), "{operation}");
        let last = bench.audit.last();
        assert_eq!(last.phase, Phase::Outcome, "{operation}");
        assert_eq!(
            last.decision,
            Some(Decision::Refused { reason: "store-unavailable", missing: None }),
            "{operation}"
        );
        run(ask(operation, &bench, &target, &asker("corp/dns:all"))).unwrap();
    }
}

#[test]
fn what_the_backend_refuses_is_what_the_caller_hears_and_the_audit_says() {
    let operations = [
        Operation::CreateKey,
        Operation::ImportKey,
        Operation::PurgeKey,
        Operation::RotateKey,
        Operation::Sign,
        Operation::UnwrapKey,
        Operation::Verify,
        Operation::WrapKey,
    ];
    for operation in operations {
        let (bench, target) = bench();
        let busy = Refusal::BackendBusy { backend: broker_testkit::backend_name("software") };
        bench.software.fail_next(busy.clone());
        let commits = bench.store.commits_tried();
        assert_eq!(run(ask(operation, &bench, &target, &bench.admin())), Err(busy), "{operation}");
        let last = bench.audit.last();
        assert_eq!(last.decision, Some(Decision::Refused { reason: "backend-busy", missing: None }), "{operation}");
        assert_eq!(last.backend, Some(broker_testkit::backend_name("software")), "{operation}");
        // That a purge has begun is durable before the backend hears of it.
        let marks = usize::from(operation == Operation::PurgeKey);
        assert_eq!(bench.store.commits_tried(), commits + marks, "{operation}");
    }
}

#[test]
fn an_entry_names_the_version_the_algorithm_and_the_backend() {
    let (bench, target) = bench();
    for operation in [Operation::WrapKey, Operation::UnwrapKey, Operation::Encrypt, Operation::Decrypt] {
        run(ask(operation, &bench, &target, &bench.admin())).unwrap();
        let (entry, record) = (bench.audit.last(), bench.store.peek(&target.vault, &target.key).unwrap());
        assert_eq!(entry.version, Some(record.latest().version), "{operation}");
        assert_eq!((entry.algorithm, entry.scope.as_str()), (Some("RSA-OAEP-256"), "/vault1/k"), "{operation}");
        assert_eq!(entry.backend, Some(broker_testkit::backend_name("software")), "{operation}");
    }
}
