//! The commands.

mod admin;
mod audit;
mod backend;
mod check;
mod client;
mod dev_pki;
mod health;
mod hsm_test;
mod identity;
mod init;
mod kmip;
mod plugin;
mod root;
mod say;
mod sidecar;
mod store;
pub mod upstream;
mod usage;
mod vault;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory as _, Parser, Subcommand};

use crate::config::HSM_WORKER;
use crate::memory;

/// Keeps key-encryption keys, or drives the HSM that does, and lets each client do exactly what it was granted.
#[derive(Parser)]
#[command(name = "keybroker", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a root key, a store, the first administrator's grant and a commented configuration
    Init(init::Init),
    /// Serve
    Serve {
        /// The configuration file
        config: PathBuf,
    },
    /// Read a configuration and everything it names, as `serve` would, and bind no port
    Check {
        /// The configuration file
        config: PathBuf,
    },
    /// Ask the running broker whether it is ready for requests, at its `[metrics]` listener; for probes of containers
    Health {
        /// The configuration file
        config: PathBuf,
    },
    /// Grant a role or permissions to a principal, through the running broker
    Grant(admin::GrantCommand),
    /// Take a grant back, through the running broker
    Revoke(admin::Revoke),
    /// Show the grants at a scope and below it; approve or deny those that wait for it
    Grants(admin::Grants),
    /// Make, change, show, lock, delete, recover and purge vaults, through the running broker
    Vault(vault::VaultCommand),
    /// Show how often each principal asked for what, through the running broker
    Usage(usage::Usage),
    /// Trust single client certificates by their SHA-256, through the running broker
    Pin(admin::PinCommand),
    /// Make, assign, show and end identities, which rights are given to before anyone can act as them
    Identity(identity::IdentityCommand),
    /// Whom the KMIP listener trusts, who is connected, and the key under which objects are kept
    Kmip(kmip::KmipCommand),
    /// Set and lift delete locks of keys, through the running broker
    Key(admin::KeyCommand),
    /// Back up and restore what a backend keeps for itself, through the running broker
    Backend(backend::BackendCommand),
    /// Copy the whole store through the running broker; put a copy back while none runs
    Store(store::StoreCommand),
    /// Seal the store under another root key, also with the shares of one that is lost
    Root(root::RootCommand),
    /// Begin, try, inspect and sign plugins, and have the running broker load them again
    Plugin(plugin::PluginCommand),
    /// Say that the clock is right after it jumped, through the running broker
    Clock(admin::ClockCommand),
    /// Explain, step by step, why a principal can or cannot use a key, and what would mend it
    Doctor(admin::Doctor),
    /// Ask a broker as any client does: wrap, unwrap, get, rotate, data keys, rewrap, LUKS volumes
    Client(client::ClientCommand),
    /// Let local programs that cannot show a client certificate use a broker
    Sidecar(sidecar::Sidecar),
    /// Verify, show and export the audit log, from its files and with its public key alone
    Audit(audit::AuditCommand),
    /// Ask a PKCS#11 module what it can do and whether it does it right, on a fresh token or a given one
    HsmTest(hsm_test::HsmTest),
    /// The process that `hsm-test` lets load the module
    #[command(hide = true, name = HSM_TEST_CHILD)]
    HsmTestChild,
    /// The process that holds an HSM's sessions; the broker starts it
    #[command(hide = true, name = HSM_WORKER)]
    HsmWorker,
    /// Make a CA with server and client certificates for trying out; not for production
    DevPki(dev_pki::DevPki),
    /// Print a completion script for a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
}

/// What `hsm-test` tells its own program to be, for the process that loads the module.
const HSM_TEST_CHILD: &str = "hsm-test-child";

/// Runs the command the process was started with; errors go to stderr, with what led to them.
pub fn run() -> ExitCode {
    let command = Cli::parse().command;
    // Each of them may hold secrets: root keys, passphrases, data keys.
    if let Err(error) = memory::leave_no_dumps() {
        eprintln!("keybroker: {error:#}");
        return ExitCode::FAILURE;
    }
    if matches!(command, Command::HsmWorker) {
        return broker_backend_pkcs11::run_worker();
    }
    if matches!(command, Command::HsmTestChild) {
        return ::hsm_test::answer();
    }
    match perform(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("keybroker: {error:#}");
            // As clap does for options it does not know: 1 is a verdict.
            if error.is::<audit::Misused>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

fn perform(command: Command) -> Result<()> {
    match command {
        Command::Init(init) => init.run(),
        Command::Serve { config } => crate::serve::run(&config),
        Command::Check { config } => check::run(&config),
        Command::Health { config } => health::run(&config),
        Command::Grant(grant) => grant.run(),
        Command::Revoke(revoke) => revoke.run(),
        Command::Grants(grants) => grants.run(),
        Command::Vault(vault) => vault.run(),
        Command::Usage(usage) => usage.run(),
        Command::Pin(pin) => pin.run(),
        Command::Identity(identity) => identity.run(),
        Command::Key(key) => key.run(),
        Command::Backend(backend) => backend.run(),
        Command::Store(store) => store.run(),
        Command::Root(root) => root.run(),
        Command::Kmip(kmip) => kmip.run(),
        Command::Plugin(plugin) => plugin.run(),
        Command::Clock(clock) => clock.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Client(client) => client.run(),
        Command::Sidecar(sidecar) => sidecar.run(),
        Command::Audit(audit) => audit.run(),
        Command::HsmTest(test) => test.run(),
        // Taken before: they have exit codes of their own.
        Command::HsmTestChild | Command::HsmWorker => Ok(()),
        Command::DevPki(pki) => pki.run(),
        Command::Completions { shell } => {
            // In memory first: the generator panics when its reader has gone away.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "keybroker", &mut script);
            say::line(String::from_utf8_lossy(&script).trim_end())
        }
    }
}

/// Runs what waits, on this thread.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }
}
