//! What a broker is to be like, said before it exists; `keybroker init` makes it so.

use std::path::PathBuf;
use std::process::Command;

use toml::{Table, Value};

use crate::broker::Broker;
use crate::pki::{Authority, Leaf};
use crate::wait::{WAIT_MAX, run};
use crate::{guest, keybroker};

/// Vault `v` is served under host `v.kv.test`.
pub const SUFFIX: &str = "kv.test";

/// The trust domain of the SPIFFE IDs that these tests give out.
pub const TRUST_DOMAIN: &str = "keybroker.test";

/// The principal that is an administrator of every broker made here, beside the uid that runs the test.
pub const ADMIN: &str = "dev/uri:spiffe://keybroker.test/admin";

/// A client CA beside "dev".
pub struct ClientCa {
    pub name: &'static str,
    /// PEM; more than one certificate may stand in it.
    pub certificates: String,
    /// uri, dns, email or cn.
    pub names_by: &'static str,
    /// PEM of each list; None: revocation is not checked.
    pub crls: Option<Vec<String>>,
}

type Edit = Box<dyn FnOnce(&mut Table)>;

/// A broker to be: one vault `vault1`, the software backend, one client CA "dev" that names by URI, an administrator
/// [`ADMIN`], free ports, and reloads on SIGHUP alone.
pub struct Setup {
    admins: Vec<String>,
    edits: Vec<Edit>,
    passphrase: Option<String>,
    plugin: PathBuf,
    vaults: Vec<String>,
    client_cas: Vec<ClientCa>,
    dev_crls: Option<Vec<String>>,
    dev: Authority,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            admins: vec![ADMIN.to_owned()],
            edits: Vec::new(),
            passphrase: None,
            plugin: guest("software"),
            vaults: vec!["vault1".to_owned()],
            client_cas: Vec::new(),
            dev_crls: None,
            dev: Authority::new("keybroker test CA"),
        }
    }
}

impl Setup {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Another vault.
    #[must_use]
    pub fn vault(mut self, name: &str) -> Self {
        self.vaults.push(name.to_owned());
        self
    }

    /// Another administrator.
    #[must_use]
    pub fn admin(mut self, principal: &str) -> Self {
        self.admins.push(principal.to_owned());
        self
    }

    /// Another client CA; its files lie in the broker's `pki` folder as `NAME.pem` and `NAME-0.crl`, `NAME-1.crl`...
    #[must_use]
    pub fn client_ca(mut self, ca: ClientCa) -> Self {
        self.client_cas.push(ca);
        self
    }

    /// The CA "dev" itself, made by the caller, and its revocation lists (`dev-0.crl`...).
    #[must_use]
    pub fn dev(mut self, ca: Authority, crls: Option<Vec<String>>) -> Self {
        (self.dev, self.dev_crls) = (ca, crls);
        self
    }

    /// Another component than `software` for the backend "software".
    #[must_use]
    pub fn plugin(mut self, component: PathBuf) -> Self {
        self.plugin = component;
        self
    }

    /// Another backend; `more` goes into its table (grants, call-ms-max...). Without grants in it, those of most guests.
    #[must_use]
    pub fn backend(self, name: &str, component: PathBuf, more: Table) -> Self {
        let mut backend = more;
        backend.entry("grants").or_insert_with(|| vec!["crypto", "log"].into());
        backend.insert("type".into(), "wasm".into());
        backend.insert("name".into(), name.into());
        backend.insert("file".into(), component.display().to_string().into());
        self.edit(move |config| push(config, "backend", backend))
    }

    /// The store's root is this passphrase, in a file, instead of a key.
    #[must_use]
    pub fn passphrase(mut self, passphrase: &str) -> Self {
        self.passphrase = Some(passphrase.to_owned());
        self
    }

    /// Any change of the configuration, after all that is said otherwise.
    #[must_use]
    pub fn edit(mut self, edit: impl FnOnce(&mut Table) + 'static) -> Self {
        self.edits.push(Box::new(edit));
        self
    }

