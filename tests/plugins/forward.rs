//! Keys that live elsewhere: in a transit engine, in another Key Vault.

use keybroker_tests::{AUTHORIZATION, Asks as _, Broker, Client, Setup, b64, guest, unb64};
use serde_json::{Value, json};

use crate::bao::Bao;
use crate::{SECRET, of_vault, opens, table, wrapped};

const DIGEST: [u8; 32] = [0xD1; 32];

/// Signs, and has the broker verify with the public half it published.
fn signs(client: &Client, key: &str, algorithm: &str, digest: &[u8]) {
    let signed = client.post(&format!("{key}/sign"), &json!({ "alg": algorithm, "value": b64(digest) }));
    let signature = signed.with_status(200).json()["value"].clone();
    let verify = |digest: &[u8]| {
        let body = json!({ "alg": algorithm, "digest": b64(digest), "value": signature });
        client.post(&format!("{key}/verify"), &body).with_status(200).json()["value"].clone()
    };
    assert_eq!(verify(digest), Value::Bool(true), "{algorithm}");
    let mut other = digest.to_vec();
    other[0] ^= 1;
    assert_eq!(verify(&other), Value::Bool(false), "{algorithm}");
}

fn transit_section(bao: &Bao) -> toml::Table {
    let section = format!(
        r#"
grants = ["crypto", "credentials", "http", "reveal", "settings"]
settings = {{ url = "{url}", credentials = ["token"] }}
[http]
hosts = ["{url}"]
networks = ["127.0.0.1"]
ca = "{ca}"
request-ms-max = 20000
[[credential]]
name = "token"
header = "x-vault-token"
file = "transit.token"
"#,
        url = bao.url,
        ca = bao.ca().display(),
    );
    let mut section = table(&section);
    section.insert("call-ms-max".into(), 30_000.into());
    section
}

fn with_transit(bao: &Bao, token: &str) -> Broker {
    let mut broker = Setup::new().backend("transit", guest("transit"), transit_section(bao)).init();
    std::fs::write(broker.home().join("transit.token"), format!("{token}\n")).unwrap();
    broker.serve();
    broker.ask(&["vault", "create", "vault2", "--backend", "transit"]);
    broker
}

#[test]
fn a_transit_engine_keeps_the_keys_and_the_broker_the_rules() {
    let mut bao = Bao::start();
    let token = bao.token();
    let broker = with_transit(&bao, &token);
    let keys = of_vault(&broker, "vault2");

    let rsa = keys.create("rsa", "RSA", 2048);
    opens(&keys, &rsa, "RSA-OAEP-256", &wrapped(&keys, &rsa, "RSA-OAEP-256"));
    for algorithm in ["RS256", "PS256"] {
        signs(&keys, &rsa, algorithm, &DIGEST);
    }
    let ec = keys.post("/keys/ec/create", &json!({ "kty": "EC", "crv": "P-384" })).with_status(200).json();
    let ec = format!("/keys/ec/{}", ec["key"]["kid"].as_str().unwrap().rsplit('/').next().unwrap());
    signs(&keys, &ec, "ES384", &[0xD1; 48]);
    let oct = keys.create("oct", "oct", 256);
    let body = json!({ "alg": "A256GCM", "value": b64(&SECRET), "aad": b64(b"disk 1") });
    let sealed = keys.post(&format!("{oct}/wrapkey"), &body).with_status(200).json();
    let open = |aad: &[u8]| {
        let (iv, tag) = (&sealed["iv"], &sealed["tag"]);
        let body = json!({ "alg": "A256GCM", "value": sealed["value"], "iv": iv, "tag": tag, "aad": b64(aad) });
        keys.post(&format!("{oct}/unwrapkey"), &body)
    };
    assert_eq!(unb64(&open(b"disk 1").with_status(200).json()["value"]), SECRET);
    open(b"disk 2").with_status(400);
    keys.unwrap(&rsa, "RSA-OAEP-256", &[7; 256]).with_status(400);
    keys.wrap(&oct, "A256KW", &SECRET).with_status(400);

    // The keys are there, each version one of its own, and go when they are purged.
    let version = rsa.rsplit('/').next().unwrap();
    let theirs = format!("transit/keys/keybroker.vault2.rsa.{version}");
    assert_eq!(bao.cli(&["read", &theirs]).unwrap()["data"]["type"], "rsa-2048");
    keys.call("DELETE", "/keys/rsa", None).with_status(200);
    keys.call("DELETE", "/deletedkeys/rsa", None).with_status(204);
    assert!(bao.cli(&["read", &theirs]).is_none_or(|key| key["data"].is_null()));

    // The token is the host's: it is renewed under the broker's feet, and shows nowhere.
    let renewed = bao.token();
    assert!(bao.plain(&["token", "revoke", &token]));
    open(b"disk 1").with_status(503);
    std::fs::write(broker.home().join("transit.token"), &renewed).unwrap();
    assert_eq!(unb64(&open(b"disk 1").with_status(200).json()["value"]), SECRET);
    bao.kill();
    open(b"disk 1").with_status(503);
    for secret in [&token, &renewed] {
        assert!(!broker.log().contains(secret.as_str()) && !format!("{:?}", broker.audit()).contains(secret.as_str()));
    }
}

