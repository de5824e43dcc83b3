//! Microsoft's own SDKs, unmodified: what they do is in clients/python and clients/js; what it left behind is looked at here.
#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::time::Duration;

use keybroker_tests::{
    Asks as _, Authority, Broker, Leaf, SUFFIX, Setup, b64, node, now_s, python, run, tests_folder, unb64,
};
use serde_json::{Value, json};

/// How long a script may take on a busy machine: it makes RSA keys of 4096 bits.
const SCRIPT_MAX: Duration = Duration::from_secs(300);

/// A broker with three vaults, a second host suffix, and the clients that the scripts name.
fn broker() -> Broker {
    let setup = Setup::new().vault("vault2").vault("vault3").edit(|config| {
        let keyvault = config["front"]["keyvault"].as_table_mut().unwrap();
        keyvault.insert("host-suffixes".into(), vec![SUFFIX, "other.test"].into());
    });
    let mut broker = setup.init();
    // Node looks for the name of the Host header in the certificate.
    broker.dev.issue(Leaf::server(&[&format!("*.{SUFFIX}"), "*.other.test"])).write(&broker.pki(), "server");
    broker.serve();
    for name in ["admin", "blind", "limited", "reader"] {
        broker.identity(name).write(&broker.pki(), name);
    }
    let stranger = Authority::new("elsewhere").issue(Leaf::client().uri("spiffe://keybroker.test/admin"));
    stranger.write(&broker.pki(), "stranger");
    broker.grant(&broker.principal("blind"), "wrapKey,unwrapKey,encrypt,decrypt", "/vault1");
    broker.grant(&broker.principal("limited"), "get,wrapKey", "/vault1/guarded");
    broker.grant(&broker.principal("reader"), "get", "/vault1/rsa");
    // "rng" is in no role of Key Vault's.
    broker.grant(&broker.principal("admin"), "rng", "/vault1");
    broker
}

/// Runs a script to its end; gives what it printed.
#[track_caller]
fn script(broker: &Broker, mut interpreter: Command, script: &str, words: &[&str]) -> String {
    interpreter.arg(tests_folder().join("clients").join(script));
    interpreter.arg(broker.keyvault().port().to_string()).arg(broker.pki()).args(words);
    let done = run(&mut interpreter, SCRIPT_MAX);
    let (stdout, stderr) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{script}\n{stdout}\n{stderr}");
    stdout.into_owned()
}

#[track_caller]
fn python_script(broker: &Broker, name: &str, words: &[&str]) -> String {
    let mut interpreter = Command::new(python());
    interpreter.env("PYTHONDONTWRITEBYTECODE", "1");
    script(broker, interpreter, &format!("python/{name}"), words)
}

#[track_caller]
fn js_script(broker: &Broker, name: &str) -> String {
    let modules = tests_folder().join("clients/js/node_modules");
    assert!(modules.exists(), "{} is not there; `./dev setup` makes it", modules.display());
    script(broker, Command::new(node()), &format!("js/{name}"), &[])
}

