//! What the configuration lets a plugin reach and use up, in words that are checked once.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use broker_backend_wasm::Limits;
use broker_core::name::{KeyName, VaultName};
use http::Uri;

/// What a delegate's name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegate {
    pub vault: VaultName,
    /// None: the key of the same name as the one that the plugin is called for.
    pub key: Option<KeyName>,
}

/// What a plugin's requests may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// One request, from resolving the name to the answer's last byte; the call's own time bounds it too.
    pub time_max: Duration,
    /// Under way at a time.
    pub requests_max: usize,
}

/// What a plugin may use up, as far as someone said so; else as [`Limits::default`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitsAsked {
    pub call_ms_max: Option<u64>,
    pub calls_max: Option<u32>,
    pub component_mib_max: Option<u32>,
    pub compute_percent_max: Option<u32>,
    pub core_instances_max: Option<u32>,
    pub memory_mib_max: Option<u32>,
    pub stack_kib_max: Option<u32>,
    pub table_elements_max: Option<u32>,
}

impl LimitsAsked {
    #[must_use]
    pub fn limits(&self) -> Limits {
        let usual = Limits::default();
        let count = |count: u32| count as usize;
        Limits {
            call_ms_max: self.call_ms_max.unwrap_or(usual.call_ms_max),
            calls_max: self.calls_max.unwrap_or(usual.calls_max),
            component_bytes_max: self
                .component_mib_max
                .map_or(usual.component_bytes_max, |mebibytes| u64::from(mebibytes) << 20),
            compute_percent_max: self.compute_percent_max.unwrap_or(usual.compute_percent_max),
            core_instances_max: self.core_instances_max.unwrap_or(usual.core_instances_max),
            memory_bytes_max: self.memory_mib_max.map_or(usual.memory_bytes_max, |mebibytes| count(mebibytes) << 20),
            stack_bytes_max: self.stack_kib_max.map_or(usual.stack_bytes_max, |kibibytes| count(kibibytes) << 10),
            table_elements_max: self.table_elements_max.map_or(usual.table_elements_max, count),
            ..usual
        }
    }
}

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    pub tls: bool,
    /// Lower case; an IPv6 address in brackets.
    pub host: String,
    pub port: u16,
}

impl Origin {
    pub fn of(uri: &Uri) -> Option<Self> {
        let tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        // A user's name before the host is a trick more often than not, and so is a port that is none.
        let bare =
            authority.as_str().len() == authority.host().len() + authority.port().map_or(0, |p| p.as_str().len() + 1);
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let host = authority.host();
        // What stands in brackets is an address, and nothing else.
        let in_brackets = host.strip_prefix('[').map(|host| host.strip_suffix(']').unwrap_or_default());
        let sound = in_brackets.map_or(!host.is_empty(), |address| address.parse::<Ipv6Addr>().is_ok());
        (bare && sound).then(|| Self { tls, host: host.to_ascii_lowercase(), port })
    }

    /// The host without brackets, as resolvers and certificates want it.
    pub fn name(&self) -> &str {
        self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host)
    }

    pub fn host_header(&self) -> String {
        let usual = if self.tls { 443 } else { 80 };
        if self.port == usual { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", if self.tls { "https" } else { "http" }, self.host, self.port)
    }
}

impl FromStr for Origin {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let wanted = || format!("{text:?} must be https://HOST[:PORT] (or http://), and nothing more");
        let uri: Uri = text.parse().with_context(wanted)?;
        let origin = Self::of(&uri).with_context(wanted)?;
        ensure!(uri.path_and_query().is_none_or(|rest| rest.as_str() == "/"), wanted());
        Ok(origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port_and_no_trick() {
        for (text, shown) in [
            ("https://Bao.example", "https://bao.example:443"),
            ("http://127.0.0.1:8200/", "http://127.0.0.1:8200"),
            ("https://[::1]:1", "https://[::1]:1"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), shown);
        }
        for bad in [
            "",
            "bao.example",
            "ftp://bao.example",
            "https://",
            "https://a@bao.example",
            "https://bao.example/v1",
            "https://bao.example:",
            "https://bao.example:99999",
            "https://bao .example",
            "http://[]",
            "http://[bao.example]",
            "http://[::1",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }
}
