//! plugin inspect: what a component is and wants.

use anyhow::{Result, bail};
use broker_backend_wasm::{Capability, Described, Inspection, Vouched, inspect, signature_file};
use clap::Args;
use serde_json::{Value, json};

use super::{Component, Moment, nothing_outside, runtime};
use crate::cli::say;
use crate::hex;

#[derive(Args)]
pub struct Inspect {
    #[command(flatten)]
    component: Component,
}

impl Inspect {
    pub fn run(self) -> Result<()> {
        let component = &self.component;
        let looking = inspect(component.spec()?, Moment::new()?.keys()?, nothing_outside(), None);
        let seen = runtime()?.block_on(looking)?;
        if component.json {
            say::json(&told(&seen))?
        } else {
            self.show(&seen)?
        }
        match &seen.described {
            Ok(_) if seen.unknown.is_empty() && seen.vouched.is_ok() => Ok(()),
            _ => bail!("no broker loads this as it is"),
        }
    }

    fn show(&self, seen: &Inspection) -> Result<()> {
        let file = self.component.file.display();
        say::line(format!("file       {file}, {} bytes", seen.bytes))?;
        say::line(format!("sha256     {}", hex(&seen.sha256)))?;
        say::line(format!("signature  {}", self.signature(seen)))?;
        match &seen.described {
            Ok(described) => show_described(described)?,
            Err(problem) => say::line(format!("describe   failed: {problem}"))?,
        }
        for import in &seen.imports {
            say::line(format!("imports    {import}"))?;
        }
        for export in &seen.exports {
            say::line(format!("exports    {export}"))?;
        }
        for unknown in &seen.unknown {
            say::line(format!("refused    {unknown}: no broker has this to give"))?;
        }
        for &need in &seen.needs {
            say::line(format!("needs      {:?}: {}", need.word(), meaning(need)))?;
        }
        say::line("\nTo load it:\n")?;
        say::line("[[backend]]\ntype = \"wasm\"")?;
        say::line(format!("name = {:?}", self.component.name().as_str()))?;
        say::line(format!("file = {:?}", file.to_string()))?;
        say::line(format!("sha256 = {:?}", hex(&seen.sha256)))?;
        say::line(format!("grants = {:?}", words(&seen.needs)))
    }

    fn signature(&self, seen: &Inspection) -> String {
        let file = signature_file(&self.component.file);
        match &seen.vouched {
            Ok(Vouched::Unsigned) => format!("none ({} is not there)", file.display()),
            Ok(Vouched::Stranger(key)) => format!("good, by {}, which no --trusted-key names", hex(key)),
            Ok(Vouched::Trusted(key)) => format!("good, by {}, which is trusted", hex(key)),
            Err(problem) => format!("worth nothing: {problem}"),
        }
    }
}

fn show_described(described: &Described) -> Result<()> {
    say::line(format!("describe   {} {}", described.name, described.version))?;
    let served = &described.capabilities;
    let list = |words: Vec<&'static str>| if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
    say::line(format!("keys       {}", list(served.key_specs.iter().map(|spec| spec.word()).collect())))?;
    say::line(format!("wraps      {}", list(served.wrap_algorithms.iter().map(|wrap| wrap.word()).collect())))?;
    say::line(format!("signs      {}", list(served.sign_algorithms.iter().map(|sign| sign.word()).collect())))?;
    if described.backup_first {
        say::line("backup     it serves only after it was backed up")?;
    }
    Ok(())
}

fn words(needs: &[Capability]) -> Vec<&'static str> {
    needs.iter().map(|need| need.word()).collect()
}

/// What a grant gives, for whoever is to give it.
const fn meaning(capability: Capability) -> &'static str {
    match capability {
        Capability::Clock => "what time it is",
        Capability::Credentials => "requests to listed hosts with secrets that it never sees",
        Capability::Crypto => "cryptography on handles; it sees no key and no secret",
        Capability::Delegate => "wrapping under other keys of the broker, which the configuration names",
        Capability::Http => "requests to the hosts that the configuration lists: it can send there whatever it knows",
        Capability::Keyvalue => "a small state of its own, sealed in the store",
        Capability::Log => "lines in the broker's log",
        Capability::Reveal => "EVERY SECRET THAT PASSES THROUGH IT, in the clear",
        Capability::Roots => "root keys and what is derived from them, on handles",
        Capability::Settings => "its own settings",
    }
}

fn told(seen: &Inspection) -> Value {
    let signature = match &seen.vouched {
        Ok(Vouched::Unsigned) => json!({ "state": "unsigned" }),
        Ok(Vouched::Stranger(key)) => json!({ "state": "stranger", "key": hex(key) }),
        Ok(Vouched::Trusted(key)) => json!({ "state": "trusted", "key": hex(key) }),
        Err(problem) => json!({ "state": "worthless", "problem": problem }),
    };
    let described = match &seen.described {
        Err(problem) => json!({ "problem": problem }),
        Ok(said) => json!({
            "name": said.name,
            "version": said.version,
            "key-specs": said.capabilities.key_specs.iter().map(|spec| spec.word()).collect::<Vec<_>>(),
            "wrap-algorithms": said.capabilities.wrap_algorithms.iter().map(|wrap| wrap.word()).collect::<Vec<_>>(),
            "sign-algorithms": said.capabilities.sign_algorithms.iter().map(|sign| sign.word()).collect::<Vec<_>>(),
            "backup-first": said.backup_first,
        }),
    };
    json!({
        "bytes": seen.bytes,
        "sha256": hex(&seen.sha256),
        "signature": signature,
        "describe": described,
        "imports": seen.imports,
        "exports": seen.exports,
        "grants": words(&seen.needs),
        "unknown-imports": seen.unknown,
    })
}
