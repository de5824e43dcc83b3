//! Backends that are WebAssembly components: what each is, what it may reach, what it may use up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use broker_backend_wasm::{Capability, Grants, Setting, Trust};
use broker_core::name::{BackendName, KeyName, VaultName};

use super::{digest, milliseconds, raw};
use crate::plugin::{Cidr, Credential, CredentialSource, Delegate, HttpLimits, LimitsAsked, Origin};

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
    pub credentials: BTreeMap<String, Credential>,
    pub delegates: BTreeMap<String, Delegate>,
    pub http: Option<Http>,
    pub settings: BTreeMap<String, Setting>,
    pub limits: LimitsAsked,
}

/// Where a plugin's requests may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    pub hosts: Vec<Origin>,
    /// Addresses off the public internet that the hosts may have.
    pub networks: Vec<Cidr>,
    /// Who vouches for https hosts.
    pub ca: Option<PathBuf>,
    pub limits: HttpLimits,
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
    let needs = |there: bool, section: &str, capability: Capability| {
        ensure!(
            !there || grants.has(capability),
            "it has {section}, but is not granted {:?}, which uses them",
            capability.word()
        );
        Ok(())
    };
    needs(!backend.credentials.is_empty(), "credentials", Capability::Credentials)?;
    needs(!backend.delegates.is_empty(), "delegates", Capability::Delegate)?;
    needs(backend.http.is_some() && !grants.has(Capability::Credentials), "http hosts", Capability::Http)?;
    needs(!backend.settings.is_empty(), "settings", Capability::Settings)?;
    let http = backend.http.map(|http| http_of(http, folder)).transpose().context("http")?;
    let hosts = http.as_ref().map(|http| http.hosts.as_slice()).unwrap_or_default();
    let credential = |raw: raw::PluginCredential| {
        let name = raw.name.clone();
        let made = credential_of(raw, hosts, folder).with_context(|| format!("credential {name}"))?;
        Ok((name, made))
    };
    Ok(WasmPlugin {
        credentials: each(backend.credentials, credential)?,
        delegates: each(backend.delegates, delegate_of)?,
        http,
        file: folder.join(backend.file),
        sha256: backend.sha256.as_deref().map(digest).transpose().context("sha256")?,
        settings: settings_of(backend.settings).context("settings")?,
        limits: LimitsAsked {
            call_ms_max: backend.call_ms_max,
            calls_max: backend.calls_max,
            component_mib_max: within("component-mib-max", backend.component_mib_max, 256)?,
            compute_percent_max: backend.compute_percent_max,
            core_instances_max: within("core-instances-max", backend.core_instances_max, 256)?,
            memory_mib_max: within("memory-mib-max", backend.memory_mib_max, 4095)?,
            stack_kib_max: within("stack-kib-max", backend.stack_kib_max, 8 << 10)?,
            table_elements_max: within("table-elements-max", backend.table_elements_max, 1_000_000)?,
        },
        grants,
        name,
    })
}

/// One plugin's section by itself, for a run without a broker: what it names lies in `folder`. `needs` is granted beside what
/// the section grants; its delegates are names alone.
///
/// # Errors
/// What would keep a broker from taking such a section.
pub fn section(mut section: toml::Table, needs: &[Capability], folder: &Path) -> Result<WasmPlugin> {
    section.remove("type");
    for (name, value) in [("name", "plugin"), ("file", "plugin.wasm")] {
        section.entry(name).or_insert_with(|| value.into());
    }
    let granted = section.entry("grants").or_insert_with(|| toml::Value::Array(Vec::new()));
    let granted = granted.as_array_mut().context("grants is a list")?;
    granted.extend(needs.iter().map(|need| toml::Value::from(need.word())));
    let raw: raw::Wasm = section.try_into().context("it is no section of a plugin")?;
    plugin_of(BackendName::parse(&raw.name).context("name")?, raw, folder)
}

/// Named things; a name stands once.
fn each<R, T>(raw: Vec<R>, make: impl Fn(R) -> Result<(String, T)>) -> Result<BTreeMap<String, T>> {
    let mut all = BTreeMap::new();
    for one in raw {
        let (name, made) = make(one)?;
        ensure!((1..=NAME_BYTES_MAX).contains(&name.len()), "{name:?} must have 1 to {NAME_BYTES_MAX} bytes");
        let told = format!("{name:?} is there twice");
        ensure!(all.insert(name, made).is_none(), told);
    }
    Ok(all)
}

