//! What a vault's manager decides, through the real binary: who comes in from where, how often, and the vault's own end.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;

use broker_front_keyvault::{Action, ROUTES};
use keybroker_tests::{AUTHORIZATION, Answer, Asks as _, Broker, Client, Request, SUFFIX, Setup, eventually, unb64};
use serde_json::{Value, json};
use toml::Table;

const SECRET: [u8; 32] = [0x5A; 32];

/// `[front.ekm]`: pool "a" is `vault1`.
const EKM: &str = r#"
listen = "127.0.0.1:0"
prefixes = [{ prefix = "a", vault = "vault1" }]
"#;

fn setup() -> Setup {
    Setup::new().vault("vault2").edit(|config| {
        let ekm: Table = EKM.parse().unwrap();
        config["front"].as_table_mut().unwrap().insert("ekm".to_owned(), ekm.into());
    })
}

fn limits(setup: Setup, limits: &'static [(&'static str, i64)]) -> Setup {
    setup.edit(move |config| {
        let table = config["limits"].as_table_mut().unwrap();
        table.extend(limits.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
    })
}

/// `metadata` of a key, by the external-key front.
fn ekm_metadata(broker: &Broker, name: &str, key: &str) -> Answer {
    let context = json!({"request_context": {"request_id": "r", "correlation_id": "c", "pool_name": "p"}});
    let client = Client::new(broker.ekm(), "localhost", &broker.dev.der(), Some(&broker.identity(name)));
    client.answer(&Request::new("POST", &format!("/a/{key}/metadata?api-version=0.1-preview")).json(&context))
}

fn vault(broker: &Broker, name: &str) -> Value {
    let all = broker.ask(&["vault", "list"]);
    all.as_array().unwrap().iter().find(|vault| vault["name"] == name).cloned().unwrap_or_default()
}

#[test]
fn a_vault_takes_requests_from_its_networks_alone_by_every_front_and_from_the_socket_always() {
    let broker = setup().start();
    let admin = broker.admin();
    let path = admin.create("k", "oct", 256);
    let wrapped = unb64(&admin.wrap(&path, "A256KW", &SECRET).with_status(200).json()["value"]);
    let shown = broker.ask(&["vault", "update", "vault1", "--network", "192.0.2.0/24,fd00::/8"]);
    assert_eq!(shown[0]["networks"], json!(["192.0.2.0/24", "fd00::/8"]));
    for refused in [admin.get("/keys/k"), admin.unwrap(&path, "A256KW", &wrapped), admin.get("/keys")] {
        assert_eq!((refused.status, refused.code().as_str()), (403, "Forbidden/ForbiddenByFirewall"));
        let told = refused.message();
        assert!(told.contains("vault vault1") && told.contains("address 127.0.0.1;"), "{told}");
    }
    let refused = ekm_metadata(&broker, "admin", "k");
    assert_eq!((refused.status, refused.json()["code"].as_str().unwrap()), (403, "Forbidden"));
    let entries = broker.audit();
    let noted = entries.iter().filter(|entry| entry["reason"] == "network-forbidden").count();
    assert_eq!(noted, 4);
    for (front, count) in [("keyvault", 3.0), ("ekm", 1.0)] {
        let labels = [("front", front), ("outcome", "refused"), ("reason", "network-forbidden")];
        let counted = broker.metrics().sum("keybroker_requests_total", &labels);
        assert_eq!(counted.to_bits(), f64::to_bits(count), "{front}");
    }
    // Another vault is not concerned, nor is the operator at the socket.
    admin.of_host(&format!("vault2.{SUFFIX}")).get("/keys").with_status(200);
    broker.ask(&["key", "lock", "/vault1/k"]);
    assert!(broker.refusal(&["vault", "update", "vault1", "--network", "10.0.0.1/8"]).contains("beyond its prefix"));
    broker.ask(&["vault", "update", "vault1", "--network", "127.0.0.0/8"]);
    admin.get("/keys/k").with_status(200);
    ekm_metadata(&broker, "admin", "k").with_status(200);
    broker.ask(&["vault", "update", "vault1", "--network", "192.0.2.0/24"]);
    admin.get("/keys/k").with_status(403);
    broker.ask(&["vault", "update", "vault1", "--any-network"]);
    admin.get("/keys/k").with_status(200);
}

#[test]
fn an_ipv4_client_at_an_ipv6_socket_is_an_ipv4_client() {
    let broker = Setup::new()
        .edit(|config| {
            let front = config["front"]["keyvault"].as_table_mut().unwrap();
            front.insert("listen".to_owned(), "[::]:0".into());
        })
        .start();
    let at = |address: &str| {
        let address = SocketAddr::new(address.parse().unwrap(), broker.keyvault().port());
        let identity = broker.identity("admin");
        Client::new(address, &format!("vault1.{SUFFIX}"), &broker.dev.der(), Some(&identity)).get("/keys").status
    };
    for (network, four, six) in [("127.0.0.1", 200, 403), ("::ffff:127.0.0.0/104", 200, 403), ("::1", 403, 200)] {
        broker.ask(&["vault", "update", "vault1", "--network", network]);
        assert_eq!((at("127.0.0.1"), at("::1")), (four, six), "{network}");
    }
}

#[test]
fn a_deleted_vault_refuses_every_request_and_recovered_has_all_its_keys() {
    let mut broker = setup().start();
    let path = broker.admin().create("k", "oct", 256);
    let wrapped = unb64(&broker.admin().wrap(&path, "A256KW", &SECRET).with_status(200).json()["value"]);
    broker.ask(&["vault", "update", "vault1", "--tag", "team=storage", "--tag", "cost=17"]);
    broker.ask(&["vault", "lock", "vault1"]);
    assert!(broker.refusal(&["vault", "delete", "vault1"]).contains("delete lock"));
    broker.ask(&["vault", "unlock", "vault1"]);
    let deleted = broker.ask(&["vault", "delete", "vault1"]);
    let (from, to) = (deleted[0]["deleted"].as_i64().unwrap(), deleted[0]["purge"].as_i64().unwrap());
    assert_eq!((deleted[0]["state"].as_str().unwrap(), to - from), ("deleted", 90 * 86_400));
    broker.restart();
    let admin = broker.admin();
    for route in ROUTES {
        // What is said of rights and of what is never served is the same as ever.
        let word = route.action.operation().word();
        if word.contains("grant")
            || word.contains("role")
            || word.contains("elevation")
            || word == "release-key"
            || word == "random-bytes"
        {
            continue;
        }
        let place = route.pattern.replace("{n}", "k").replace("{v}", path.rsplit_once('/').unwrap().1);
        let request = Request::new(route.method.as_str(), &format!("{place}?api-version=7.4"));
        let body = body_of(route.action, &wrapped);
        let answer = admin.answer(&request.header(AUTHORIZATION.0, AUTHORIZATION.1).json(&body));
        let what = format!("{} {}: {answer:?}", route.method, route.pattern);
        assert_eq!(answer.code(), "VaultNotFound/ObjectIsDeletedButRecoverable", "{what}");
        assert!(answer.status == 404 && answer.message().contains("recover it with all its keys"), "{what}");
    }
    assert_eq!(ekm_metadata(&broker, "admin", "k").json()["code"], "VaultNotFound");
    assert!(broker.refusal(&["vault", "create", "vault1"]).contains("vault-deleted"));
    assert!(broker.refusal(&["vault", "update", "vault1", "--purge-protection"]).contains("vault-deleted"));
    let doctor = broker.ask(&["doctor", "--principal", &broker.principal("x"), "--key", "/vault1/k"]);
    let finding = doctor.as_array().unwrap().iter().find(|finding| finding["step"] == "vault").unwrap();
    assert_eq!(finding["mend"], "keybroker vault recover vault1");
    broker.ask(&["vault", "recover", "vault1"]);
    let opened = admin.unwrap(&path, "A256KW", &wrapped).with_status(200).json();
    assert_eq!(unb64(&opened["value"]), SECRET);
    assert_eq!(vault(&broker, "vault1")["tags"], json!({"cost": "17", "team": "storage"}));
}

fn body_of(action: Action, wrapped: &[u8]) -> Value {
    use keybroker_tests::b64;
    match action.operation().word() {
        "create-key" => json!({ "kty": "oct", "key_size": 256 }),
        "import-key" => json!({ "key": { "kty": "oct", "k": b64(&SECRET) } }),
        "restore-key" => json!({ "value": b64(&[1; 64]) }),
        "set-rotation-policy" => json!({ "lifetimeActions": [] }),
        "sign" => json!({ "alg": "RS256", "value": b64(&[7; 32]) }),
        "verify" => json!({ "alg": "RS256", "digest": b64(&[7; 32]), "value": b64(&[7; 256]) }),
        _ => json!({ "alg": "A256KW", "value": b64(wrapped) }),
    }
}

#[test]
fn a_purged_vault_is_gone_with_its_keys_and_its_grants_and_its_name_is_free() {
    let mut broker = setup().start();
    broker.admin().create("k", "oct", 256);
    broker.admin().create("binned", "RSA", 2048);
    broker.admin().call("DELETE", "/keys/binned", None).with_status(200);
    let who = broker.principal("app");
    broker.grant(&who, "get", "/vault1");
    broker.grant(&who, "get", "/vault1/k");
    assert!(broker.refusal(&["vault", "purge", "vault1"]).contains("delete it first"));
    broker.ask(&["vault", "delete", "vault1"]);
    broker.ask(&["vault", "purge", "vault1"]);
    assert_eq!(vault(&broker, "vault1"), Value::Null);
    let gone = broker.admin().get("/keys/k").with_status(404);
    assert_eq!(gone.code(), "VaultNotFound");
    let purged: Vec<_> = broker
        .audit()
        .into_iter()
        .filter(|entry| entry["phase"] == "outcome" && entry["operation"].as_str().unwrap().starts_with("purge-"))
        .map(|entry| (entry["operation"].clone(), entry["scope"].clone(), entry["detail"].clone()))
        .collect();
    let with = json!("with its vault");
    let expected = [
        (json!("purge-key"), json!("/vault1/k"), with.clone()),
        (json!("purge-key"), json!("/vault1/binned"), with),
        (json!("purge-vault"), json!("/vault1"), json!("keys purged with it: 2; objects: 0; grants in it: 2")),
    ];
    assert_eq!(purged, expected);
    broker.ask(&["vault", "create", "vault1"]);
    for _ in 0..2 {
        broker.admin().get("/keys/k").with_status(404);
        assert!(broker.admin().get("/deletedkeys").with_status(200).json()["value"].as_array().unwrap().is_empty());
        let refused = broker.client_of("app").get("/keys/k").with_status(403);
        assert!(refused.message().contains("lacks permission get"), "{}", refused.message());
        broker.restart();
    }
    // Where purge protection is on, nobody can.
    broker.ask(&["vault", "update", "vault2", "--purge-protection"]);
    broker.ask(&["vault", "delete", "vault2"]);
    assert!(broker.refusal(&["vault", "purge", "vault2"]).contains("vault-purge-protected"));
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back_and_nobody_else_feels_it() {
    let setup = limits(setup(), &[("operations-per-10s-max", 10), ("operations-burst-max", 4)]);
    let broker = setup.start();
    let busy = broker.client_of("busy");
    for _ in 0..4 {
        busy.get("/keys/k").with_status(403);
    }
    let refused = eventually("a refusal for asking too often", || {
        Some(busy.get("/keys/k")).filter(|answer| answer.status == 429)
    });
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("Throttled", Some("1")));
    let pool = eventually("the same by the other front", || {
        Some(ekm_metadata(&broker, "pool", "k")).filter(|answer| answer.status == 429)
    });
    assert_eq!((pool.json()["code"].as_str(), pool.header("retry-after")), (Some("TooManyRequests"), Some("1")));
    broker.client_of("quiet").get("/keys/k").with_status(403);
    // The operator at the socket is not held up.
    for _ in 0..20 {
        broker.ask(&["vault", "list"]);
    }
    for front in ["keyvault", "ekm"] {
        let labels = [("front", front), ("outcome", "refused"), ("reason", "too-many-requests")];
        assert!(broker.metrics().sum("keybroker_requests_total", &labels) >= 1.0, "{front}");
    }
    // A vault's own rate counts by itself.
    let rate = ["--operations-per-10s", "1", "--operations-burst", "2"];
    let shown = broker.ask(&[&["vault", "update", "vault2"][..], &rate].concat());
    assert_eq!(shown[0]["rate"], json!({"operations-per-10s": 1, "operations-burst": 2}));
    broker.grant(&broker.principal("strict"), "list", "/vault2");
    let strict = broker.client_of("strict").of_host(&format!("vault2.{SUFFIX}"));
    let statuses: Vec<_> = (0..3).map(|_| strict.get("/keys").status).collect();
    assert_eq!(statuses, [200, 200, 429]);
    let retry_s: u32 = strict.get("/keys").with_status(429).header("retry-after").unwrap().parse().unwrap();
    assert!((9..=10).contains(&retry_s), "{retry_s}");
}

#[test]
fn each_version_that_an_unwrap_tries_counts_against_the_rate() {
    let setup = limits(Setup::new(), &[("operations-per-10s-max", 1), ("operations-burst-max", 20)]);
    let broker = setup.start();
    let admin = broker.admin();
    admin.create("k", "oct", 256);
    let wrapped = unb64(&admin.wrap("/keys/k", "A256KW", &SECRET).with_status(200).json()["value"]);
    for _ in 0..5 {
        admin.rotate("k");
    }
    let user = broker.client_of("user");
    broker.grant(&broker.principal("user"), "unwrapKey", "/vault1/k");
    // Six tries each: three go in, and leave two that a fourth may begin with; then it owes.
    let statuses: Vec<_> = (0..5).map(|_| user.unwrap("/keys/k", "A256KW", &wrapped).status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 429]);
}

