//! A real OpenBao with a transit engine, over TLS.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use keybroker_tests::{Authority, Leaf, eventually, python, run};
use serde_json::Value;

const PROGRAM_MAX: Duration = Duration::from_secs(120);

/// A server in memory; killed with this.
pub struct Bao {
    child: Child,
    folder: tempfile::TempDir,
    pub url: String,
    pub root_token: String,
}

fn program() -> PathBuf {
    let path = python().with_file_name("bao");
    assert!(path.exists(), "{} is not there; `./dev setup` makes it", path.display());
    path
}

impl Bao {
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("bao-").tempdir().unwrap();
        let authority = Authority::new("bao test CA");
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        authority.issue(Leaf::server(&["localhost"])).write(folder.path(), "bao");
        // It takes no listening socket from others and does not tell its port; this one was free just now.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let said = format!(
            "storage \"inmem\" {{}}\nlistener \"tcp\" {{\n address = \"127.0.0.1:{port}\"\n tls_cert_file = {:?}\n tls_key_file = {:?}\n}}\n\
             api_addr = \"https://localhost:{port}\"\n",
            file("bao.pem"),
            file("bao.key"),
        );
        std::fs::write(folder.path().join("bao.hcl"), said).unwrap();
        let log = std::fs::File::create(folder.path().join("bao.log")).unwrap();
        let mut command = Command::new(program());
        command.args(["server", "-config"]).arg(folder.path().join("bao.hcl")).stdin(Stdio::null());
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let url = format!("https://localhost:{port}");
        let mut bao = Self { child, folder, url, root_token: String::new() };
        let made = eventually("bao's API", || bao.cli(&["operator", "init", "-key-shares=1", "-key-threshold=1"]));
        bao.root_token = made["root_token"].as_str().unwrap().to_owned();
        bao.cli(&["operator", "unseal", made["unseal_keys_b64"][0].as_str().unwrap()]).unwrap();
        eventually("a transit engine", || {
            bao.plain(&["secrets", "enable", "transit"]);
            bao.cli(&["secrets", "list"]).filter(|list| !list["transit/"].is_null())
        });
        bao
    }

    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A token that may use the transit engine and nothing else.
    pub fn token(&self) -> String {
        let policy = self.folder.path().join("policy.hcl");
        let rights = "path \"transit/*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\"] }";
        std::fs::write(&policy, rights).unwrap();
        assert!(self.plain(&["policy", "write", "broker", policy.to_str().unwrap()]));
        let made = self.cli(&["token", "create", "-policy=broker", "-no-default-policy"]).unwrap();
        made["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.env_clear().env("HOME", self.folder.path()).env("BAO_ADDR", &self.url).env("BAO_CACERT", self.ca());
        command.env("BAO_TOKEN", &self.root_token).env("BAO_FORMAT", "json").args(words);
        command
    }

    /// What bao's own client prints, where it is JSON.
    pub fn cli(&self, words: &[&str]) -> Option<Value> {
        serde_json::from_slice(&run(&mut self.command(words), PROGRAM_MAX).stdout).ok()
    }

    /// Whether bao's own client succeeds.
    pub fn plain(&self, words: &[&str]) -> bool {
        run(&mut self.command(words), PROGRAM_MAX).status.success()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn log(&self) -> String {
        std::fs::read_to_string(Path::new(self.folder.path()).join("bao.log")).unwrap_or_default()
    }
}

impl Drop for Bao {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- bao's log\n{}----", self.log());
        }
    }
}
