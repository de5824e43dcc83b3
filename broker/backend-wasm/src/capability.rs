//! What a plugin may import, by the interface's name, and which of it the configuration grants.

macro_rules! capabilities {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)+) => {
        /// An interface of the contract that a plugin imports only with a grant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Capability { $($(#[$doc])* $name,)+ }

        impl Capability {
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The interface's name, and the word for the grant in the configuration.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// What the component imports.
            #[must_use]
            pub const fn import(self) -> &'static str {
                match self { $(Self::$name => concat!("keybroker:backend/", $word, "@0.1.0"),)+ }
            }

            const fn bit(self) -> u16 {
                1 << self as u16
            }
        }
    };
}

capabilities! {
    /// What time it is.
    Clock = "clock",
    /// Requests with secrets that the host adds.
    Credentials = "credentials",
    /// Cryptography on handles.
    Crypto = "crypto",
    /// Wrapping under other keys of this broker.
    Delegate = "delegate",
    /// Requests to listed hosts.
    Http = "http",
    /// A small private state.
    Keyvalue = "keyvalue",
    /// Lines in the broker's log.
    Log = "log",
    /// Secret bytes in the clear.
    Reveal = "reveal",
    /// Root keys and what is derived from them.
    Roots = "roots",
    /// The plugin's own section of the configuration.
    Settings = "settings",
}

/// The words alone, which need no grant.
const TYPES: &str = "keybroker:backend/types@0.1.0";

/// What ordinary tools' HTTP clients import, in any 0.2: it is `http` in other words, and granted by it.
const OUTGOING: [&str; 6] = [
    "wasi:clocks/monotonic-clock",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
];

/// What an import asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Import {
    Capability(Capability),
    /// Words that both sides use.
    Types,
    /// Nothing that this broker has.
    Unknown,
}

impl Import {
    /// By the whole name, version and all.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match Capability::ALL.iter().find(|capability| capability.import() == name) {
            Some(&capability) => Self::Capability(capability),
            None if name == TYPES => Self::Types,
            None if is_outgoing(name) => Self::Capability(Capability::Http),
            None => Self::Unknown,
        }
    }
}

fn is_outgoing(name: &str) -> bool {
    let is_patch = |patch: &str| !patch.is_empty() && patch.bytes().all(|digit| digit.is_ascii_digit());
    name.split_once("@0.2.").is_some_and(|(interface, patch)| OUTGOING.contains(&interface) && is_patch(patch))
}

/// The capabilities granted to one plugin; none unless said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grants(u16);

impl Grants {
    #[must_use]
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & capability.bit() != 0
    }
}

impl FromIterator<Capability> for Grants {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        Self(capabilities.into_iter().fold(0, |grants, capability| grants | capability.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_of_one_interface_and_no_other() {
        for &granted in Capability::ALL {
            let grants: Grants = [granted].into_iter().collect();
            assert!(Capability::ALL.iter().all(|&other| grants.has(other) == (other == granted)), "{granted:?}");
            assert!(!Grants::default().has(granted));
            assert_eq!(Import::of(granted.import()), Import::Capability(granted));
        }
    }

    #[test]
    fn another_version_or_package_is_unknown() {
        assert_eq!(Import::of("keybroker:backend/types@0.1.0"), Import::Types);
        for name in ["keybroker:backend/crypto@0.2.0", "keybroker:backend/crypto", "crypto"] {
            assert_eq!(Import::of(name), Import::Unknown, "{name}");
        }
    }

    #[test]
    fn of_wasi_outgoing_requests_come_with_http_and_nothing_else_comes_at_all() {
        for name in ["wasi:http/outgoing-handler@0.2.0", "wasi:http/types@0.2.10", "wasi:io/poll@0.2.12"] {
            assert_eq!(Import::of(name), Import::Capability(Capability::Http), "{name}");
        }
        for name in [
            "wasi:http/incoming-handler@0.2.0",
            "wasi:http/types@0.2.0-rc-2023-12-05",
            "wasi:http/types@0.2.",
            "wasi:http/types@0.3.0",
            "wasi:http/types",
            "wasi:clocks/wall-clock@0.2.0",
            "wasi:cli/environment@0.2.0",
            "wasi:filesystem/types@0.2.0",
            "wasi:sockets/tcp@0.2.0",
            "wasi:random/random@0.2.0",
        ] {
            assert_eq!(Import::of(name), Import::Unknown, "{name}");
        }
    }
}
