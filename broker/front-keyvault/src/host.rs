//! The host name a request was sent to, and the vault it names.

use std::net::Ipv6Addr;

use broker_core::name::{KeyName, KeyVersion, VaultName};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use crate::refuse::Problem;

/// Longest host name (RFC 1035 section 2.3.4).
const HOST_NAME_BYTES_MAX: usize = 253;

/// A host name in its one form: lower case, no dot at the end, the port as the client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    text: String,
    name_bytes: usize,
}

impl Host {
    /// Takes the one `Host` header or the target's authority (RFC 9110 section 7.2), which must agree when both are there.
    ///
    /// # Errors
    /// `Malformed`: missing, twice, or not a host name.
    pub fn of_request(uri: &Uri, headers: &HeaderMap) -> Result<Self, Problem> {
        let header = match single(headers, &header::HOST)? {
            Some(value) => Some(Self::parse(value.as_bytes())?),
            None => None,
        };
        let target = uri.authority().map(|authority| Self::parse(authority.as_str().as_bytes())).transpose()?;
        match (header, target) {
            (Some(header), Some(target)) if header != target => {
                Err(Problem::malformed("the Host header and the request's target name different hosts"))
            }
            (Some(host), _) | (None, Some(host)) => Ok(host),
            (None, None) => Err(Problem::malformed("the Host header is missing")),
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let wrong = || {
            Problem::malformed("the Host header must be a host name without a dot at its end, and a port if need be")
        };
        let text = std::str::from_utf8(bytes).map_err(|_| wrong())?.to_ascii_lowercase();
        let name_bytes = match text.rfind(':').filter(|_| !text.ends_with(']')) {
            Some(colon) if is_port(&text[colon + 1..]) => colon,
            Some(_) => return Err(wrong()),
            None => text.len(),
        };
        let name = &text[..name_bytes];
        if is_dns_name(name) || is_ipv6(name) { Ok(Self { text, name_bytes }) } else { Err(wrong()) }
    }

    /// The name without the port.
    pub fn name(&self) -> &str {
        &self.text[..self.name_bytes]
    }

    /// Name and port.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The vault that has this host name: `<vault>.<suffix>` exactly; else, for a name under no suffix, the default.
    pub fn vault(&self, suffixes: &[String], default_vault: Option<&VaultName>) -> Result<VaultName, Problem> {
        let unknown = || Problem::HostUnknown { host: self.name().to_owned(), suffixes: suffixes.to_vec() };
        let under = suffixes.iter().find_map(|suffix| self.name().strip_suffix(suffix.as_str())?.strip_suffix('.'));
        match under {
            // A misspelt vault must not end up in the default one.
            Some(label) => VaultName::parse(label).map_err(|_| unknown()),
            None => default_vault.cloned().ok_or_else(unknown),
        }
    }

    /// What a token is for, as clients check it: the host without its first label, the port kept.
    pub fn resource(&self) -> &str {
        match self.text.split_once('.') {
            Some((_, rest)) if !self.text.starts_with('[') => rest,
            _ => &self.text,
        }
    }

    /// A key's id as a URL; without a version, the id of the key as a whole.
    pub fn kid(&self, key: &KeyName, version: Option<KeyVersion>) -> String {
        match version {
            Some(version) => format!("https://{}/keys/{key}/{version}", self.text),
            None => format!("https://{}/keys/{key}", self.text),
        }
    }

    /// A key's rotation policy, as a URL.
    pub fn rotation_policy_id(&self, key: &KeyName) -> String {
        format!("https://{}/keys/{key}/rotationpolicy", self.text)
    }

    /// A deleted key, as a URL.
    pub fn recovery_id(&self, key: &KeyName) -> String {
        format!("https://{}/deletedkeys/{key}", self.text)
    }
}

/// The one value of a header that must not be there twice.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(Problem::malformed(format!("the {name} header is there twice"))),
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0 && port.to_string() == text)
}

fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    name.len() <= HOST_NAME_BYTES_MAX && name.split('.').all(is_label)
}

