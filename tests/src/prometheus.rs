//! A real Prometheus that scrapes a broker each second and evaluates our rules.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::artefact;
use crate::wait::{WAIT_MAX, eventually, finished};

/// `promtool`, which checks rules and runs their tests.
///
/// # Panics
/// It is not there.
#[must_use]
pub fn promtool() -> Command {
    Command::new(artefact::prometheus("promtool"))
}

/// A running Prometheus. Dropped, it ends; its folder goes with it.
pub struct Prometheus {
    address: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl Prometheus {
    /// Scrapes `/metrics` at `target` as the job "keybroker", and evaluates the rules of a file.
    ///
    /// # Panics
    /// It does not come up.
    #[must_use]
    pub fn scraping(target: SocketAddr, rules: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("keybroker-prometheus-").tempdir().unwrap();
        let (config, log) = (folder.path().join("prometheus.yml"), folder.path().join("log"));
        let rules = std::fs::canonicalize(rules).unwrap();
        let text = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
             rule_files: [{rules:?}]\n\
             scrape_configs: [{{ job_name: keybroker, static_configs: [{{ targets: [\"{target}\"] }}] }}]\n"
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(artefact::prometheus("prometheus"));
        command.arg("--config.file").arg(&config).arg("--storage.tsdb.path").arg(folder.path().join("data"));
        command.args(["--web.listen-address", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        let address = eventually("Prometheus listening", || {
            let said = std::fs::read_to_string(&log).unwrap();
            assert!(child.try_wait().unwrap().is_none(), "Prometheus ended:\n{said}");
            let line = said.lines().find(|line| line.contains("msg=\"Listening on\""))?;
            line.split_once("address=")?.1.parse().ok()
        });
        Self { address, child, _folder: folder }
    }

    /// The samples (each with `metric` and `value`) that an expression has now.
    ///
    /// # Panics
    /// It does not parse, or cannot be evaluated.
    #[must_use]
    pub fn query(&self, expression: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/v1/query?query={}", percent_encoded(expression)));
        assert_eq!(answer["status"], "success", "{expression}\n{answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }

    /// Every rule, as `/api/v1/rules` shows it; a rule that was not evaluated yet has the health "unknown".
    ///
    /// # Panics
    /// It does not answer.
    #[must_use]
    pub fn rules(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/rules");
        let groups = answer["data"]["groups"].as_array().unwrap().iter();
        groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
    }

    fn get(&self, target: &str) -> Value {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(WAIT_MAX)).unwrap();
        // HTTP/1.0, so that the answer comes in one piece. It may be none while Prometheus is still loading.
        write!(stream, "GET {target} HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{target}: {error}\n{text}"))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to signal.
        let _gone = kill_process(Pid::from_child(&self.child), Signal::TERM);
        if finished(&mut self.child, WAIT_MAX).is_none() {
            let _gone = self.child.kill();
            let _gone = self.child.wait();
        }
    }
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
