//! Every route on a key, and every permission it may lack.

use broker_core::algorithm::KeySpec;
use broker_core::entry::Decision;
use broker_core::grant::Scope;
use broker_core::permission::Permission;
use broker_front_ekm::KeyAction;
use serde_json::Value;

use crate::visitor::{Desk, Heard, context, operation};

fn ask(desk: &Desk, who: &str, action: KeyAction, key: &str) -> Heard {
    let body: Value = match action {
        KeyAction::Metadata => context(),
        KeyAction::UnwrapKey | KeyAction::WrapKey => operation("A256KW", "AAECAwQFBgcICQoLDA0ODw"),
    };
    desk.ask(who, &format!("/path-prefix/{key}/{}", action.word()), &body)
}

#[test]
fn the_routes_need_what_key_vaults_do() {
    let needed = KeyAction::ALL.iter().map(|action| action.operation().permission());
    assert!(needed.eq([Permission::Get, Permission::UnwrapKey, Permission::WrapKey]));
}

#[test]
fn every_route_without_its_permission_is_refused_and_says_what_is_missing() {
    let desk = Desk::new();
    desk.bench.make_key("k", KeySpec::Oct256);
    for action in KeyAction::ALL.iter().copied() {
        let missing = action.operation().permission();
        let others: Vec<_> = Permission::ALL.iter().copied().filter(|permission| *permission != missing).collect();
        let all_but_one = format!("pin/without-{}", missing.word().to_ascii_lowercase());
        desk.bench.give(&all_but_one, &others, Scope::Broker);
        let calls = desk.bench.software.calls().len();
        for who in ["pin/nobody", &all_but_one] {
            let heard = ask(&desk, who, action, "k");
            assert_eq!(heard.error(), (403, "Forbidden"), "{action:?} {who}");
            let named = format!("waiting for key k: principal {who} lacks permission {missing} on /vault1/k;");
            assert!(heard.message().starts_with(&named), "{}", heard.message());
            let entry = desk.entries().pop().unwrap();
            let decision = Decision::Refused { reason: "forbidden", missing: Some(format!("{missing} on /vault1/k")) };
            assert_eq!((entry.operation, entry.decision), (action.operation(), Some(decision)));
            let absent = ask(&desk, who, action, "z");
            assert_eq!(
                absent.message().replace("/vault1/z", "/vault1/k").replace("for key z:", "for key k:"),
                heard.message(),
                "it does not say which exist"
            );
        }
        assert_eq!(desk.bench.software.calls().len(), calls, "{action:?}: the backend was not asked");
    }
}

#[test]
fn every_route_with_its_permission_alone_is_served_on_that_key_alone() {
    let desk = Desk::new();
    desk.bench.make_key("k", KeySpec::Oct256);
    desk.bench.make_key("k2", KeySpec::Oct256);
    for action in KeyAction::ALL.iter().copied() {
        let permission = action.operation().permission();
        let who = format!("pin/with-{}", permission.word().to_ascii_lowercase());
        desk.bench.give(&who, &[permission], desk.bench.key_scope("k"));
        for key in ["k", "K"] {
            let heard = ask(&desk, &who, action, key);
            let wanted = if action == KeyAction::UnwrapKey { (400, "InvalidCiphertext") } else { (200, "none") };
            assert_eq!(heard.error(), wanted, "{action:?}");
        }
        assert_eq!(ask(&desk, &who, action, "k2").error(), (403, "Forbidden"), "{action:?}");
        for other in KeyAction::ALL.iter().copied().filter(|other| *other != action) {
            assert_eq!(ask(&desk, &who, other, "k").error(), (403, "Forbidden"), "{permission} is not {other:?}");
        }
    }
}