    /// Makes it and serves.
    ///
    /// # Panics
    /// It does not come up.
    #[must_use]
    pub fn start(self) -> Broker {
        let mut broker = self.init();
        broker.serve();
        broker
    }

    /// Makes it; it does not serve yet.
    ///
    /// # Panics
    /// `keybroker init` refuses.
    #[must_use]
    pub fn init(self) -> Broker {
        self.init_with(&[])
    }

    /// Makes it, with more words for `keybroker init`.
    ///
    /// # Panics
    /// `keybroker init` refuses.
    #[must_use]
    pub fn init_with(self, words: &[&str]) -> Broker {
        self.init_saying(words).0
    }

    /// The same, with what `keybroker init` said.
    ///
    /// # Panics
    /// `keybroker init` refuses.
    #[must_use]
    pub fn init_saying(self, words: &[&str]) -> (Broker, String) {
        let folder = tempfile::Builder::new().prefix("keybroker-").tempdir().unwrap();
        let (pki, home) = (folder.path().join("pki"), folder.path().join("broker"));
        std::fs::create_dir(&pki).unwrap();
        std::fs::write(pki.join("ca.pem"), self.dev.pem()).unwrap();
        let server = Leaf::server(&[&format!("*.{SUFFIX}"), SUFFIX, "localhost"]);
        self.dev.issue(server).write(&pki, "server");
        let mut init = Command::new(keybroker());
        init.arg("init").arg(&home).arg("--plugin").arg(&self.plugin).arg("--pki").arg(&pki);
        init.args(["--host-suffix", SUFFIX, "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]);
        for vault in &self.vaults {
            init.args(["--vault", vault]);
        }
        for admin in &self.admins {
            init.args(["--admin", admin]);
        }
        init.args(words);
        if let Some(passphrase) = &self.passphrase {
            let file = folder.path().join("passphrase");
            std::fs::write(&file, passphrase).unwrap();
            init.arg("--passphrase-file").arg(file);
        }
        let made = run(&mut init, WAIT_MAX);
        assert!(made.status.success(), "init: {}", String::from_utf8_lossy(&made.stderr));
        let broker = Broker::made(folder, self.dev);
        broker.edit_config(|config| {
            config.insert("reload-check-ms".into(), 3_600_000.into());
            if let Some(crls) = &self.dev_crls {
                let dev = config["client-ca"].as_array_mut().unwrap()[0].as_table_mut().unwrap();
                dev.insert("crls".into(), written(&pki, "dev", crls));
            }
            for ca in &self.client_cas {
                push(config, "client-ca", ca_table(&pki, ca));
            }
            self.edits.into_iter().for_each(|edit| edit(config));
        });
        (broker, String::from_utf8(made.stdout).unwrap())
    }
}

fn ca_table(pki: &std::path::Path, ca: &ClientCa) -> Table {
    let file = pki.join(format!("{}.pem", ca.name));
    std::fs::write(&file, &ca.certificates).unwrap();
    let rows = [("name", ca.name.to_owned()), ("names-by", ca.names_by.to_owned()), ("certificates", text(&file))];
    let mut table: Table = rows.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
    if let Some(crls) = &ca.crls {
        table.insert("crls".into(), written(pki, ca.name, crls));
    }
    table
}

fn written(pki: &std::path::Path, name: &str, crls: &[String]) -> Value {
    let write = |(index, pem): (usize, &String)| {
        let file = pki.join(format!("{name}-{index}.crl"));
        std::fs::write(&file, pem).unwrap();
        Value::from(text(&file))
    };
    crls.iter().enumerate().map(write).collect::<Vec<_>>().into()
}

fn text(path: &std::path::Path) -> String {
    path.display().to_string()
}

fn push(config: &mut Table, list: &str, table: Table) {
    let list = config.entry(list).or_insert_with(|| Value::Array(Vec::new()));
    list.as_array_mut().unwrap().push(Value::Table(table));
}

/// Variables that would reach into the broker from the developer's own shell.
pub(crate) fn clean(command: &mut Command, socket: &std::path::Path) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KEYBROKER_")) {
        command.env_remove(name);
    }
    command.env("KEYBROKER_SOCKET", socket);
}
