//! A fresh guest for each call: the software plugin in this process, without HTTP, TLS, store and audit.

use std::path::PathBuf;
use std::sync::Arc;

use broker_backend_wasm::{Capability, Limits, Outside, PluginKeys, PluginSpec, Trust, WasmBackend};
use broker_core::algorithm::{KeySpec, WrapAlgorithm, WrapExtras};
use broker_core::key::Material;
use broker_core::name::{BackendName, KeyVersion};
use broker_core::port::{Backend as _, Candidate, Clock, Making, Unwrapping, Wrapping};
use broker_core::secret::Secret;
use broker_core::verb;
use broker_crypto::mac::MacKey;
use broker_crypto::seal::SealKey;
use keybroker_tests::guest;

use crate::permit::permit;
use crate::report::{Report, Row};
use crate::{Goal, Plan, RUNS, bare, load};

const NAME: &str = "A256KW unwrap, guest alone";
const AT_A_TIME: [usize; 2] = [1, 8];

struct Stopped;

impl Clock for Stopped {
    fn now_ms(&self) -> u64 {
        0
    }

    fn monotonic_us(&self) -> u64 {
        0
    }
}

struct Alone {
    backend: WasmBackend,
    under: Candidate,
    value: Vec<u8>,
}

pub fn measure(plan: &Plan, report: &mut Report) {
    if !plan.has(NAME) {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let alone = Arc::new(runtime.block_on(Alone::new(guest("software"))));
    let what = (KeySpec::Oct256, WrapAlgorithm::A256Kw, true);
    for at_a_time in AT_A_TIME {
        let (mut bare, mut runs) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            bare.push(bare::us_per_operation(what, 1, plan.each));
            let this = Arc::clone(&alone);
            let once = move || {
                let this = Arc::clone(&this);
                async move { this.once().await }
            };
            runs.push(runtime.block_on(load::run_tasks(once, load::own_cpu_us, at_a_time, plan.each)));
        }
        report.row(Row::of(NAME, at_a_time, &bare, &runs, Goal::None));
    }
}

impl Alone {
    async fn new(wasm: PathBuf) -> Self {
        let parent = Secret::new(vec![7; 32]);
        let keys = PluginKeys {
            seal: SealKey::derive(&parent, b"bench").unwrap(),
            cache_mac: MacKey::derive(&parent, b"bench").unwrap(),
        };
        let spec = PluginSpec {
            name: BackendName::parse("software").unwrap(),
            wasm,
            sha256: None,
            trust: Trust::default(),
            grants: [Capability::Crypto].into_iter().collect(),
            limits: Limits::default(),
        };
        let backend = WasmBackend::load(spec, keys, Outside::bare(Arc::new(Stopped)), None).await.unwrap();
        let (version, spec) = (KeyVersion([7; 16]), KeySpec::Oct256);
        let made = backend.generate_key(Making::Create(permit::<verb::CreateKey>()), version, spec).await.unwrap();
        let material = Arc::new(Material { opaque: made.opaque, public: made.public, origin_vault: None });
        let under = Candidate { version, spec, material };
        let (secret, extras) = (Secret::copied_from(&[7; 32]), WrapExtras::default());
        let permit = Wrapping::Wrap(permit::<verb::WrapKey>());
        let value = backend.wrap_key(permit, &under, WrapAlgorithm::A256Kw, secret, &extras).await.unwrap().value;
        Self { backend, under, value }
    }

    async fn once(&self) {
        let (permit, extras) = (Unwrapping::Unwrap(permit::<verb::UnwrapKey>()), WrapExtras::default());
        let under = std::slice::from_ref(&self.under);
        let opened = self.backend.unwrap_key(permit, under, WrapAlgorithm::A256Kw, &self.value, &extras).await.unwrap();
        assert_eq!(opened.secret.expose(), [7; 32]);
    }
}
