//! Closed lists of what is said about managed objects. The words are the names of KMIP 1.4 section 9.1.3.2, in its order;
//! that a word is here says nothing about whether anything is done with it.

use crate::algorithm::word_enum;

word_enum! {
    /// What a key is for (KMIP 1.4 section 9.1.3.2.13).
    ObjectAlgorithm {
        Des = "DES",
        TripleDes = "3DES",
        Aes = "AES",
        Rsa = "RSA",
        Dsa = "DSA",
        Ecdsa = "ECDSA",
        HmacSha1 = "HMAC-SHA1",
        HmacSha224 = "HMAC-SHA224",
        HmacSha256 = "HMAC-SHA256",
        HmacSha384 = "HMAC-SHA384",
        HmacSha512 = "HMAC-SHA512",
        HmacMd5 = "HMAC-MD5",
        Dh = "DH",
        Ecdh = "ECDH",
        Ecmqv = "ECMQV",
        Blowfish = "Blowfish",
        Camellia = "Camellia",
        Cast5 = "CAST5",
        Idea = "IDEA",
        Mars = "MARS",
        Rc2 = "RC2",
        Rc4 = "RC4",
        Rc5 = "RC5",
        Skipjack = "SKIPJACK",
        Twofish = "Twofish",
        Ec = "EC",
        OneTimePad = "One Time Pad",
        ChaCha20 = "ChaCha20",
        Poly1305 = "Poly1305",
        ChaCha20Poly1305 = "ChaCha20Poly1305",
        Sha3224 = "SHA3-224",
        Sha3256 = "SHA3-256",
        Sha3384 = "SHA3-384",
        Sha3512 = "SHA3-512",
        HmacSha3224 = "HMAC-SHA3-224",
        HmacSha3256 = "HMAC-SHA3-256",
        HmacSha3384 = "HMAC-SHA3-384",
        HmacSha3512 = "HMAC-SHA3-512",
        Shake128 = "SHAKE-128",
        Shake256 = "SHAKE-256",
    }
}

word_enum! {
    /// How a block cipher is run (section 9.1.3.2.14).
    BlockMode {
        Cbc = "CBC",
        Ecb = "ECB",
        Pcbc = "PCBC",
        Cfb = "CFB",
        Ofb = "OFB",
        Ctr = "CTR",
        Cmac = "CMAC",
        Ccm = "CCM",
        Gcm = "GCM",
        CbcMac = "CBC-MAC",
        Xts = "XTS",
        AesKeyWrapPadding = "AESKeyWrapPadding",
        NistKeyWrap = "NISTKeyWrap",
        X9102Aeskw = "X9.102 AESKW",
        X9102Tdkw = "X9.102 TDKW",
        X9102Akw1 = "X9.102 AKW1",
        X9102Akw2 = "X9.102 AKW2",
        Aead = "AEAD",
    }
}

word_enum! {
    /// How data are filled up (section 9.1.3.2.15).
    Padding {
        None = "None",
        Oaep = "OAEP",
        Pkcs5 = "PKCS5",
        Ssl3 = "SSL3",
        Zeros = "Zeros",
        AnsiX923 = "ANSI X9.23",
        Iso10126 = "ISO 10126",
        Pkcs1V15 = "PKCS1 v1.5",
        X931 = "X9.31",
        Pss = "PSS",
    }
}

word_enum! {
    /// A hash function (section 9.1.3.2.16).
    HashName {
        Md2 = "MD2",
        Md4 = "MD4",
        Md5 = "MD5",
        Sha1 = "SHA-1",
        Sha224 = "SHA-224",
        Sha256 = "SHA-256",
        Sha384 = "SHA-384",
        Sha512 = "SHA-512",
        Ripemd160 = "RIPEMD-160",
        Tiger = "Tiger",
        Whirlpool = "Whirlpool",
        Sha512T224 = "SHA-512/224",
        Sha512T256 = "SHA-512/256",
        Sha3224 = "SHA-3-224",
        Sha3256 = "SHA-3-256",
        Sha3384 = "SHA-3-384",
        Sha3512 = "SHA-3-512",
    }
}

