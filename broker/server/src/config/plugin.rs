//! Backends that are WebAssembly components: what each is, what it may reach, what it may use up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use broker_backend_wasm::{Capability, Grants, Setting};
use broker_core::name::BackendName;

use super::{digest, raw};

/// A plugin's settings.
const SETTINGS_MAX: usize = 64;
/// A setting's name, and its text.
const NAME_BYTES_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 4096;
/// Texts in one list.
const TEXTS_MAX: usize = 64;

/// A backend that is a WebAssembly component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WasmPlugin {
    pub name: BackendName,
    pub file: PathBuf,
    pub sha256: Option<[u8; 32]>,
    pub grants: Grants,
    pub settings: BTreeMap<String, Setting>,
    pub call_ms_max: Option<u64>,
    pub calls_max: Option<u32>,
    pub memory_mib_max: Option<u32>,
}

pub fn plugins(raw: Vec<raw::Wasm>, folder: &Path) -> Result<Vec<WasmPlugin>> {
    let mut plugins: Vec<WasmPlugin> = Vec::new();
    for backend in raw {
        let name = BackendName::parse(&backend.name).context("backend.name")?;
        ensure!(plugins.iter().all(|other| other.name != name), "backend {name} is there twice");
        plugins.push(plugin_of(name.clone(), backend, folder).with_context(|| format!("backend {name}"))?);
    }
    Ok(plugins)
}

fn plugin_of(name: BackendName, backend: raw::Wasm, folder: &Path) -> Result<WasmPlugin> {
    let grants: Grants = backend.grants.iter().map(|word| capability(word)).collect::<Result<_>>()?;
    ensure!(
        backend.settings.is_empty() || grants.has(Capability::Settings),
        "it has settings, but is not granted \"settings\" to read them"
    );
    Ok(WasmPlugin {
        file: folder.join(backend.file),
        sha256: backend.sha256.as_deref().map(digest).transpose().context("sha256")?,
        settings: settings_of(backend.settings).context("settings")?,
        call_ms_max: backend.call_ms_max,
        calls_max: backend.calls_max,
        memory_mib_max: backend.memory_mib_max,
        grants,
        name,
    })
}

fn capability(word: &str) -> Result<Capability> {
    Capability::ALL.iter().copied().find(|capability| capability.word() == word).with_context(|| {
        let words: Vec<_> = Capability::ALL.iter().map(|capability| capability.word()).collect();
        format!("grants: {word:?} is none of {}", words.join(", "))
    })
}

fn settings_of(raw: toml::Table) -> Result<BTreeMap<String, Setting>> {
    ensure!(raw.len() <= SETTINGS_MAX, "there are {}, but at most {SETTINGS_MAX} may be", raw.len());
    let setting = |(name, value): (String, toml::Value)| {
        ensure!((1..=NAME_BYTES_MAX).contains(&name.len()), "{name:?} must have 1 to {NAME_BYTES_MAX} bytes");
        let value = setting_of(value).with_context(|| name.clone())?;
        Ok((name, value))
    };
    raw.into_iter().map(setting).collect()
}

fn setting_of(value: toml::Value) -> Result<Setting> {
    Ok(match value {
        toml::Value::Boolean(value) => Setting::Boolean(value),
        toml::Value::Integer(value) => Setting::Integer(value),
        toml::Value::String(value) => Setting::Text(short(value)?),
        toml::Value::Array(values) => {
            ensure!(values.len() <= TEXTS_MAX, "it has more than {TEXTS_MAX} texts");
            Setting::Texts(values.into_iter().map(text).collect::<Result<_>>()?)
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => {
            bail!("a setting is true or false, a whole number, a text, or a list of texts")
        }
    })
}

fn text(value: toml::Value) -> Result<String> {
    match value {
        toml::Value::String(value) => short(value),
        _ => bail!("a list holds texts alone"),
    }
}

fn short(text: String) -> Result<String> {
    ensure!(text.len() <= TEXT_BYTES_MAX, "a text has at most {TEXT_BYTES_MAX} bytes");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(more: &str) -> Result<WasmPlugin> {
        let raw: raw::Wasm = toml::from_str(&format!("name = \"p\"\nfile = \"p.wasm\"\n{more}"))?;
        Ok(plugins(vec![raw], Path::new("/etc/keybroker"))?.remove(0))
    }

    #[test]
    fn a_plugin_has_what_its_section_says_and_nothing_else() {
        let plain = check("").unwrap();
        assert_eq!(plain.grants, Grants::default());
        let plugin =
            check("grants = [\"http\", \"settings\"]\n[settings]\na = 1\nb = true\nc = \"x\"\nd = [\"y\"]").unwrap();
        let granted = |capability| plugin.grants.has(capability);
        assert!(Capability::ALL.iter().all(|&one| granted(one) == ["http", "settings"].contains(&one.word())));
        let settings: Vec<_> = plugin.settings.into_values().collect();
        let [a, b, c, d] = settings.as_slice() else { panic!("{settings:?}") };
        assert_eq!((a, b), (&Setting::Integer(1), &Setting::Boolean(true)));
        assert_eq!((c, d), (&Setting::Text("x".to_owned()), &Setting::Texts(vec!["y".to_owned()])));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (more, expected) in [
            ("grants = [\"wasi\"]", "\"wasi\" is none of clock, credentials"),
            ("[settings]\na = 1", "is not granted \"settings\""),
            ("grants = [\"settings\"]\n[settings]\na = 1.5", "settings: a: a setting is"),
            ("grants = [\"settings\"]\n[settings]\na = [1]", "texts alone"),
            ("grants = [\"settings\"]\n[settings.a]\nb = 1", "a setting is"),
        ] {
            let told = format!("{:#}", check(more).unwrap_err());
            assert!(told.contains(expected) && told.starts_with("backend p: "), "{more}: {told}");
        }
    }
}
