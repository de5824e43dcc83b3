//! A real broker in a folder of its own, started, reloaded, killed.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::disk::FaultyDisk;
use crate::https::Client;
use crate::keybroker;
use crate::metrics::Metrics;
use crate::pki::{Authority, Identity, Leaf};
use crate::process::signal;
use crate::setup::{SUFFIX, TRUST_DOMAIN, clean};
use crate::wait::{WAIT_MAX, eventually, finished, run};

/// No start takes longer, however busy the machine: an interpreter's 12 MB are compiled meanwhile.
const START_MAX: Duration = Duration::from_secs(300);

/// How long a broker may take to end by itself before it is killed.
const STOP_MAX: Duration = Duration::from_secs(30);

/// A broker, serving or not. Dropped, it ends; its folder goes with it.
pub struct Broker {
    /// The CA "dev", which signed the server's certificate too.
    pub dev: Authority,
    folder: TempDir,
    running: Option<Running>,
    /// What its next lives find in their environment.
    environment: Vec<(OsString, OsString)>,
}

struct Running {
    child: Child,
    ekm: SocketAddr,
    keyvault: SocketAddr,
    kmip: SocketAddr,
    metrics: SocketAddr,
}

impl Broker {
    pub(crate) fn made(folder: TempDir, dev: Authority) -> Self {
        Self { dev, folder, running: None, environment: Vec::new() }
    }

    // ---- its life -----------------------------------------------------------------------------------------------

    /// Has its next lives behind this disk, or behind the real one alone.
    pub fn put_behind(&mut self, disk: Option<&FaultyDisk>) {
        self.environment = disk.map(FaultyDisk::environment).unwrap_or_default();
    }

    /// Serves.
    ///
    /// # Panics
    /// It does not come up.
    pub fn serve(&mut self) {
        self.try_serve().unwrap_or_else(|log| panic!("the broker did not come up:\n{log}"));
    }

