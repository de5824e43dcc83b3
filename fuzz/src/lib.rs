//! What must hold for any bytes at all: one subject for each parser that a stranger reaches.

mod bound;
#[allow(dead_code, unused_imports)] // what only the broker's start asks for
#[path = "../../broker/server/src/config/mod.rs"]
mod config;
mod edit;
mod plugin;
mod renewed;
mod request;
pub mod subject;

pub use renewed::Renewed;
