//! The backend contract for guests written in Rust, with the ordinary way to serve it; never sees a secret byte.
// The generated bindings cross the border to the host with raw pointers, and an allocator is unsafe by nature; nothing else
// here is.
#![allow(unsafe_code)]

wit_bindgen::generate!({
    path: "../../wit/0.1.0",
    // All of it: what a guest never calls does not become an import of its component.
    world: "full-backend",
    pub_export_macro: true,
    default_bindings_module: "keybroker_sdk",
});

mod arena;
mod backend;
pub mod handles;

#[global_allocator]
static ARENA: arena::Arena = arena::Arena::new();

pub use backend::Backend;
pub use exports::keybroker::backend::keys::{Description, Generated, Guest};
pub use keybroker::backend::{
    clock, credentials, crypto, delegate, http, keyvalue, log, reveal, roots, settings, types,
};
