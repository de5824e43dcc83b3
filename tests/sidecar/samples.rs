//! The samples that Microsoft ships with its Python SDK, each file as it stands, against a broker: the vault's URL, the CA and
//! the identity come from the environment, as their comments ask.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use keybroker_tests::{Asks as _, Broker, python, python_samples, run};

use crate::host::{SECRET, Sidecar, broker, text};
use crate::proxy::forward_proxy;

/// How long a sample may take on a busy machine.
const SAMPLE_MAX: Duration = Duration::from_secs(180);

/// Runs a script as its own program. One of them sleeps for a minute to let a purge come to an end, which here has ended
/// when it is answered; nothing else of Python is changed.
const RUN: &str =
    "import runpy, sys, time; time.sleep = lambda seconds: None; runpy.run_path(sys.argv[1], run_name='__main__')";

/// A broker whose principal `app` does what the samples ask of a vault, and a sidecar with its certificate.
fn machine() -> (Broker, Sidecar) {
    let broker = broker();
    for role in ["Key Vault Crypto Officer", "Key Vault Purge Operator"] {
        broker.ask(&["grant", "--principal", &broker.principal("app"), "--role", role, "--scope", "/vault1"]);
    }
    let sidecar = Sidecar::tls(&broker, &[]);
    (broker, sidecar)
}

#[track_caller]
fn sample(broker: &Broker, sidecar: &Sidecar, script: &Path) -> String {
    let endpoint = format!("https://localhost:{}/metadata/identity/oauth2/token", sidecar.port());
    let mut command = Command::new(python());
    command.args(["-W", "ignore", "-c", RUN]).arg(script).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", broker.folder());
    command.env("HTTPS_PROXY", forward_proxy()).env("NO_PROXY", "localhost");
    command.env("REQUESTS_CA_BUNDLE", broker.pki().join("ca.pem")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("IDENTITY_ENDPOINT", endpoint).env("IDENTITY_HEADER", SECRET);
    command.env("VAULT_URL", format!("https://vault1.kv.test:{}", sidecar.port()));
    let done = run(&mut command, SAMPLE_MAX);
    assert!(done.status.success(), "{}\n{}\n{}", script.display(), text(&done.stdout), text(&done.stderr));
    text(&done.stdout)
}

/// Samples leave deleted keys behind whose names the next one wants.
fn purge_deleted(broker: &Broker) {
    let admin = broker.admin();
    for key in admin.get("/deletedkeys").with_status(200).json()["value"].as_array().unwrap() {
        let (_, name) = key["kid"].as_str().unwrap().rsplit_once('/').unwrap();
        admin.call("DELETE", &format!("/deletedkeys/{name}"), None).with_status(204);
    }
}

#[test]
fn every_sample_of_the_python_sdk_runs_as_it_stands() {
    let (broker, sidecar) = machine();
    let rows = [
        ("hello_world.py", "Deleted key"),
        ("list_operations.py", "deleted keys"),
        ("backup_restore_operations.py", "Restored Key"),
        ("key_rotation.py", "Rotated the key on-demand"),
        ("recover_purge_operations.py", "Purged"),
        ("send_request.py", "was found"),
    ];
    let folder = python_samples().join("samples");
    let mut shipped: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    // The same once more over aiohttp, which is no dependency of the SDK.
    shipped.retain(|name| name.ends_with(".py") && !name.ends_with("_async.py"));
    shipped.sort();
    let mut ours: Vec<_> = rows.iter().map(|(name, _)| *name).collect();
    ours.sort_unstable();
    assert_eq!(shipped, ours, "a sample without a row, or a row without a sample");
    for (name, says) in rows {
        let said = sample(&broker, &sidecar, &folder.join(name));
        assert!(said.to_lowercase().contains(&says.to_lowercase()), "{name}: {said}");
        purge_deleted(&broker);
    }
    let theirs = broker.principal("app");
    for operation in ["create-key", "delete-key", "purge-key", "recover-key", "restore-key", "rotate-key"] {
        let did = |line: &serde_json::Value| {
            line["principal"] == theirs && line["operation"] == operation && line["decision"] == "allowed"
        };
        assert!(broker.audit().iter().any(did), "{operation} stands in the audit");
    }
}

#[test]
fn the_cryptography_of_the_sdks_readme_runs_as_it_stands() {
    let (broker, sidecar) = machine();
    broker.admin().create("key-name", "RSA", 2048);
    let readme = std::fs::read_to_string(python_samples().join("README.md")).unwrap();
    let mut blocks = readme.split("```python\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let block = blocks.find(|code| code.contains("crypto_client.decrypt(")).expect("the README has it");
    let url = format!("https://vault1.kv.test:{}", sidecar.port());
    let code = block.replace("https://my-key-vault.vault.azure.net/", &url);
    assert_ne!(code, block, "the URL stands in it");
    let script = broker.folder().join("readme.py");
    std::fs::write(&script, format!("{code}\nassert decrypted.plaintext == plaintext\nprint('as it was')\n")).unwrap();
    assert_eq!(sample(&broker, &sidecar, &script), "as it was\n");
    let decrypted = |line: &serde_json::Value| line["operation"] == "decrypt" && line["decision"] == "allowed";
    assert_eq!(broker.audit().iter().filter(|line| decrypted(line)).count(), 1);
}
