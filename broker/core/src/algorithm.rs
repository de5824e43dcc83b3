//! The closed lists of what keys there are and what can be done with them.

macro_rules! word_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word for it on the wire, in the store, in the audit and in metrics.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value with this exact word.
            #[must_use]
            pub fn of_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}
pub(crate) use word_enum;

word_enum! {
    /// Kind and size of a key.
    KeySpec {
        Rsa2048 = "rsa2048",
        Rsa3072 = "rsa3072",
        Rsa4096 = "rsa4096",
        EcP256 = "ec-p256",
        EcP384 = "ec-p384",
        EcP521 = "ec-p521",
        Oct128 = "oct128",
        Oct192 = "oct192",
        Oct256 = "oct256",
    }
}

word_enum! {
    /// How a secret is wrapped, by its name in RFC 7518 (or Key Vault's where that has none).
    WrapAlgorithm {
        /// RFC 8017 section 7.1 with SHA-1.
        RsaOaep = "RSA-OAEP",
        /// RFC 8017 section 7.1 with SHA-256 for both the label and MGF1.
        RsaOaep256 = "RSA-OAEP-256",
        /// RFC 8017 section 7.2.
        Rsa1V5 = "RSA1_5",
        /// RFC 3394, 16-byte KEK.
        A128Kw = "A128KW",
        /// RFC 3394, 32-byte KEK.
        A256Kw = "A256KW",
        /// RFC 5649, 16-byte KEK.
        A128Kwp = "A128KWP",
        /// RFC 5649, 32-byte KEK.
        A256Kwp = "A256KWP",
        /// NIST SP 800-38D, 12-byte IV, 16-byte tag.
        A256Gcm = "A256GCM",
    }
}

word_enum! {
    /// How a digest is signed (RFC 7518 section 3.1).
    SignAlgorithm {
        Rs256 = "RS256",
        Rs384 = "RS384",
        Rs512 = "RS512",
        Ps256 = "PS256",
        Ps384 = "PS384",
        Ps512 = "PS512",
        Es256 = "ES256",
        Es384 = "ES384",
        Es512 = "ES512",
    }
}

/// The families of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyFamily {
    Ec,
    Oct,
    Rsa,
}

impl KeySpec {
    #[must_use]
    pub const fn family(self) -> KeyFamily {
        match self {
            Self::EcP256 | Self::EcP384 | Self::EcP521 => KeyFamily::Ec,
            Self::Oct128 | Self::Oct192 | Self::Oct256 => KeyFamily::Oct,
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => KeyFamily::Rsa,
        }
    }

    /// Modulus, field or key size in bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::EcP256 | Self::Oct256 => 256,
            Self::EcP384 => 384,
            Self::EcP521 => 521,
            Self::Oct128 => 128,
            Self::Oct192 => 192,
            Self::Rsa2048 => 2048,
            Self::Rsa3072 => 3072,
            Self::Rsa4096 => 4096,
        }
    }
}

impl WrapAlgorithm {
    /// Whether a key of this spec can carry out this algorithm at all.
    #[must_use]
    pub const fn fits(self, spec: KeySpec) -> bool {
        match self {
            Self::RsaOaep | Self::RsaOaep256 | Self::Rsa1V5 => matches!(spec.family(), KeyFamily::Rsa),
            Self::A128Kw | Self::A128Kwp => matches!(spec, KeySpec::Oct128),
            Self::A256Kw | Self::A256Kwp | Self::A256Gcm => matches!(spec, KeySpec::Oct256),
        }
    }
}

impl SignAlgorithm {
    /// Whether a key of this spec can carry out this algorithm at all.
    #[must_use]
    pub const fn fits(self, spec: KeySpec) -> bool {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => {
                matches!(spec.family(), KeyFamily::Rsa)
            }
            Self::Es256 => matches!(spec, KeySpec::EcP256),
            Self::Es384 => matches!(spec, KeySpec::EcP384),
            Self::Es512 => matches!(spec, KeySpec::EcP521),
        }
    }

    /// Size in bytes of the digest that is signed.
    #[must_use]
    pub const fn digest_bytes(self) -> usize {
        match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 => 32,
            Self::Rs384 | Self::Ps384 | Self::Es384 => 48,
            Self::Rs512 | Self::Ps512 | Self::Es512 => 64,
        }
    }
}

/// The public half of a key: integers unsigned big-endian; RSA without leading zeros, EC padded to the field's size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    Ec { x: Vec<u8>, y: Vec<u8> },
    None,
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

/// What goes in beside the value; all empty but for GCM (iv 12 bytes, tag 16 bytes, aad at most 64 KiB).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WrapExtras {
    pub iv: Vec<u8>,
    pub aad: Vec<u8>,
    pub tag: Vec<u8>,
}

/// A secret, wrapped. `iv` (12 bytes) and `tag` (16 bytes) are empty but for GCM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wrapped {
    pub value: Vec<u8>,
    pub iv: Vec<u8>,
    pub tag: Vec<u8>,
}
