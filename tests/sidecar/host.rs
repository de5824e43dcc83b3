//! A machine with a broker, and a sidecar on it.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use keybroker_tests::{Asks as _, Broker, Client, Setup};
use serde_json::Value;

pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A broker with a key `k`, whose principal `app` may use it, and the files of a sidecar with `app`'s certificate.
pub fn broker() -> Broker {
    let broker = Setup::new().start();
    broker.admin().create("k", "oct", 256);
    broker.identity("app").write(&broker.pki(), "app");
    broker.grant(&broker.principal("app"), "get,wrapKey,unwrapKey,encrypt,decrypt", "/vault1");
    write_secret(&broker, SECRET, 0o600);
    broker
}

pub fn secret_file(broker: &Broker) -> PathBuf {
    broker.folder().join("secret")
}

pub fn write_secret(broker: &Broker, secret: &str, mode: u32) {
    std::fs::write(secret_file(broker), secret).unwrap();
    std::fs::set_permissions(secret_file(broker), std::fs::Permissions::from_mode(mode)).unwrap();
}

pub fn command(broker: &Broker, listen: &str, more: &[&str]) -> Command {
    let pki = broker.pki();
    let mut command = broker.command(&["sidecar", "--listen", listen, "--vault-host", "vault1.kv.test"]);
    command.arg("--upstream").arg(broker.keyvault().to_string());
    command.arg("--ca").arg(pki.join("ca.pem")).arg("--cert").arg(pki.join("app.pem"));
    command.arg("--key").arg(pki.join("app.key")).arg("--secret-file").arg(secret_file(broker)).args(more);
    command
}

/// A sidecar that serves; ended with this.
pub struct Sidecar {
    pub child: Child,
    pub address: String,
}

impl Sidecar {
    pub fn start(broker: &Broker, listen: &str, more: &[&str]) -> Self {
        let mut child = command(broker, listen, more).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).expect("the sidecar comes up");
        Self { child, address: ready["sidecar"].as_str().unwrap().to_owned() }
    }

    /// With TLS, as Key Vault's clients want it.
    pub fn tls(broker: &Broker, more: &[&str]) -> Self {
        let [cert, key] = ["server.pem", "server.key"].map(|file| broker.pki().join(file).display().to_string());
        Self::start(broker, "127.0.0.1:0", &[&["--tls-cert", &cert, "--tls-key", &key], more].concat())
    }

    pub fn port(&self) -> u16 {
        self.address.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// A program on this machine: it has no certificate.
    pub fn program(&self, broker: &Broker) -> Client {
        Client::new(self.address.parse().unwrap(), "vault1.kv.test", &broker.dev.der(), None)
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