/// The conformance run, against a real engine: what the plugin needs of the world stands in a section, as for a broker.
#[test]
fn a_plugin_that_forwards_is_tried_with_its_hosts_and_credentials() {
    let bao = Bao::start();
    let folder = tempfile::tempdir().unwrap();
    let section = transit_section(&bao);
    std::fs::write(folder.path().join("transit.token"), bao.token()).unwrap();
    std::fs::write(folder.path().join("section.toml"), toml::to_string(&section).unwrap()).unwrap();
    let mut command = std::process::Command::new(keybroker_tests::keybroker());
    command.args(["plugin", "test", "--json", "--section", "section.toml"]).arg(guest("transit"));
    let done = keybroker_tests::run(command.current_dir(folder.path()), std::time::Duration::from_secs(300));
    let report: Value = serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&done.stderr)));
    assert!(done.status.success(), "{report:#}");
    assert!(report["passed"].as_u64().unwrap() > 20, "{report:#}");
}

#[test]
fn another_key_vault_keeps_the_keys_behind_a_client_certificate() {
    let remote = Setup::new()
        .edit(|config| {
            let front = config["front"].as_table_mut().unwrap()["keyvault"].as_table_mut().unwrap();
            front.insert("default-vault".into(), "vault1".into());
        })
        .start();
    remote.grant(&remote.principal("forwarder"), "create,get,wrapKey,unwrapKey,sign", "/vault1");
    let url = format!("https://localhost:{}", remote.keyvault().port());
    let config = format!(
        r#"
grants = ["crypto", "credentials", "http", "reveal", "settings"]
settings = {{ url = "{url}", credentials = ["authorization", "client"] }}
[http]
hosts = ["{url}"]
networks = ["127.0.0.1"]
ca = "{ca}"
request-ms-max = 20000
[[credential]]
name = "authorization"
header = "authorization"
file = "authorization"
[[credential]]
name = "client"
certificate = "forwarder.pem"
key = "forwarder.key"
"#,
        ca = remote.pki().join("ca.pem").display(),
    );
    let mut config = table(&config);
    config.insert("call-ms-max".into(), 30_000.into());
    let mut broker = Setup::new().backend("elsewhere", guest("keyvault"), config).init();
    std::fs::write(broker.home().join("authorization"), AUTHORIZATION.1).unwrap();
    remote.identity("forwarder").write(&broker.home(), "forwarder");
    broker.serve();
    broker.ask(&["vault", "create", "vault2", "--backend", "elsewhere"]);
    let keys = of_vault(&broker, "vault2");

    let rsa = keys.create("rsa", "RSA", 2048);
    opens(&keys, &rsa, "RSA-OAEP", &wrapped(&keys, &rsa, "RSA-OAEP"));
    signs(&keys, &rsa, "RS256", &DIGEST);
    let oct = keys.create("oct", "oct", 256);
    let value = wrapped(&keys, &oct, "A256KW");
    let newer = keys.rotate("oct");
    opens(&keys, &oct, "A256KW", &value);
    opens(&keys, &newer, "A256KW", &wrapped(&keys, &newer, "A256KW"));
    let mut tampered = value.clone();
    tampered[0] ^= 1;
    keys.unwrap(&oct, "A256KW", &tampered).with_status(400);
    // There it is a key like any other, used by whom the certificate names.
    assert_eq!(remote.admin().get("/keys/vault2-oct").with_status(200).json()["key"]["kty"], "oct");
    let unwraps: Vec<_> = remote.audit().into_iter().filter(|line| line["operation"] == "unwrap-key").collect();
    assert!(unwraps.len() >= 4 && unwraps.iter().all(|line| line["principal"] == remote.principal("forwarder")));
    // What it loses there it has lost here.
    let grants = remote.ask(&["grants", "--scope", "/vault1"]);
    let own = |grant: &&Value| grant["principal"] == remote.principal("forwarder").as_str();
    let id = grants.as_array().unwrap().iter().find(own).unwrap()["id"].as_str().unwrap().to_owned();
    remote.ask(&["revoke", &id]);
    keys.unwrap(&oct, "A256KW", &value).with_status(503);
}