/// How many requests of an operation were allowed to a principal, by the audit.
fn allowed(broker: &Broker, name: &str, operation: &str, scope: &str) -> usize {
    let (principal, audit) = (broker.principal(name), broker.audit());
    let ours = |line: &&Value| {
        line["principal"] == principal
            && line["operation"] == operation
            && line["scope"] == scope
            && line["decision"] == "allowed"
    };
    audit.iter().filter(ours).count()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let digits = hex.as_str().unwrap().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn python_keeps_house_with_keys() {
    let broker = broker();
    python_script(&broker, "keys.py", &[]);
    assert_eq!(allowed(&broker, "admin", "rotate-key", "/vault2/key-00"), 6);
}

#[test]
fn python_wraps_encrypts_and_rotates() {
    let broker = broker();
    python_script(&broker, "crypto.py", &[]);
    // Every wrap of a symmetric key reached the broker: 3 clients, and one that may not read keys.
    assert_eq!(allowed(&broker, "admin", "wrap-key", "/vault1/oct-128"), 3);
    assert_eq!(allowed(&broker, "admin", "unwrap-key", "/vault1/oct-128"), 3);
    assert_eq!(allowed(&broker, "blind", "wrap-key", "/vault1/oct-128"), 1);
    assert_eq!(allowed(&broker, "admin", "encrypt", "/vault1/oct-256"), 3);
}

#[test]
fn python_hears_why_it_is_refused() {
    let broker = broker();
    python_script(&broker, "refusals.py", &[]);
    let audit = broker.audit();
    let refused = audit.iter().find(|line| line["missing"] == "unwrapKey on /vault1/guarded").unwrap();
    assert_eq!(refused["principal"], broker.principal("limited"));
    assert_eq!(broker.metrics().sum("keybroker_client_denials_total", &[("reason", "unknown-ca")]).to_string(), "1");
}

/// The Python SDK wraps with a key of its own making, lost when it ends, where an answer lists the operations of a symmetric
/// key. What it wrapped must be the broker's work, and open when the process is gone.
#[test]
fn what_python_wraps_with_a_symmetric_key_opens_after_it_has_ended() {
    let broker = broker();
    for (name, words) in [("plain", &["plain"][..]), ("named", &["named", "my-own-application/1.0"])] {
        let printed: Value = serde_json::from_str(&python_script(&broker, "oct_wrap.py", words)).unwrap();
        let scope = format!("/vault1/{name}");
        assert_eq!(allowed(&broker, "admin", "wrap-key", &scope), 2, "{name}: the wraps reached the broker");
        assert_eq!(allowed(&broker, "admin", "encrypt", &scope), 1, "{name}: the encrypt reached the broker");
        let told: Vec<_> = printed["key_ops"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        assert!(["wrapKey", "unwrapKey", "encrypt", "decrypt"].iter().all(|word| !told.contains(word)), "{told:?}");
        let admin = broker.admin();
        let id = printed["id"].as_str().unwrap().strip_prefix(&broker.vault_url("vault1")).unwrap();
        for wrapped in printed["wrapped"].as_array().unwrap() {
            let opened = admin.unwrap(id, "A256KW", &bytes(wrapped)).with_status(200).json();
            assert_eq!(unb64(&opened["value"]), [7; 32], "{name}");
        }
        let [iv, value, tag] = [0, 1, 2].map(|part| b64(&bytes(&printed["sealed"][part])));
        let sealed = json!({ "alg": "A256GCM", "value": value, "iv": iv, "tag": tag });
        let opened = admin.post(&format!("{id}/decrypt"), &sealed).with_status(200).json();
        assert_eq!(unb64(&opened["value"]), [7; 32], "{name}");
        // Other clients are told the truth.
        assert!(admin.get(id).json()["key"]["key_ops"].as_array().unwrap().contains(&json!("wrapKey")));
    }
}

#[test]
fn python_hands_out_rights_and_takes_them_back() {
    let broker = broker();
    for name in ["jo", "clerk", "brief"] {
        broker.identity(name).write(&broker.pki(), name);
    }
    broker.grant(&broker.principal("clerk"), "get,list,grantWrite", "/vault1");
    let end = (now_s() + 3600).to_string();
    let brief = ["grant", "--principal", &broker.principal("brief"), "--role", "administrator", "--scope", "/vault1"];
    broker.ask(&[&brief[..], &["--not-after", &end]].concat());
    python_script(&broker, "roles.py", &[]);
    assert_eq!(allowed(&broker, "admin", "create-grant", "/vault1/guarded"), 2);
    assert_eq!(allowed(&broker, "admin", "remove-grant", "/vault1"), 3);
    // They are the grants that the administrator of the broker sees.
    let jo = broker.principal("host-07");
    let grants = broker.ask(&["grants", "--scope", "/vault1/key-07"]);
    assert_eq!((&grants[0]["principal"], &grants[0]["role"]), (&json!(jo), &json!("Key Vault Reader")));
    assert_eq!(grants[0]["granted-by"], broker.principal("admin"));
}

/// Public key cryptography: who may read an RSA key can wrap with it anywhere. Unwrapping is what the broker guards.
#[test]
fn a_reader_of_an_rsa_key_wraps_by_itself_and_cannot_unwrap() {
    let broker = broker();
    let id = broker.admin().create("rsa", "RSA", 2048);
    let printed: Value = serde_json::from_str(&python_script(&broker, "rsa_local.py", &[])).unwrap();
    assert_eq!(allowed(&broker, "reader", "wrap-key", "/vault1/rsa"), 0);
    let opened = broker.admin().unwrap(&id, "RSA-OAEP-256", &bytes(&printed["wrapped"])).with_status(200).json();
    assert_eq!(unb64(&opened["value"]), [7; 32]);
}

#[test]
fn javascript_keeps_house_with_keys() {
    let broker = broker();
    js_script(&broker, "keys.mjs");
    assert_eq!(allowed(&broker, "admin", "rotate-key", "/vault2/key-00"), 1);
}

#[test]
fn javascript_wraps_encrypts_rotates_and_hears_why_it_is_refused() {
    let broker = broker();
    js_script(&broker, "crypto.mjs");
    assert_eq!(allowed(&broker, "admin", "wrap-key", "/vault1/oct-256"), 2);
    assert_eq!(allowed(&broker, "blind", "wrap-key", "/vault1/oct-256"), 3);
}
