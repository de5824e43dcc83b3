//! Approvals, identities and the doctor, as administrators and clients meet them.
#![allow(clippy::unwrap_used)]

use keybroker_tests::{
    ADMIN, Asks as _, Authority, Broker, ClientCa, Leaf, Setup, WAIT_MAX, days_from_now, eventually, now_s, run,
    seconds_from_now,
};
use serde_json::{Value, json};

/// A broker whose `vault1` demands approval, with the key `k`. The administrators are this process's own user, at the socket,
/// and the certificate "admin".
fn strict() -> Broker {
    let broker = Setup::new().start();
    broker.admin().create("k", "oct", 256);
    let changed = broker.ask(&["vault", "update", "vault1", "--elevation-approval"]);
    assert_eq!(changed[0]["elevation-approval"], true);
    broker
}

/// Asks at the socket for `wrapKey` on the key, for an hour; gives the elevation.
fn asked(broker: &Broker, name: &str) -> Value {
    let (principal, end) = (broker.principal(name), (now_s() + 3600).to_string());
    let what = ["grant", "--principal", &principal, "--permissions", "wrapKey", "--scope", "/vault1/k"];
    broker.ask(&[&what[..], &["--not-after", &end, "--justification", "incident 7"]].concat())[0].clone()
}

fn wraps(broker: &Broker, name: &str) -> bool {
    let answer = broker.client_of(name).wrap("/keys/k", "A256KW", &[7; 32]);
    assert!(matches!(answer.status, 200 | 403), "{answer:?}");
    answer.status == 200
}

fn lines<'a>(audit: &'a [Value], operation: &str) -> Vec<(&'a str, &'a str)> {
    let ours = audit.iter().filter(|line| line["operation"] == operation);
    ours.map(|line| (line["phase"].as_str().unwrap(), line["principal"].as_str().unwrap())).collect()
}

fn finding(broker: &Broker, who: &str, step: &str) -> Value {
    let all = broker.ask(&["doctor", "--principal", who, "--key", "/vault1/k"]);
    let found = all.as_array().unwrap().iter().find(|finding| finding["step"] == step).cloned();
    found.unwrap_or_else(|| panic!("no step {step}: {all}"))
}

#[track_caller]
fn check_found(finding: &Value, good: bool, words: &[&str]) {
    assert_eq!(finding["good"], good, "{finding}");
    let told = format!("{} {}", finding["found"].as_str().unwrap(), finding["mend"].as_str().unwrap_or_default());
    assert!(words.iter().all(|word| told.contains(word)), "{finding}");
}

#[test]
fn an_elevation_waits_until_a_second_administrator_approves_it() {
    let mut broker = strict();
    let elevation = asked(&broker, "jo");
    let (id, jo) = (elevation["id"].as_str().unwrap().to_owned(), broker.principal("jo"));
    assert!(elevation["waits-until"].as_i64().unwrap() > now_s() && !wraps(&broker, "jo"));
    check_found(&finding(&broker, &jo, "grant wrapKey"), false, &[&id, "grants approve"]);
    // It waits across a restart, and is no grant.
    broker.restart();
    assert_eq!(broker.ask(&["grants", "pending"])[0]["id"], json!(id));
    assert_eq!(broker.ask(&["grants", "--scope", "/vault1"]), json!([]));
    assert_eq!(broker.metrics().sum("keybroker_store_records", &[("kind", "elevation")]).to_string(), "1");
    // Not by who asked for it.
    assert!(broker.refusal(&["grants", "approve", &id]).contains("that it asked for or is to get"));
    let listed = broker.admin().get("/providers/keybroker/elevations").with_status(200).json();
    let waiting = &listed["value"][0];
    assert_eq!((&waiting["justification"], &waiting["properties"]["principalId"]), (&json!("incident 7"), &json!(jo)));
    let path = format!("/providers/keybroker/elevations/{}/approve", waiting["name"].as_str().unwrap());
    broker.admin().call("POST", &path, None).with_status(200);
    assert!(wraps(&broker, "jo"));
    let grant = &broker.ask(&["grants", "--scope", "/vault1"])[0];
    assert_eq!((&grant["id"], &grant["approved-by"]), (&json!(id), &json!(ADMIN)));
    assert_eq!(broker.ask(&["grants", "pending"]), json!([]));
    broker.admin().call("POST", &path, None).with_status(404);
    let audit = broker.audit();
    let approvals: Vec<_> = lines(&audit, "approve-elevation");
    assert!(approvals.contains(&("intent", ADMIN)) && approvals.contains(&("outcome", ADMIN)), "{approvals:?}");
}

