//! Two keys in series, each in a vault of its own.

use keybroker_tests::{Asks as _, Broker, Setup, guest};
use serde_json::json;

use crate::{of_vault, opens, table, wrapped};

const CONFIG: &str = r#"
grants = ["crypto", "delegate", "settings"]
settings = { first = "customer", second = "platform" }
[[delegate]]
name = "customer"
vault = "customer"
[[delegate]]
name = "platform"
vault = "platform"
key = "disks"
"#;

fn broker() -> Broker {
    let setup = Setup::new().vault("customer").vault("platform").backend("double", guest("double"), table(CONFIG));
    let broker = setup.start();
    broker.ask(&["vault", "create", "vault2", "--backend", "double"]);
    broker
}

fn let_use(broker: &Broker, scope: &str) -> String {
    broker.grant("plugin/double", "get,wrapKey,unwrapKey", scope)
}

/// The versions that a wrapped value says it is under.
fn versions(value: &[u8]) -> [&str; 2] {
    [1..33, 33..65].map(|range| std::str::from_utf8(&value[range]).unwrap())
}

fn version(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

#[test]
fn a_secret_is_under_both_keys_and_either_can_be_rotated() {
    let broker = broker();
    let (customer, platform, keys) =
        (of_vault(&broker, "customer"), of_vault(&broker, "platform"), of_vault(&broker, "vault2"));
    let create = || keys.post("/keys/k/create", &json!({ "kty": "oct", "key_size": 256 }));
    create().with_status(503);
    let of_customer = customer.create("k", "oct", 256);
    let of_platform = platform.create("disks", "oct", 256);
    // Both are there, and the plugin is still nobody.
    create().with_status(503);
    assert!(broker.log().contains("principal plugin/double lacks permission get on /customer/k"), "{}", broker.log());
    let_use(&broker, "/customer/k");
    let second_grant = let_use(&broker, "/platform/disks");
    let key = keys.create("k", "oct", 256);

    let old = wrapped(&keys, &key, "A256KW");
    assert_eq!(versions(&old), [version(&of_customer), version(&of_platform)]);
    opens(&keys, &key, "A256KW", &old);
    customer.unwrap(&of_customer, "A256KWP", &old[65..]).with_status(400);
    // Under the platform's key lies what the customer's key made of it, and not the secret.
    let inner = platform.unwrap(&of_platform, "A256KWP", &old[65..]).with_status(200).json();
    let inner = keybroker_tests::unb64(&inner["value"]);
    assert_ne!(inner, crate::SECRET);
    opens(&customer, &of_customer, "A256KWP", &inner);

    let rotated_customer = customer.rotate("k");
    let newer = wrapped(&keys, &key, "A256KW");
    assert_eq!(versions(&newer), [version(&rotated_customer), version(&of_platform)]);
    let rotated_platform = platform.rotate("disks");
    let newest = wrapped(&keys, &key, "A256KW");
    assert_eq!(versions(&newest), [version(&rotated_customer), version(&rotated_platform)]);
    for value in [&old, &newer, &newest] {
        opens(&keys, &key, "A256KW", value);
    }
    // Whoever takes one of the two away takes the data away.
    platform.patch(&of_platform, &json!({ "attributes": { "enabled": false } })).with_status(200);
    keys.unwrap(&key, "A256KW", &old).with_status(503);
    opens(&keys, &key, "A256KW", &newest);
    broker.ask(&["revoke", &second_grant]);
    keys.unwrap(&key, "A256KW", &newest).with_status(503);

    let by_plugin: Vec<_> = broker.audit().into_iter().filter(|line| line["principal"] == "plugin/double").collect();
    let wraps = |scope: &str| {
        let one = |line: &&serde_json::Value| {
            line["operation"] == "wrap-key" && line["scope"] == scope && line["decision"] == "allowed"
        };
        by_plugin.iter().filter(one).count()
    };
    assert_eq!((wraps("/customer/k"), wraps("/platform/disks")), (3, 3));
    assert!(by_plugin.iter().all(|line| line["front"] == "plugin"), "{by_plugin:?}");
}

#[test]
fn a_value_that_was_tampered_with_does_not_open_and_says_no_more() {
    let broker = broker();
    let keys = of_vault(&broker, "vault2");
    of_vault(&broker, "customer").create("k", "oct", 256);
    of_vault(&broker, "platform").create("disks", "oct", 256);
    let_use(&broker, "/customer/k");
    let_use(&broker, "/platform/disks");
    let key = keys.create("k", "oct", 256);
    let value = wrapped(&keys, &key, "A256KW");
    for at in [0, 65, value.len() - 1] {
        let mut changed = value.clone();
        changed[at] ^= 1;
        keys.unwrap(&key, "A256KW", &changed).with_status(400);
    }
    keys.unwrap(&key, "A256KW", &value[..64]).with_status(400);
}

#[test]
fn delegates_that_lead_back_to_themselves_come_to_an_end() {
    let circle = CONFIG.replace("key = \"disks\"", "").replace("vault = \"platform\"", "vault = \"vault2\"");
    let broker = Setup::new().vault("customer").backend("double", guest("double"), table(&circle)).start();
    broker.ask(&["vault", "create", "vault2", "--backend", "double"]);
    of_vault(&broker, "customer").create("k", "oct", 256);
    let_use(&broker, "/customer/k");
    let_use(&broker, "/vault2/k");
    let keys = of_vault(&broker, "vault2");
    // Its own delegate is a key that is only being made.
    keys.post("/keys/k/create", &json!({ "kty": "oct", "key_size": 256 })).with_status(503);
    assert!(broker.metrics().sum("keybroker_requests_in_flight", &[]) < 0.5);
}
