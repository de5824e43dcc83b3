//! sops and OpenBao, unmodified: neither can show a client certificate.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use keybroker_tests::{Asks as _, Broker, eventually, finished, python, run};
use serde_json::Value;

use crate::host::{SECRET, Sidecar, broker, text};
use crate::proxy::forward_proxy;

/// How long other people's programs may take on a busy machine.
const PROGRAM_MAX: Duration = Duration::from_secs(120);

/// A program that was installed with the Python clients, in an environment of its own.
fn program(broker: &Broker, proxy: &str, name: &str) -> Command {
    let path = python().with_file_name(name);
    assert!(path.exists(), "{} is not there; `./dev setup` makes it", path.display());
    let mut command = Command::new(path);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", broker.folder());
    command.env("HTTPS_PROXY", proxy).env("SSL_CERT_FILE", broker.pki().join("ca.pem")).current_dir(broker.folder());
    command
}

/// Azure's variables for a managed identity; the sidecar's token endpoint stands in for it.
fn managed<'a>(command: &'a mut Command, sidecar: &Sidecar, secret: &str) -> &'a mut Command {
    let endpoint = format!("https://localhost:{}/metadata/identity/oauth2/token", sidecar.port());
    command.env("IDENTITY_ENDPOINT", endpoint).env("IDENTITY_HEADER", secret)
}

#[test]
fn sops_encrypts_and_decrypts_through_the_sidecar() {
    let broker = broker();
    let key = broker.admin().create("sops", "RSA", 2048);
    let sidecar = Sidecar::tls(&broker, &[]);
    let proxy = forward_proxy();
    let url = format!("https://vault1.kv.test:{}", sidecar.port());
    let sops = |words: &[&str]| {
        let mut command = program(&broker, &proxy, "sops");
        command.arg("--disable-version-check").args(words);
        command
    };
    let file = |name: &str| broker.folder().join(name).display().to_string();
    std::fs::write(file("plain.yaml"), "password: hunter2\n").unwrap();
    let mut encrypt =
        sops(&["encrypt", "--azure-kv", &format!("{url}{key}"), "--output", &file("secret.yaml"), &file("plain.yaml")]);
    let done = run(managed(&mut encrypt, &sidecar, SECRET), PROGRAM_MAX);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let encrypted = std::fs::read_to_string(file("secret.yaml")).unwrap();
    assert!(encrypted.contains(&url) && !encrypted.contains("hunter2"), "{encrypted}");

    let decrypt = || sops(&["decrypt", &file("secret.yaml")]);
    let done = run(managed(&mut decrypt(), &sidecar, SECRET), PROGRAM_MAX);
    assert_eq!(text(&done.stdout), "password: hunter2\n", "{}", text(&done.stderr));
    // The same with a client secret. In the tenant "adfs" Azure's Go client asks nobody else about us.
    let mut by_client_secret = decrypt();
    by_client_secret.env("AZURE_TENANT_ID", "adfs").env("AZURE_CLIENT_ID", "any").env("AZURE_CLIENT_SECRET", SECRET);
    let done = run(by_client_secret.env("AZURE_AUTHORITY_HOST", format!("{url}/")), PROGRAM_MAX);
    assert_eq!(text(&done.stdout), "password: hunter2\n", "{}", text(&done.stderr));

    let done = run(managed(&mut decrypt(), &sidecar, "not the secret"), PROGRAM_MAX);
    assert!(!done.status.success() && !text(&done.stdout).contains("hunter2"));
    assert!(text(&done.stderr).contains("401"), "{}", text(&done.stderr));
    let unwraps =
        broker.audit().into_iter().filter(|line| line["scope"] == "/vault1/sops" && line["decision"] == "allowed");
    assert!(
        unwraps.clone().count() >= 3
            && unwraps
                .into_iter()
                .all(|line| line["principal"] == broker.principal("app") || line["operation"] == "create-key")
    );
}

/// An OpenBao server; killed with this.
struct Bao<'a> {
    broker: &'a Broker,
    child: Child,
}

