//! The one table of what vendors do otherwise.

/// What a token does otherwise than PKCS#11 would have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quirk {
    /// C_Decrypt with CKM_RSA_PKCS_OAEP takes SHA-256.
    pub oaep_sha256: bool,
}

/// Begin of CK_TOKEN_INFO.model, and the quirk. The first row that fits counts.
const TABLE: &[(&str, Quirk)] = &[
    // 2.6.1 and 2.7.0: every OAEP with another hash than SHA-1 is CKR_ARGUMENTS_BAD.
    ("SoftHSM v2", Quirk { oaep_sha256: false }),
    ("", Quirk { oaep_sha256: true }),
];

/// Of the token whose CK_TOKEN_INFO names this model.
#[must_use]
pub fn of(model: &str) -> Quirk {
    let row = TABLE.iter().find(|(begin, _)| model.starts_with(begin));
    row.map_or(Quirk { oaep_sha256: true }, |(_, quirk)| *quirk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softhsm_alone_lacks_oaep_with_sha_256() {
        assert!(!of("SoftHSM v2").oaep_sha256);
        assert!(of("Luna K7").oaep_sha256);
        assert!(of("").oaep_sha256);
    }
}