word_enum! {
    /// What the bytes of a key are (section 9.1.3.2.3).
    KeyFormat {
        Raw = "Raw",
        Opaque = "Opaque",
        Pkcs1 = "PKCS#1",
        Pkcs8 = "PKCS#8",
        X509 = "X.509",
        EcPrivateKey = "ECPrivateKey",
        TransparentSymmetricKey = "Transparent Symmetric Key",
        TransparentDsaPrivateKey = "Transparent DSA Private Key",
        TransparentDsaPublicKey = "Transparent DSA Public Key",
        TransparentRsaPrivateKey = "Transparent RSA Private Key",
        TransparentRsaPublicKey = "Transparent RSA Public Key",
        TransparentDhPrivateKey = "Transparent DH Private Key",
        TransparentDhPublicKey = "Transparent DH Public Key",
        TransparentEcdsaPrivateKey = "Transparent ECDSA Private Key",
        TransparentEcdsaPublicKey = "Transparent ECDSA Public Key",
        TransparentEcdhPrivateKey = "Transparent ECDH Private Key",
        TransparentEcdhPublicKey = "Transparent ECDH Public Key",
        TransparentEcmqvPrivateKey = "Transparent ECMQV Private Key",
        TransparentEcmqvPublicKey = "Transparent ECMQV Public Key",
        TransparentEcPrivateKey = "Transparent EC Private Key",
        TransparentEcPublicKey = "Transparent EC Public Key",
        Pkcs12 = "PKCS#12",
    }
}

word_enum! {
    /// How one object stands to another (section 9.1.3.2.20).
    LinkKind {
        Certificate = "Certificate",
        PublicKey = "Public Key",
        PrivateKey = "Private Key",
        DerivationBaseObject = "Derivation Base Object",
        DerivedKey = "Derived Key",
        ReplacementObject = "Replacement Object",
        ReplacedObject = "Replaced Object",
        Parent = "Parent",
        Child = "Child",
        Previous = "Previous",
        Next = "Next",
        Pkcs12Certificate = "PKCS#12 Certificate",
        Pkcs12Password = "PKCS#12 Password",
    }
}

word_enum! {
    /// Why an object was revoked (section 9.1.3.2.19).
    RevocationReason {
        Unspecified = "Unspecified",
        KeyCompromise = "Key Compromise",
        CaCompromise = "CA Compromise",
        AffiliationChanged = "Affiliation Changed",
        Superseded = "Superseded",
        CessationOfOperation = "Cessation of Operation",
        PrivilegeWithdrawn = "Privilege Withdrawn",
    }
}

word_enum! {
    /// How a key is derived from another (section 9.1.3.2.21).
    Derivation {
        Pbkdf2 = "PBKDF2",
        Hash = "HASH",
        Hmac = "HMAC",
        Encrypt = "ENCRYPT",
        Nist800108C = "NIST800-108-C",
        Nist800108F = "NIST800-108-F",
        Nist800108Dpi = "NIST800-108-DPI",
        AsymmetricKey = "Asymmetric Key",
    }
}

word_enum! {
    /// What an object is (section 9.1.3.2.12). PGP keys are not kept.
    ObjectKind {
        Certificate = "Certificate",
        SymmetricKey = "Symmetric Key",
        PublicKey = "Public Key",
        PrivateKey = "Private Key",
        SplitKey = "Split Key",
        /// Attributes for objects to be made; no secret.
        Template = "Template",
        SecretData = "Secret Data",
        OpaqueObject = "Opaque Object",
    }
}

word_enum! {
    /// Where an object stands in its life (section 3.22).
    ObjectState {
        PreActive = "Pre-Active",
        Active = "Active",
        Deactivated = "Deactivated",
        Compromised = "Compromised",
        Destroyed = "Destroyed",
        DestroyedCompromised = "Destroyed Compromised",
    }
}

word_enum! {
    /// A curve that pairs are made on (section 9.1.3.2.5).
    Curve {
        P256 = "P-256",
        P384 = "P-384",
        P521 = "P-521",
    }
}

impl ObjectKind {
    /// Whether its bytes are for everyone who may see its attributes.
    #[must_use]
    pub const fn is_public(self) -> bool {
        matches!(self, Self::Certificate | Self::PublicKey | Self::Template)
    }
}

impl ObjectState {
    #[must_use]
    pub const fn is_destroyed(self) -> bool {
        matches!(self, Self::Destroyed | Self::DestroyedCompromised)
    }
}
