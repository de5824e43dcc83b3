//! plugin new: a folder to begin from, with all that it takes to build it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use broker_core::name::BackendName;
use clap::{Args, ValueEnum};

use crate::cli::say;

#[derive(Args)]
pub struct New {
    /// The plugin's name: lower-case letters, digits and hyphens
    name: String,
    /// The language it is written in
    #[arg(long)]
    lang: Language,
    /// The folder to make; its name, unless said otherwise
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    Js,
    Python,
    Rust,
}

/// A file of a template: where it goes, and what is in it. `@NAME@` stands for the plugin's name.
type File = (&'static str, &'static str);

macro_rules! files {
    ($($to:literal = $from:literal,)+) => {
        &[$(($to, include_str!(concat!("../../../../../", $from))),)+]
    };
}

/// The contract, where the Rust kit looks for it.
const RUST: &[File] = files! {
    "Cargo.lock" = "plugins/Cargo.lock",
    "Cargo.toml" = "plugins/templates/rust/Cargo.toml.template",
    "README.md" = "plugins/templates/rust/README.md",
    "build.sh" = "plugins/templates/rust/build.sh",
    "src/lib.rs" = "plugins/templates/rust/src/lib.rs",
    "kit/componentize/Cargo.lock" = "plugins/componentize/Cargo.lock",
    "kit/componentize/Cargo.toml" = "plugins/componentize/Cargo.toml",
    "kit/componentize/src/main.rs" = "plugins/componentize/src/main.rs",
    "kit/sdk/Cargo.toml" = "plugins/sdk/Cargo.toml",
    "kit/sdk/src/arena.rs" = "plugins/sdk/src/arena.rs",
    "kit/sdk/src/backend.rs" = "plugins/sdk/src/backend.rs",
    "kit/sdk/src/handles.rs" = "plugins/sdk/src/handles.rs",
    "kit/sdk/src/lib.rs" = "plugins/sdk/src/lib.rs",
    "kit/wasm.sh" = "plugins/wasm.sh",
};

const JS: &[File] = files! {
    "README.md" = "plugins/templates/js/README.md",
    "build.mjs" = "plugins/templates/js/build.mjs",
    "build.sh" = "plugins/templates/js/build.sh",
    "package-lock.json" = "plugins/templates/js/package-lock.json",
    "package.json" = "plugins/templates/js/package.json",
    "src/backend.js" = "plugins/templates/js/src/backend.js",
    "wit/world.wit" = "plugins/templates/world.wit",
};

const PYTHON: &[File] = files! {
    "README.md" = "plugins/templates/python/README.md",
    "backend.py" = "plugins/templates/python/backend.py",
    "build.sh" = "plugins/templates/python/build.sh",
    "requirements.txt" = "plugins/templates/python/requirements.txt",
    "wit/world.wit" = "plugins/templates/world.wit",
};

const CONTRACT: &[File] = files! {
    "backend.wit" = "wit/0.1.0/backend.wit",
    "backup.wit" = "wit/0.1.0/backup.wit",
    "clock.wit" = "wit/0.1.0/clock.wit",
    "credentials.wit" = "wit/0.1.0/credentials.wit",
    "crypto.wit" = "wit/0.1.0/crypto.wit",
    "delegate.wit" = "wit/0.1.0/delegate.wit",
    "http.wit" = "wit/0.1.0/http.wit",
    "keys.wit" = "wit/0.1.0/keys.wit",
    "keyvalue.wit" = "wit/0.1.0/keyvalue.wit",
    "log.wit" = "wit/0.1.0/log.wit",
    "reveal.wit" = "wit/0.1.0/reveal.wit",
    "roots.wit" = "wit/0.1.0/roots.wit",
    "settings.wit" = "wit/0.1.0/settings.wit",
    "types.wit" = "wit/0.1.0/types.wit",
};

impl Language {
    /// The files, and the folder that the contract goes to.
    const fn template(self) -> (&'static [File], &'static str) {
        match self {
            Self::Js => (JS, "wit/deps/keybroker"),
            Self::Python => (PYTHON, "wit/deps/keybroker"),
            // From kit/sdk this is ../../wit/0.1.0, as in the repository.
            Self::Rust => (RUST, "wit/0.1.0"),
        }
    }
}

impl New {
    pub fn run(self) -> Result<()> {
        let name = BackendName::parse(&self.name).with_context(|| format!("name {:?}", self.name))?;
        let dir = self.dir.unwrap_or_else(|| PathBuf::from(name.as_str()));
        ensure!(!dir.exists(), "{}: there is something already; nothing was changed", dir.display());
        let (files, contract) = self.lang.template();
        for (to, text) in files {
            write(&dir.join(to), &text.replace("@NAME@", name.as_str()))?;
        }
        for (to, text) in CONTRACT {
            write(&dir.join(contract).join(to), text)?;
        }
        say::line(format!("{}: a backend that works; its README.md says how it is built and tried", dir.display()))
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let told = || path.display().to_string();
    std::fs::create_dir_all(path.parent().with_context(told)?).with_context(told)?;
    std::fs::write(path, text).with_context(told)?;
    if path.extension().is_some_and(|extension| extension == "sh") {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).with_context(told)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_contract_is_in_every_template() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/0.1.0");
        let mut there: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        there.sort();
        assert_eq!(CONTRACT.iter().map(|(to, _)| *to).collect::<Vec<_>>(), there);
    }
}
