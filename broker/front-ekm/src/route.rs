//! The routes as data, and the path prefix that names a vault. A path has one canonical form, and nothing in it is decoded.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use broker_core::name::{KeyName, VaultName};
use broker_core::refusal::Refusal;
use broker_core::verb::Operation;
use http::Method;
use percent_encoding::percent_decode_str;

use crate::API_VERSION;
use crate::refuse::Problem;

/// Longest path prefix, and longest key name, of this API.
pub const PREFIX_BYTES_MAX: usize = 64;
pub const KEY_NAME_BYTES_MAX: usize = 64;

/// Longest path: prefix, key name and the longest word stay far below.
pub const PATH_BYTES_MAX: usize = 256;
/// Longest query taken.
pub const QUERY_BYTES_MAX: usize = 1024;

/// What metrics call a request that no route was found for.
pub(crate) const UNROUTABLE: &str = "unroutable";

/// What can be asked of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyAction {
    Metadata,
    UnwrapKey,
    WrapKey,
}

/// What a route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Who we are; also the caller's health check.
    Info,
    OnKey(KeyAction),
}

impl KeyAction {
    pub const ALL: &'static [Self] = &[Self::Metadata, Self::UnwrapKey, Self::WrapKey];

    /// The path's last word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::UnwrapKey => "unwrapkey",
            Self::WrapKey => "wrapkey",
        }
    }

    /// The operation that it stands for in the audit and in metrics, with the permission it needs.
    #[must_use]
    pub const fn operation(self) -> Operation {
        match self {
            Self::Metadata => Operation::GetKey,
            Self::UnwrapKey => Operation::UnwrapKey,
            Self::WrapKey => Operation::WrapKey,
        }
    }
}

impl Action {
    /// An operation's word, or `info`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::OnKey(action) => action.operation().word(),
        }
    }
}

/// A path prefix: at most 64 letters, digits, hyphens and slashes, no slash at either end and no two in a row. It may be
/// empty. Unlike a key's name it is compared letter by letter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathPrefix(String);

/// The text is no path prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadPrefix;

impl fmt::Display for BadPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a path prefix must be at most {PREFIX_BYTES_MAX} letters, digits, hyphens and slashes, without a slash at either end or two in a row"
        )
    }
}

impl std::error::Error for BadPrefix {}