fn http_of(raw: raw::PluginHttp, folder: &Path) -> Result<Http> {
    ensure!(!raw.hosts.is_empty(), "hosts must name at least one");
    ensure!((1..=1024).contains(&raw.requests_max), "requests-max = {} must be 1 to 1024", raw.requests_max);
    let hosts: Vec<Origin> = raw.hosts.iter().map(|host| host.parse()).collect::<Result<_>>().context("hosts")?;
    let https = raw.hosts.iter().any(|host| host.starts_with("https:"));
    ensure!(!https || raw.ca.is_some(), "https hosts need ca: no CA is trusted unless it is named");
    Ok(Http {
        hosts,
        networks: raw.networks.iter().map(|range| range.parse()).collect::<Result<_>>().context("networks")?,
        ca: raw.ca.map(|path| folder.join(path)),
        limits: HttpLimits {
            time_max: milliseconds("request-ms-max", raw.request_ms_max, 60_000)?,
            requests_max: raw.requests_max,
        },
    })
}

fn credential_of(raw: raw::PluginCredential, hosts: &[Origin], folder: &Path) -> Result<Credential> {
    let own: Vec<Origin> = raw.hosts.iter().map(|host| host.parse()).collect::<Result<_>>().context("hosts")?;
    ensure!(own.iter().all(|host| hosts.contains(host)), "hosts: each must be one of http.hosts");
    let source = match (raw.certificate, raw.key, raw.header, raw.file) {
        (Some(certificate), Some(key), None, None) => {
            CredentialSource::Certificate { certificate: folder.join(certificate), key: folder.join(key) }
        }
        (None, None, Some(header), Some(file)) => CredentialSource::Header {
            name: header.parse().with_context(|| format!("header {header:?}"))?,
            prefix: raw.prefix,
            file: folder.join(file),
        },
        _ => bail!("a credential is certificate and key, or header and file"),
    };
    Ok(Credential { hosts: if own.is_empty() { hosts.to_vec() } else { own }, source })
}

fn delegate_of(raw: raw::PluginDelegate) -> Result<(String, Delegate)> {
    let vault = VaultName::parse(&raw.vault).with_context(|| format!("delegate {}", raw.name))?;
    let key = raw.key.as_deref().map(KeyName::parse_any_case).transpose();
    let key = key.with_context(|| format!("delegate {}", raw.name))?;
    Ok((raw.name, Delegate { vault, key }))
}

/// Whose signatures count.
pub fn trust(raw: &raw::Plugins) -> Result<Trust> {
    let keys = raw.trusted_keys.iter().map(|key| digest(key).with_context(|| format!("{key:?} is no public key")));
    let keys: Vec<_> = keys.collect::<Result<_>>().context("plugins.trusted-keys")?;
    ensure!(
        !(raw.require_signature && keys.is_empty()),
        "plugins.require-signature, but plugins.trusted-keys names no key: no plugin could be loaded"
    );
    Ok(Trust { keys, required: raw.require_signature })
}

fn within(what: &str, given: Option<u32>, most: u32) -> Result<Option<u32>> {
    ensure!(given.is_none_or(|given| (1..=most).contains(&given)), "{what} must be 1 to {most}");
    Ok(given)
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
            ("table-elements-max = 0", "table-elements-max must be 1 to"),
            ("[settings]\na = 1", "is not granted \"settings\""),
            ("[http]\nhosts = [\"http://a\"]", "is not granted \"http\""),
            ("grants = [\"http\"]\n[http]\nhosts = [\"https://a\"]", "need ca"),
            ("grants = [\"http\"]\n[http]\nhosts = [\"http://a/b\"]", "and nothing more"),
            ("grants = [\"http\"]\n[http]\nhosts = [\"http://a\"]\nnetworks = [\"ten\"]", "is no address"),
            ("[[delegate]]\nname = \"a\"\nvault = \"vault1\"", "is not granted \"delegate\""),
            ("grants = [\"delegate\"]\n[[delegate]]\nname = \"a\"\nvault = \"V\"", "delegate a"),
            ("[[credential]]\nname = \"a\"", "is not granted \"credentials\""),
            (
                "grants = [\"credentials\"]\n[[credential]]\nname = \"a\"\nheader = \"b\"",
                "certificate and key, or header and file",
            ),
            ("grants = [\"settings\"]\n[settings]\na = 1.5", "settings: a: a setting is"),
            ("grants = [\"settings\"]\n[settings]\na = [1]", "texts alone"),
            ("grants = [\"settings\"]\n[settings.a]\nb = 1", "a setting is"),
        ] {
            let told = format!("{:#}", check(more).unwrap_err());
            assert!(told.contains(expected) && told.starts_with("backend p: "), "{more}: {told}");
        }
    }
}