impl<'a> Bao<'a> {
    fn start(broker: &'a Broker, proxy: &str, sidecar: &Sidecar, config: &Path, secret: &str) -> Self {
        let log = std::fs::File::options().create(true).append(true).open(broker.folder().join("bao.log")).unwrap();
        let mut command = program(broker, proxy, "bao");
        command
            .args(["server", "-config"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        Self { broker, child: managed(&mut command, sidecar, secret).spawn().unwrap() }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.broker.folder().join("bao.log")).unwrap()
    }

    /// Its own client; the words that follow `bao`.
    fn cli(&self, address: &str, token: &str, words: &[&str]) -> Option<Value> {
        let mut command = program(self.broker, "", "bao");
        command.env("BAO_ADDR", address).env("BAO_TOKEN", token).env("BAO_FORMAT", "json").args(words);
        serde_json::from_slice(&run(&mut command, PROGRAM_MAX).stdout).ok()
    }

    fn status(&self, address: &str) -> Option<Value> {
        self.cli(address, "", &["status"])
    }
}

impl Drop for Bao<'_> {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- bao's log\n{}----", self.log());
        }
    }
}

#[test]
fn openbao_unseals_itself_through_the_sidecar() {
    let broker = broker();
    broker.admin().create("bao", "RSA", 2048);
    let sidecar = Sidecar::tls(&broker, &[]);
    let proxy = forward_proxy();
    let data = broker.folder().join("bao");
    std::fs::create_dir(&data).unwrap();
    // It takes no listening socket from others and does not tell its port; these were free just now.
    let [api, cluster] =
        [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap()).map(|held| held.local_addr().unwrap());
    let config = broker.folder().join("bao.hcl");
    let resource = format!("kv.test:{}", sidecar.port());
    let said = format!(
        "storage \"raft\" {{\n path = \"{}\"\n node_id = \"one\"\n}}\nlistener \"tcp\" {{\n address = \"{api}\"\n tls_disable = true\n}}\n\
         api_addr = \"http://{api}\"\ncluster_addr = \"http://{cluster}\"\n\
         seal \"azurekeyvault\" {{\n tenant_id = \"adfs\"\n vault_name = \"vault1\"\n key_name = \"bao\"\n resource = \"{resource}\"\n}}\n",
        data.display()
    );
    std::fs::write(&config, said).unwrap();
    let address = format!("http://{api}");
    let bao = Bao::start(&broker, &proxy, &sidecar, &config, SECRET);
    eventually("bao's API", || bao.status(&address));
    let made = bao.cli(&address, "", &["operator", "init", "-recovery-shares=1", "-recovery-threshold=1"]).unwrap();
    let root = made["root_token"].as_str().unwrap().to_owned();
    eventually("an unsealed bao", || bao.status(&address).filter(|status| status["sealed"] == false));
    eventually("an active bao", || {
        bao.cli(&address, &root, &["secrets", "enable", "-path=kv", "kv"])
            .or_else(|| bao.cli(&address, &root, &["secrets", "list"]).filter(|list| !list["kv/"].is_null()))
    });
    bao.cli(&address, &root, &["kv", "put", "kv/a", "b=c"]);
    drop(bao);
    // It was killed; the next one opens by itself what the broker unwraps.
    let bao = Bao::start(&broker, &proxy, &sidecar, &config, SECRET);
    eventually("a bao that unsealed itself", || bao.status(&address).filter(|status| status["sealed"] == false));
    let read = eventually("what was written", || bao.cli(&address, &root, &["kv", "get", "kv/a"]));
    assert_eq!(read["data"]["b"], "c", "{read}");
    drop(bao);
    let unwraps =
        broker.audit().into_iter().filter(|line| line["operation"] == "unwrap-key" && line["scope"] == "/vault1/bao");
    assert!(
        unwraps.clone().count() > 0 && unwraps.into_iter().all(|line| line["principal"] == broker.principal("app"))
    );
    // Not with another secret.
    let mut bao = Bao::start(&broker, &proxy, &sidecar, &config, "not the secret");
    let ended = finished(&mut bao.child, PROGRAM_MAX).expect("it gives up");
    assert!(!ended.success() && bao.log().contains("401"), "{ended}");
}
