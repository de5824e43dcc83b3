//! check: all that `serve` does before it binds a port.

use std::path::Path;

use anyhow::Result;

use super::say;
use crate::assemble::{Noting, assemble};
use crate::config::Config;

pub fn run(path: &Path) -> Result<()> {
    let mut config = Config::read(path)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let assembly = runtime.block_on(assemble(&mut config, Noting::Nothing))?;
    for (name, plugin) in assembly.plugins.all() {
        let described = plugin.described();
        say::line(format!("backend {name}: {} {}", described.name, described.version))?;
    }
    let ruling = assembly.broker.ruling();
    say::line(format!(
        "store: {} vaults, {} grants, {} pins",
        ruling.vaults.len(),
        ruling.policy.grants().count(),
        ruling.pins.len()
    ))?;
    say::line(format!("{}: good", path.display()))
}
