//! The one place that runs machine code from outside the process's own binary.
#![allow(unsafe_code)]

use broker_crypto::mac::MacKey;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compiled_cache::{CompiledName, MAC_BYTES};

/// The component inside `file` (a MAC, then compiled code), if our own key made that MAC for this name; none otherwise.
/// None also when the code is of another engine.
pub fn load_compiled(engine: &Engine, mac: &MacKey, name: &CompiledName, file: &[u8]) -> Option<Component> {
    let (tag, code) = file.split_at_checked(MAC_BYTES)?;
    if !mac.verify(&name.bound_to(code), tag) {
        return None;
    }
    // SAFETY: `deserialize` trusts its bytes to be what `Component::serialize` gave. They are: the MAC over these very bytes
    // in memory, which nothing can change between the check and the use, was made by this program with a key that is kept
    // sealed, right after `serialize`, for this name, which holds the digest of the component and the engine's fingerprint.
    unsafe { Component::deserialize(engine, code) }.ok()
}
