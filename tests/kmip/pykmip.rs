//! PyKMIP, unmodified: what it does is in clients/python/kmip_client.py; what it left behind is looked at here.

use std::process::Command;
use std::time::Duration;

use keybroker_tests::{python, run, tests_folder};

use keybroker_tests::desk::{kmip, owner};

/// How long the script may take on a busy machine: it has RSA keys made.
const SCRIPT_MAX: Duration = Duration::from_secs(300);

#[test]
fn pykmip_creates_finds_uses_derives_and_ends_keys_in_every_version() {
    let broker = kmip(&[]).start();
    let _granted = owner(&broker, "pykmip");
    broker.identity("pykmip").write(&broker.pki(), "pykmip");
    let mut script = Command::new(python());
    script.env("PYTHONDONTWRITEBYTECODE", "1").arg(tests_folder().join("clients/python/kmip_client.py"));
    script.arg(broker.kmip().port().to_string()).arg(broker.pki()).arg("pykmip");
    let done = run(&mut script, SCRIPT_MAX);
    let (stdout, stderr) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{stdout}\n{stderr}\n{}", broker.log());
    assert_eq!(stdout.lines().count(), 5, "{stdout}");
    // Each deed stands in the audit, by who did it.
    let principal = broker.principal("pykmip");
    for operation in ["create-object", "register-object", "derive-object", "reveal-object", "destroy-object"] {
        let ours = |line: &&serde_json::Value| line["operation"] == operation && line["principal"] == principal;
        assert!(broker.audit().iter().filter(ours).count() >= 5, "{operation}");
    }
}