impl PathPrefix {
    /// # Errors
    /// The text is not of a prefix's one form.
    pub fn parse(text: &str) -> Result<Self, BadPrefix> {
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_name_byte);
        let fits = text.is_empty() || (text.len() <= PREFIX_BYTES_MAX && text.split('/').all(is_part));
        if fits { Ok(Self(text.to_owned())) } else { Err(BadPrefix) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// So that the prefixes can be asked with a piece of a path.
impl std::borrow::Borrow<str> for PathPrefix {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// What a request asks for, names parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Info,
    OnKey(KeyAction, VaultName, KeyName),
}

impl Target {
    /// For metrics.
    pub const fn operation(&self) -> &'static str {
        match self {
            Self::Info => Action::Info.word(),
            Self::OnKey(action, ..) => Action::OnKey(*action).word(),
        }
    }
}

/// Finds what a method and a raw path (without the query) ask for: `/[prefix/]info` or `/[prefix/]{key}/{word}`. Read from
/// its end, a path has one meaning whatever the prefixes are.
///
/// # Errors
/// `Malformed` (400) for a path that is not in canonical form, `RouteUnknown` (404) also for a prefix that means no vault,
/// `MethodNotAllowed` (405), `BadRequest` for a key name that is too long.
pub(crate) fn find(method: &Method, path: &str, prefixes: &BTreeMap<PathPrefix, VaultName>) -> Result<Target, Problem> {
    let inside = canonical(path)?;
    let (rest, word) = inside.rsplit_once('/').unwrap_or(("", inside));
    let (prefix, key) = match KeyAction::ALL.iter().find(|action| action.word() == word) {
        // `//info` would be another spelling of `/info`.
        None if word == "info" && !inside.starts_with('/') => (rest, None),
        None => return Err(Problem::RouteUnknown),
        Some(action) => {
            let (prefix, name) = rest.rsplit_once('/').unwrap_or(("", rest));
            if name.is_empty() || rest.starts_with('/') {
                return Err(Problem::RouteUnknown);
            }
            (prefix, Some((*action, name)))
        }
    };
    let vault = prefixes.get(prefix).ok_or(Problem::RouteUnknown)?;
    if *method != Method::POST {
        return Err(Problem::MethodNotAllowed);
    }
    match key {
        None => Ok(Target::Info),
        Some((action, name)) => Ok(Target::OnKey(action, vault.clone(), key_name(name)?)),
    }
}

fn key_name(text: &str) -> Result<KeyName, Problem> {
    if text.len() > KEY_NAME_BYTES_MAX {
        let problem = format!("the key name has {} characters, but at most {KEY_NAME_BYTES_MAX} are taken", text.len());
        return Err(Refusal::BadRequest { problem }.into());
    }
    KeyName::parse_any_case(text).map_err(|error| Refusal::BadRequest { problem: error.to_string() }.into())
}

/// The path without its first slash. Prefixes, key names and words are made of ASCII letters, digits, hyphens and slashes:
/// no escape, dot, backslash or control character ever means anything in them.
fn canonical(path: &str) -> Result<&str, Problem> {
    if path.len() > PATH_BYTES_MAX {
        return Err(Problem::malformed(format!(
            "the path has {} bytes, but at most {PATH_BYTES_MAX} are taken",
            path.len()
        )));
    }
    let inside = path.strip_prefix('/').filter(|inside| inside.bytes().all(|byte| is_name_byte(byte) || byte == b'/'));
    inside.ok_or_else(|| {
        Problem::malformed(
            "the path must begin with / and hold letters, digits, hyphens and slashes alone, none of them escaped",
        )
    })
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

/// The query must name the version of the API that is spoken here, once; other parameters are ignored.
///
/// # Errors
/// `Malformed`, `ApiVersionUnsupported`.
pub(crate) fn check_query(raw: &str) -> Result<(), Problem> {
    if raw.len() > QUERY_BYTES_MAX {
        return Err(Problem::malformed(format!(
            "the query has {} bytes, but at most {QUERY_BYTES_MAX} are taken",
            raw.len()
        )));
    }
    let mut versions = raw.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name) == "api-version").then(|| decoded(value))
    });
    match (versions.next(), versions.next()) {
        (None, _) => Err(Problem::malformed(format!("the query must have api-version={API_VERSION}"))),
        (Some(_), Some(_)) => Err(Problem::malformed("the query has api-version twice")),
        (Some(version), None) if version == API_VERSION => Ok(()),
        (Some(_), None) => Err(Problem::ApiVersionUnsupported),
    }
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(of: &[(&str, &str)]) -> BTreeMap<PathPrefix, VaultName> {
        of.iter()
            .map(|(prefix, vault)| (PathPrefix::parse(prefix).unwrap(), VaultName::parse(vault).unwrap()))
            .collect()
    }

    #[test]
    fn a_prefix_has_one_form() {
        let longest = "x".repeat(64);
        for good in ["", "a", "pool-a", "Pool-A", "v1/pool-a", "0", "-", "info", "k/wrapkey", &longest] {
            assert_eq!(PathPrefix::parse(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(65);
        for bad in ["/", "/a", "a/", "a//b", "a_b", "a.b", "..", "a b", "a%2fb", "a\\b", "é", "a\n", "?", &long] {
            assert_eq!(PathPrefix::parse(bad), Err(BadPrefix), "{bad:?}");
        }
    }

    #[test]
    fn a_path_means_one_vault_and_one_key() {
        let prefixes =
            prefixes(&[("", "root"), ("a", "alpha"), ("a/b", "beta"), ("info", "gamma"), ("k/wrapkey", "delta")]);
        let rows = [
            ("/info", Some((None, "", ""))),
            ("/a/info", Some((None, "", ""))),
            ("/k/wrapkey", Some((Some(KeyAction::WrapKey), "root", "k"))),
            ("/a/wrapkey", Some((Some(KeyAction::WrapKey), "root", "a"))),
            ("/a/k/wrapkey", Some((Some(KeyAction::WrapKey), "alpha", "k"))),
            ("/a/K/unwrapkey", Some((Some(KeyAction::UnwrapKey), "alpha", "k"))),
            ("/a/b/metadata", Some((Some(KeyAction::Metadata), "alpha", "b"))),
            ("/a/b/k/metadata", Some((Some(KeyAction::Metadata), "beta", "k"))),
            ("/info/metadata", Some((Some(KeyAction::Metadata), "root", "info"))),
            ("/info/info", Some((None, "", ""))),
            ("/info/k/metadata", Some((Some(KeyAction::Metadata), "gamma", "k"))),
            ("/k/wrapkey/wrapkey", None),
            ("/k/wrapkey/k/wrapkey", Some((Some(KeyAction::WrapKey), "delta", "k"))),
            ("/A/info", None),
            ("/A/k/wrapkey", None),
            ("/b/info", None),
            ("/b/k/wrapkey", None),
        ];
        for (path, wanted) in rows {
            let found = find(&Method::POST, path, &prefixes).ok();
            let wanted = wanted.map(|(action, vault, key)| match action {
                None => Target::Info,
                Some(action) => Target::OnKey(action, VaultName::parse(vault).unwrap(), KeyName::parse(key).unwrap()),
            });
            assert_eq!(found, wanted, "{path}");
        }
    }

    #[test]
    fn a_path_in_any_other_form_is_refused() {
        let (long_name, long_path) = (format!("/{}/wrapkey", "x".repeat(65)), format!("/{}/wrapkey", "x/".repeat(400)));
        let rows: &[(&str, &str)] = &[
            ("", "bad-request"),
            ("*", "bad-request"),
            ("info", "bad-request"),
            ("/", "route-unknown"),
            ("//", "route-unknown"),
            ("//info", "route-unknown"),
            ("/info/", "route-unknown"),
            ("/Info", "route-unknown"),
            ("/INFO", "route-unknown"),
            ("/a//info", "route-unknown"),
            ("//a/info", "route-unknown"),
            ("/wrapkey", "route-unknown"),
            ("//wrapkey", "route-unknown"),
            ("///wrapkey", "route-unknown"),
            ("/k/wrapkey/", "route-unknown"),
            ("/k//wrapkey", "route-unknown"),
            ("//k/wrapkey", "route-unknown"),
            ("/a//k/wrapkey", "route-unknown"),
            ("/k/wrapKey", "route-unknown"),
            ("/k/encrypt", "route-unknown"),
            ("/k/create", "route-unknown"),
            ("/k", "route-unknown"),
            ("/../k/wrapkey", "bad-request"),
            ("/a/../k/wrapkey", "bad-request"),
            ("/./k/wrapkey", "bad-request"),
            ("/a%2fk/wrapkey", "bad-request"),
            ("/%6b/wrapkey", "bad-request"),
            ("/k%00/wrapkey", "bad-request"),
            ("/k\0/wrapkey", "bad-request"),
            ("/k\n/wrapkey", "bad-request"),
            ("\\k\\wrapkey", "bad-request"),
            ("/k_1/wrapkey", "bad-request"),
            ("/k;v=1/wrapkey", "bad-request"),
            ("/clé/wrapkey", "bad-request"),
            (&long_name, "bad-request"),
            (&long_path, "bad-request"),
        ];
        for (path, reason) in rows {
            let found = find(&Method::POST, path, &prefixes(&[("", "vault1"), ("a", "vault2")]));
            assert_eq!(found.unwrap_err().word(), *reason, "{path:?}");
        }
    }

    #[test]
    fn post_is_the_only_method() {
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let found = find(&method, "/k/wrapkey", &prefixes(&[("", "vault1")]));
            assert_eq!(found, Err(Problem::MethodNotAllowed), "{method}");
            assert_eq!(find(&method, "/k/sign", &prefixes(&[("", "vault1")])), Err(Problem::RouteUnknown));
        }
    }

    #[test]
    fn the_query_names_the_one_version_once() {
        for good in ["api-version=0.1-preview", "x=1&&=&api%2Dversion=0%2E1-preview&%FF=%zz"] {
            assert_eq!(check_query(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "Api-Version=0.1-preview",
            "api-version=0.1-preview&api-version=0.1-preview",
            "api-version=0.1-preview&api%2dversion=7.4",
            &format!("api-version=0.1-preview&{}", "a".repeat(2000)),
        ] {
            assert_eq!(check_query(bad).unwrap_err().word(), "bad-request", "{bad}");
        }
        for other in ["api-version", "api-version=", "api-version=7.4", "api-version=1.0", "api-version=0.1-preview%00"]
        {
            assert_eq!(check_query(other), Err(Problem::ApiVersionUnsupported), "{other}");
        }
    }
}
