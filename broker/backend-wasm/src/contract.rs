//! The contract with guests as Rust sees it, made of `wit/backend.wit` by the compiler, so that the two cannot differ.

// Exports and the two imports that may take seconds are async; every import may trap, for that is how a limit ends a call.
wasmtime::component::bindgen!({
    path: "../../wit/backend.wit",
    world: "revealing-backend",
    imports: {
        "keybroker:backend/crypto.generate": async | trappable,
        "keybroker:backend/crypto.import-secret": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "keybroker:backend/crypto.key": crate::room::HeldKey,
        "keybroker:backend/crypto.secret": broker_core::secret::Secret,
    },
});

pub use exports::keybroker::backend::keys::{Description, Generated};
pub use keybroker::backend::{crypto, log, reveal, types};

/// What a component may import without asking.
pub const GRANTED: [&str; 3] =
    ["keybroker:backend/crypto@0.1.0", "keybroker:backend/log@0.1.0", "keybroker:backend/types@0.1.0"];
/// What it may import when its configuration says so.
pub const REVEAL: &str = "keybroker:backend/reveal@0.1.0";
/// What it must export.
pub const KEYS: &str = "keybroker:backend/keys@0.1.0";