/// An administrator with a certificate needs no place at the socket.
#[test]
fn a_second_administrator_decides_by_the_command_with_a_certificate() {
    let broker = strict();
    for name in ["admin", "jo"] {
        broker.identity(name).write(&broker.pki(), name);
    }
    let client = |name: &str, words: &[&str]| {
        let (pki, mut command) = (broker.pki(), broker.command(&[&["client"], words].concat()));
        command.env("KEYBROKER_URL", broker.vault_url("vault1"));
        command.env("KEYBROKER_CONNECT", broker.keyvault().to_string()).env("KEYBROKER_CA", pki.join("ca.pem"));
        command.env("KEYBROKER_CERT", pki.join(format!("{name}.pem")));
        command.env("KEYBROKER_KEY", pki.join(format!("{name}.key")));
        run(&mut command, WAIT_MAX)
    };
    let [id, other] = [(); 2].map(|()| asked(&broker, "jo")["id"].as_str().unwrap().to_owned());
    let shown = String::from_utf8(client("admin", &["pending"]).stdout).unwrap();
    assert!(shown.contains("incident 7") && shown.contains("permissions-wrapKey"), "{shown}");
    // Who is to get it has no say in it.
    assert!(!client("jo", &["approve", &id]).status.success() && !wraps(&broker, "jo"));
    assert!(client("admin", &["approve", &id]).status.success() && wraps(&broker, "jo"));
    assert!(client("admin", &["deny", &other]).status.success());
    assert_eq!(broker.ask(&["grants", "pending"]), json!([]));
}

#[test]
fn a_denied_elevation_never_was_and_none_is_given_alone() {
    let broker = strict();
    let id = asked(&broker, "jo")["id"].as_str().unwrap().to_owned();
    broker.admin().call("POST", &format!("/providers/keybroker/elevations/{id}/deny"), None).with_status(204);
    assert!(!wraps(&broker, "jo"));
    assert_eq!(broker.ask(&["grants", "pending"]), json!([]));
    let jo = broker.principal("jo");
    let silent = ["grant", "--principal", &jo, "--role", "reader", "--scope", "/"];
    assert!(broker.refusal(&silent).contains("demands a justification"));
    // Azure's own way of granting does not wait, and says so.
    let assignment = "/providers/Microsoft.Authorization/roleAssignments/f6cee49d-a40c-4fae-82ca-75ed26b49ab6";
    let body = json!({ "properties": { "roleDefinitionId": "permissions-get", "principalId": jo } });
    let refused = broker.admin().call("PUT", assignment, Some(&body)).with_status(409);
    assert!(refused.message().contains("second administrator"), "{}", refused.message());
    // The demand stays, and so do two who can give.
    let grants = broker.ask(&["grants"]);
    let of_admin = grants.as_array().unwrap().iter().find(|grant| grant["principal"] == ADMIN).unwrap();
    let left = broker.refusal(&["revoke", of_admin["id"].as_str().unwrap()]);
    assert!(left.contains("vault1 demands a second administrator's approval"), "{left}");
}

#[test]
fn an_identity_gets_its_rights_first_and_its_certificate_later_and_takes_them_along() {
    let mut broker = Setup::new().start();
    broker.admin().create("k", "oct", 256);
    broker.ask(&["identity", "create", "disks"]);
    broker.grant("identity/disks", "wrapKey", "/vault1/k");
    let host = broker.principal("host");
    check_found(&finding(&broker, "identity/disks", "identity"), false, &["nobody acts as it", "identity assign"]);
    assert!(!wraps(&broker, "host"));
    let connection = broker.client_of("host").connect().unwrap();
    broker.ask(&["identity", "assign", "disks", "--principal", &host]);
    connection.wrap("/keys/k", "A256KW", &[7; 32]).with_status(200);
    check_found(&finding(&broker, &host, "identity"), true, &["identity/disks"]);
    broker.restart();
    assert_eq!(broker.ask(&["identity", "list"])[0]["assigned"], json!([host]));
    let connection = broker.client_of("host").connect().unwrap();
    connection.wrap("/keys/k", "A256KW", &[7; 32]).with_status(200);
    broker.ask(&["identity", "delete", "disks"]);
    connection.wrap("/keys/k", "A256KW", &[7; 32]).with_status(403);
    assert_eq!(broker.ask(&["grants", "--scope", "/vault1"]), json!([]));
    // Another of the same name has none of it, and a grant cannot wait for one to come.
    let early = ["grant", "--principal", "identity/later", "--permissions", "get", "--scope", "/vault1"];
    assert!(broker.refusal(&early).contains("identity later does not exist"));
    broker.ask(&["identity", "create", "disks"]);
    broker.ask(&["identity", "assign", "disks", "--principal", &host]);
    connection.wrap("/keys/k", "A256KW", &[7; 32]).with_status(403);
    let audit = broker.audit();
    let used = audit.iter().rfind(|line| line["operation"] == "wrap-key" && line["decision"] == "allowed").unwrap();
    assert_eq!(used["principal"], host, "whoever acts as an identity stands in the audit under its own name");
}