#[test]
fn a_principal_has_its_connections_and_no_more() {
    let broker = limits(Setup::new(), &[("connections-per-principal-max", 2)]).start();
    let client = broker.admin();
    let mut open: Vec<_> = (0..2).map(|_| client.connect().unwrap()).collect();
    open.iter().for_each(|connection| drop(connection.get("/keys").with_status(200)));
    let third = client.connect().and_then(|connection| connection.try_send(&Request::new("GET", "/keys")));
    assert!(third.is_err(), "a third connection was served");
    let labels = [("front", "keyvault"), ("outcome", "too-many-connections")];
    let refused = broker.metrics().sum("keybroker_tls_handshakes_total", &labels);
    assert_eq!(refused.to_bits(), 1.0_f64.to_bits());
    broker.client_of("other").get("/keys").with_status(403);
    open.pop();
    eventually("a place that was given back", || {
        let again = client.connect().ok()?;
        again.try_send(&Request::new("GET", "/keys").header(AUTHORIZATION.0, AUTHORIZATION.1)).ok()
    });
}

#[test]
fn use_is_counted_for_each_principal_survives_a_restart_and_stands_in_the_audit() {
    let mut broker = Setup::new()
        .edit(|config| {
            config["scheduler"].as_table_mut().unwrap().insert("usage-note-ms".to_owned(), 200.into());
        })
        .start();
    broker.admin().create("k", "oct", 256);
    let who = broker.principal("app");
    broker.grant(&who, "get", "/vault1/k");
    let app = broker.client_of("app");
    for _ in 0..3 {
        app.get("/keys/k").with_status(200);
    }
    app.wrap("/keys/k", "A256KW", &SECRET).with_status(403);
    let used = |broker: &Broker| broker.ask(&["usage", "--principal", &who])[0]["counts"].clone();
    let expected = json!([
        { "operation": "get-key", "outcome": "allowed", "count": 3 },
        { "operation": "wrap-key", "outcome": "refused", "count": 1 },
    ]);
    assert_eq!(used(&broker), expected);
    broker.restart();
    assert_eq!(used(&broker), expected, "after a restart");
    broker.client_of("app").get("/keys/k").with_status(200);
    assert_eq!(used(&broker)[0]["count"], 4);
    let everyone = broker.ask(&["usage"]);
    let names: Vec<_> = everyone.as_array().unwrap().iter().map(|used| used["principal"].as_str().unwrap()).collect();
    assert!(names.contains(&who.as_str()) && names.iter().any(|name| name.starts_with("local/uid:")), "{names:?}");
    // What the audit says adds up to what was counted, each use once.
    let noted = |word: &str| -> u64 {
        let about = format!("{who}: ");
        let details = broker.audit().into_iter().filter(|entry| entry["operation"] == "note-usage");
        details
            .filter_map(|entry| entry["detail"].as_str().and_then(|text| Some(text.strip_prefix(&about)?.to_owned())))
            .flat_map(|text| text.split(", ").map(str::to_owned).collect::<Vec<_>>())
            .filter_map(|part| part.strip_prefix(word).and_then(|count| count.trim().parse::<u64>().ok()))
            .sum()
    };
    eventually("the usage in the audit", || (noted("get-key allowed ") == 4).then_some(()));
    assert_eq!(noted("wrap-key refused "), 1);
}