fn is_ipv6(name: &str) -> bool {
    let inside = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.is_some_and(|inside| inside.parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault_of(host: &str, default_vault: Option<&str>) -> Result<String, &'static str> {
        let suffixes = ["kv.test".to_owned(), "vaults.example".to_owned()];
        let default_vault = default_vault.map(|name| VaultName::parse(name).unwrap());
        let host = Host::parse(host.as_bytes()).map_err(|problem| problem.word())?;
        host.vault(&suffixes, default_vault.as_ref()).map(|vault| vault.to_string()).map_err(|problem| problem.word())
    }

    #[test]
    fn a_host_name_is_a_vault_in_one_way() {
        let rows = [
            ("vault1.kv.test", Ok("vault1")),
            ("vault1.kv.test:9440", Ok("vault1")),
            ("VAULT1.KV.Test:9440", Ok("vault1")),
            ("vault1.vaults.example", Ok("vault1")),
            ("kv.test", Err("host-unknown")),
            ("vault1kv.test", Err("host-unknown")),
            ("a.vault1.kv.test", Err("host-unknown")),
            ("va--ult.kv.test", Err("host-unknown")),
            ("vault1.kv.test.evil.example", Err("host-unknown")),
            ("127.0.0.1:9440", Err("host-unknown")),
            ("[::1]:9440", Err("host-unknown")),
            ("vault1.kv.test.", Err("bad-request")),
            ("vault1..kv.test", Err("bad-request")),
            (".kv.test", Err("bad-request")),
            ("vault1.kv.test:", Err("bad-request")),
            ("vault1.kv.test:0", Err("bad-request")),
            ("vault1.kv.test:0443", Err("bad-request")),
            ("vault1.kv.test:65536", Err("bad-request")),
            ("vault1.kv.test:+1", Err("bad-request")),
            ("vault1.kv.test:1:2", Err("bad-request")),
            ("user@vault1.kv.test", Err("bad-request")),
            ("vault1.kv.test/x", Err("bad-request")),
            ("vault1 .kv.test", Err("bad-request")),
            ("vault1\".kv.test", Err("bad-request")),
            ("väult.kv.test", Err("bad-request")),
            ("::1", Err("bad-request")),
            ("[::1", Err("bad-request")),
            ("", Err("bad-request")),
        ];
        for (host, wanted) in rows {
            assert_eq!(vault_of(host, None).as_deref(), wanted.as_deref(), "{host}");
        }
    }

    #[test]
    fn a_default_vault_takes_names_under_no_suffix_alone() {
        assert_eq!(vault_of("127.0.0.1:9440", Some("vault9")).as_deref(), Ok("vault9"));
        assert_eq!(vault_of("localhost", Some("vault9")).as_deref(), Ok("vault9"));
        assert_eq!(vault_of("a--b.kv.test", Some("vault9")), Err("host-unknown"));
    }

    #[test]
    fn the_resource_is_the_host_without_its_first_label() {
        for (host, wanted) in [
            ("vault1.kv.test:9440", "kv.test:9440"),
            ("vault1.kv.test", "kv.test"),
            ("localhost:1", "localhost:1"),
            ("[::1]:1", "[::1]:1"),
        ] {
            assert_eq!(Host::parse(host.as_bytes()).unwrap().resource(), wanted);
        }
    }

    #[test]
    fn a_host_is_named_once() {
        let mut headers = HeaderMap::new();
        let uri = Uri::from_static("/keys");
        assert!(Host::of_request(&uri, &headers).is_err());
        headers.append(header::HOST, HeaderValue::from_static("a.kv.test"));
        assert!(Host::of_request(&uri, &headers).is_ok());
        assert!(Host::of_request(&Uri::from_static("https://A.kv.test/keys"), &headers).is_ok());
        assert!(Host::of_request(&Uri::from_static("https://b.kv.test/keys"), &headers).is_err());
        headers.append(header::HOST, HeaderValue::from_static("a.kv.test"));
        assert!(Host::of_request(&uri, &headers).is_err());
    }
}