#[test]
fn a_system_assigned_identity_ends_with_its_pin_and_its_key() {
    let broker = Setup::new().start();
    broker.admin().create("k", "oct", 256);
    let array = Leaf::client().dns("array.example").self_signed();
    array.write(broker.folder(), "array");
    let file = broker.folder().join("array.pem");
    broker.ask(&["pin", "add", "array", "--certificate", file.to_str().unwrap()]);
    broker.ask(&["identity", "create", "of-pin", "--resource", "pin/array"]);
    broker.ask(&["identity", "create", "of-key", "--resource", "/vault1/k"]);
    broker.grant("identity/of-pin", "wrapKey", "/vault1/k");
    broker.grant("identity/of-key", "wrapKey", "/vault1/k");
    broker.client(Some(&array)).wrap("/keys/k", "A256KW", &[7; 32]).with_status(200);
    broker.ask(&["pin", "remove", "array"]);
    let names = |broker: &Broker| -> Vec<Value> {
        broker.ask(&["identity", "list"]).as_array().unwrap().iter().map(|one| one["name"].clone()).collect()
    };
    assert_eq!(names(&broker), [json!("of-key")]);
    broker.admin().call("DELETE", "/keys/k", None).with_status(200);
    broker.admin().call("DELETE", "/deletedkeys/k", None).with_status(204);
    assert!(names(&broker).is_empty());
    assert_eq!(broker.ask(&["grants", "--scope", "/vault1"]), json!([]));
}

#[test]
fn the_doctor_says_what_is_wrong_with_a_certificate() {
    let partner = Authority::new("partner CA");
    let crl = |serials: &[u64]| partner.crl(serials, days_from_now(7));
    let ca = ClientCa { name: "partner", certificates: partner.pem(), names_by: "uri", crls: Some(vec![crl(&[])]) };
    let broker = Setup::new().client_ca(ca).start();
    broker.admin().create("k", "oct", 256);
    let who = "partner/uri:spiffe://partner.test/host";
    check_found(&finding(&broker, who, "certificate"), true, &["client CA partner is trusted"]);
    check_found(&finding(&broker, who, "last seen"), true, &["nobody came in"]);
    let host = partner.issue(Leaf::client().uri("spiffe://partner.test/host").serial(7));
    broker.client(Some(&host)).get("/keys/k").with_status(403);
    check_found(&finding(&broker, who, "last seen"), true, &["with certificate", "good until"]);
    std::fs::write(broker.pki().join("partner-0.crl"), crl(&[7])).unwrap();
    broker.reload();
    check_found(
        &finding(&broker, who, "last seen"),
        false,
        &["a certificate of the chain is revoked", "revocation list"],
    );
    check_found(&finding(&broker, "nobody/dns:a", "certificate"), false, &["no client CA is called nobody"]);
    check_found(&finding(&broker, "pin/none", "certificate"), false, &["no certificate is pinned", "pin add"]);
    // A pinned one that has run out: seen while it was good.
    let brief = Leaf::client().dns("brief.example").between(days_from_now(-1), seconds_from_now(3)).self_signed();
    brief.write(broker.folder(), "brief");
    broker.ask(&["pin", "add", "brief", "--certificate", broker.folder().join("brief.pem").to_str().unwrap()]);
    broker.client(Some(&brief)).get("/keys/k").with_status(403);
    eventually("the certificate's end", || {
        let found = finding(&broker, "pin/brief", "last seen");
        (found["good"] == false).then(|| check_found(&found, false, &["expired"]))
    });
}