    /// Serves, or gives what it said on stderr instead.
    ///
    /// # Errors
    /// It ended without a ready line.
    ///
    /// # Panics
    /// It serves already, or says and does nothing for five minutes.
    pub fn try_serve(&mut self) -> Result<(), String> {
        assert!(self.running.is_none(), "this broker serves already");
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let began = log.metadata().unwrap().len();
        let mut command = self.command(&["serve"]);
        command.arg(self.config_file()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn().unwrap();
        let (send, ready) = mpsc::channel();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            let mut line = String::new();
            // A broker that ended gives an empty line.
            let _ended = stdout.read_line(&mut line);
            let _gone = send.send(line);
        });
        let line = ready.recv_timeout(START_MAX).unwrap_or_default();
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            child.kill().unwrap();
            child.wait().unwrap();
            return Err(self.log()[usize::try_from(began).unwrap()..].to_owned());
        };
        let address = |front: &str| ready[front].as_str().map(|text| text.parse().unwrap());
        let unused = SocketAddr::from(([127, 0, 0, 1], 0));
        self.running = Some(Running {
            ekm: address("ekm").unwrap_or(unused),
            keyvault: address("keyvault").unwrap_or(unused),
            kmip: address("kmip").unwrap_or(unused),
            metrics: address("metrics").unwrap_or(unused),
            child,
        });
        Ok(())
    }

    /// Ends it in order, and waits until it has.
    ///
    /// # Panics
    /// It does not end, or not with success.
    pub fn stop(&mut self) {
        let mut running = self.running.take().expect("the broker serves");
        signal(running.child.id(), Signal::TERM);
        let status = finished(&mut running.child, STOP_MAX);
        if status.is_none() {
            running.child.kill().unwrap();
        }
        assert!(status.is_some_and(|status| status.success()), "the broker ended with {status:?}\n{}", self.log());
    }

    /// Ends it in order and serves again, on other ports.
    pub fn restart(&mut self) {
        self.stop();
        self.serve();
    }

    /// Kills it where it stands (SIGKILL); [`Self::serve`] brings it back, on other ports.
    pub fn kill9(&mut self) {
        let mut running = self.running.take().expect("the broker serves");
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    }

    /// Whether it serves, or at least has not been seen to end.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Whether it ended by itself; [`Self::wait_for_end`] then takes note of it.
    ///
    /// # Panics
    /// It does not serve.
    pub fn has_ended(&mut self) -> bool {
        self.running.as_mut().expect("the broker serves").child.try_wait().unwrap().is_some()
    }

    /// Waits until it has ended by itself, however that was.
    ///
    /// # Panics
    /// It does not within [`WAIT_MAX`].
    pub fn wait_for_end(&mut self) {
        let running = self.running.as_mut().expect("the broker serves");
        let ended = finished(&mut running.child, WAIT_MAX);
        assert!(ended.is_some(), "the broker did not end by itself\n{}", self.log());
        self.running = None;
    }

    /// Has the files of `[tls]` and `[[client-ca]]` read again, and waits until they are in force.
    ///
    /// # Panics
    /// The reload fails.
    pub fn reload(&self) {
        assert!(self.try_reload(), "the reload failed:\n{}", self.log());
    }

    /// The same; false when the broker refused what it read.
    pub fn try_reload(&self) -> bool {
        let count = |outcome| self.metrics().sum("keybroker_reloads_total", &[("outcome", outcome)]);
        let before = (count("ok"), count("failed"));
        signal(self.pid(), Signal::HUP);
        eventually("a reload's end", || match (count("ok") > before.0, count("failed") > before.1) {
            (false, false) => None,
            (ok, _) => Some(ok),
        })
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the broker serves")
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running().child.id()
    }

    // ---- its files ----------------------------------------------------------------------------------------------

    /// Where `init` made everything.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("broker")
    }

    /// Where ca.pem, server.pem, server.key and what clients need lie.
    #[must_use]
    pub fn pki(&self) -> PathBuf {
        self.folder.path().join("pki")
    }

    /// A folder for the test's own files; it goes away with the broker.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.home().join("keybroker.toml")
    }

    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.home().join("admin.sock")
    }

    /// Changes the configuration; the next [`Self::serve`] reads it.
    pub fn edit_config(&self, edit: impl FnOnce(&mut toml::Table)) {
        let mut config: toml::Table = std::fs::read_to_string(self.config_file()).unwrap().parse().unwrap();
        edit(&mut config);
        std::fs::write(self.config_file(), toml::to_string(&config).unwrap()).unwrap();
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("broker.log")
    }

    /// Everything that the broker has said on stderr.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(self.log_file()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The audit's entries, in order; a line that is being written and the headers of segments are left out.
    #[must_use]
    pub fn audit(&self) -> Vec<Value> {
        let folder = self.home().join("audit");
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
        files.sort();
        let text: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines = whole.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.filter(|line: &Value| line.get("seq").is_some()).collect()
    }

    // ---- its figures --------------------------------------------------------------------------------------------

    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics(self.page("/metrics").1)
    }

    /// Where `/metrics` is.
    #[must_use]
    pub fn metrics_address(&self) -> SocketAddr {
        self.running().metrics
    }

    /// Status and text of a page of the metrics listener.
    #[must_use]
    pub fn page(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.running().metrics).unwrap();
        stream.set_read_timeout(Some(WAIT_MAX)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    // ---- its administration -------------------------------------------------------------------------------------

    /// `keybroker` with these words; it finds this broker's socket by itself.
    #[must_use]
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(keybroker());
        command.args(words);
        clean(&mut command, &self.socket());
        command
    }

    /// Runs `keybroker` with these words.
    #[must_use]
    pub fn cli(&self, words: &[&str]) -> Output {
        run(&mut self.command(words), WAIT_MAX)
    }

    /// What an administrator's command (grant, grants, revoke, vault, pin) prints with `--json`.
    ///
    /// # Panics
    /// It is refused, or prints something else.
    pub fn ask(&self, words: &[&str]) -> Value {
        let done = self.cli(&[words, &["--json"]].concat());
        let stderr = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{words:?}: {stderr}");
        serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// What a command says on stderr when it is refused.
    ///
    /// # Panics
    /// It is not.
    #[must_use]
    pub fn refusal(&self, words: &[&str]) -> String {
        let done = self.cli(words);
        assert!(!done.status.success(), "{words:?} was not refused: {}", String::from_utf8_lossy(&done.stdout));
        assert_eq!(done.status.code(), Some(1), "{words:?}");
        String::from_utf8(done.stderr).unwrap()
    }

    /// Grants single permissions (`get,wrapKey`) at a scope; gives the grant's id.
    pub fn grant(&self, principal: &str, permissions: &str, scope: &str) -> String {
        let words = ["grant", "--principal", principal, "--permissions", permissions, "--scope", scope];
        self.ask(&words)[0]["id"].as_str().unwrap().to_owned()
    }

    // ---- its clients --------------------------------------------------------------------------------------------

    /// Where the external-key-manager proxy front listens.
    #[must_use]
    pub fn ekm(&self) -> SocketAddr {
        self.running().ekm
    }

    /// Where the Key Vault front listens.
    #[must_use]
    pub fn keyvault(&self) -> SocketAddr {
        self.running().keyvault
    }

    /// Where the KMIP front listens.
    #[must_use]
    pub fn kmip(&self) -> SocketAddr {
        self.running().kmip
    }

    /// The URL of a vault, port and all.
    #[must_use]
    pub fn vault_url(&self, vault: &str) -> String {
        format!("https://{vault}.{SUFFIX}:{}", self.keyvault().port())
    }

    /// A fresh certificate under "dev" for `spiffe://keybroker.test/NAME`.
    #[must_use]
    pub fn identity(&self, name: &str) -> Identity {
        self.dev.issue(Leaf::client().uri(&format!("spiffe://{TRUST_DOMAIN}/{name}")))
    }

    /// The principal that [`Self::identity`] gives.
    #[must_use]
    pub fn principal(&self, name: &str) -> String {
        format!("dev/uri:spiffe://{TRUST_DOMAIN}/{name}")
    }

    /// A client of `vault1` with this certificate, or with none.
    #[must_use]
    pub fn client(&self, identity: Option<&Identity>) -> Client {
        Client::new(self.keyvault(), &format!("vault1.{SUFFIX}"), &self.dev.der(), identity)
    }

    /// A client of `vault1` with a fresh certificate for that name.
    #[must_use]
    pub fn client_of(&self, name: &str) -> Client {
        self.client(Some(&self.identity(name)))
    }

    /// The administrator as a client of `vault1`.
    #[must_use]
    pub fn admin(&self) -> Client {
        self.client_of("admin")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            // It may have ended by itself; then there is nothing to signal.
            let _gone = kill_process(Pid::from_child(&running.child), Signal::TERM);
            if finished(&mut running.child, STOP_MAX).is_none() {
                let _gone = running.child.kill();
                let _gone = running.child.wait();
            }
        }
        if std::thread::panicking() {
            eprintln!("---- the broker's log\n{}----", self.log());
        }
    }
}
