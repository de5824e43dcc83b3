//! Builds the rooms, hands them each other, opens the doors.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod admin;
mod assemble;
mod audit;
mod cli;
mod config;
mod conformance;
mod crowd;
mod deed;
mod front;
mod http;
mod kmip;
mod layer;
mod listen;
mod memory;
mod metric;
mod newcomer;
mod objects;
mod ops;
mod plugin;
mod reload;
mod root;
mod serve;
mod sighting;
mod task;
mod under_way;
mod usage;
mod webhook;

fn main() -> std::process::ExitCode {
    cli::run()
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
