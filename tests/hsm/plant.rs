//! A broker with a token of its own behind it.

use std::fs;
use std::path::{Path, PathBuf};

use keybroker_tests::{Broker, Setup, SoftToken, eventually};
use rustix::process::{Pid, Signal, kill_process};

pub const MODULE: &str = SoftToken::MODULE;
pub const LABEL: &str = SoftToken::LABEL;

/// A broker whose vault keeps its -HSM keys in a fresh token.
pub struct Plant {
    pub broker: Broker,
    token: SoftToken,
}

impl Plant {
    pub fn new() -> Self {
        Self::with(false, |_| {})
    }

    /// Between the broker and the module lies the shim, which breaks calls as [`Self::tell`] says.
    pub fn breakable() -> Self {
        Self::with(true, |backend| drop(backend.insert("call-ms-max".into(), 1_000.into())))
    }

    pub fn with(breakable: bool, edit: impl FnOnce(&mut toml::Table) + 'static) -> Self {
        Self::of(Setup::new(), breakable, edit)
    }

    /// The same with a broker that is more than that; `edit` is for the backend.
    pub fn of(setup: Setup, breakable: bool, edit: impl FnOnce(&mut toml::Table) + 'static) -> Self {
        let token = SoftToken::new();
        let at = |name: &str| token.at(name);
        fs::write(at("control"), "").unwrap();
        let mut table = toml::Table::new();
        let mut environment = toml::Table::new();
        let path = |name: &str| toml::Value::from(at(name).display().to_string());
        environment.insert("SOFTHSM2_CONF".into(), path("softhsm2.conf"));
        if breakable {
            environment.insert("HSM_SHIM_MODULE".into(), MODULE.into());
            environment.insert("HSM_SHIM_CONTROL".into(), path("control"));
        }
        let module = if breakable { shim() } else { MODULE.into() };
        table.insert("module".into(), module.display().to_string().into());
        table.insert("label".into(), LABEL.into());
        table.insert("pin-file".into(), path("pin"));
        table.insert("environment".into(), environment.into());
        let mut backend = toml::toml! {
            type = "pkcs11"
            name = "hsm"
            raw-rsa = true
        };
        backend.insert("token".into(), vec![table].into());
        edit(&mut backend);
        let broker = setup.edit(move |config| config["backend"].as_array_mut().unwrap().push(backend.into())).start();
        broker.ask(&["vault", "update", "vault1", "--hsm-backend", "hsm"]);
        Self { broker, token }
    }

    /// Where SoftHSM keeps its tokens.
    pub fn tokens(&self) -> PathBuf {
        self.token.path().join("tokens")
    }

    /// Has the shim break the next calls; its documentation says how.
    pub fn tell(&self, control: &str) {
        fs::write(self.token.at("control"), control).unwrap();
    }

    /// What of the shim's orders has not been carried out.
    pub fn untold(&self) -> String {
        fs::read_to_string(self.token.at("control")).unwrap()
    }

    /// The folder of the token, its configuration and its PIN.
    pub fn folder(&self) -> &Path {
        self.token.path()
    }

    /// The worker that serves now: a child of the broker.
    pub fn worker(&self) -> Option<u32> {
        let named = |pid: &u32| {
            fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.windows(10).any(|part| part == b"hsm-worker"))
        };
        // Whichever thread of the broker started it.
        let tasks = fs::read_dir(format!("/proc/{}/task", self.broker.pid())).unwrap();
        let all = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
        let pids: Vec<u32> =
            all.flat_map(|text| text.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>()).collect();
        pids.into_iter().find(named)
    }

    pub fn serving(&self) -> bool {
        self.broker.metrics().sum("keybroker_hsm_token_serving", &[("backend", "hsm")]).to_bits() == 1.0_f64.to_bits()
    }

    pub fn starts(&self) -> f64 {
        self.broker.metrics().sum("keybroker_hsm_events_total", &[("event", "worker-start")])
    }

    /// Kills the worker, but only one that has logged in: a kill within a login can destroy a SoftHSM token. Gives how
    /// many had been started by then.
    pub fn kill_worker(&self) -> f64 {
        let (worker, starts) = eventually("a worker that serves", || {
            let (worker, starts) = (self.worker()?, self.starts());
            // Still the same one: none that began between two looks.
            (self.serving() && self.worker() == Some(worker)).then_some((worker, starts))
        });
        // It may have ended by itself in between.
        let _gone = kill_process(Pid::from_raw(worker.cast_signed()).unwrap(), Signal::KILL);
        starts
    }
}

/// Cargo builds it beside this test, of which it is a dependency.
pub fn shim() -> PathBuf {
    let shim = std::env::current_exe().unwrap().parent().unwrap().join("libhsm_test_shim.so");
    assert!(shim.is_file(), "{} is not there", shim.display());
    shim
}
