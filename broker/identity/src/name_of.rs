//! Finds the one name of a certificate that becomes the principal, and refuses every other spelling of it.

use broker_core::name::{AnchorName, Principal};
use x509_parser::asn1_rs::{Any, FromDer};
use x509_parser::oid_registry::OID_X509_EXT_SUBJECT_ALT_NAME;
use x509_parser::prelude::X509Certificate;

use crate::denial::Denial;
use crate::spec::NameSource;

// GeneralName, RFC 5280 section 4.2.1.6: the identifier octets of the three we read, primitive as DER demands. A parser
// that also took the constructed form would read a name that the path's name constraints were never held against.
const TAG_EMAIL: u8 = 0x81;
const TAG_DNS: u8 = 0x82;
const TAG_URI: u8 = 0x86;
const CONSTRUCTED: u8 = 0x20;

/// The principal a leaf stands for under a CA.
///
/// # Errors
/// `NoName`, `AmbiguousName` (two of the type, equal or not), `BadName`, `BadCertificate`.
pub(crate) fn principal(leaf: &X509Certificate<'_>, ca: &AnchorName, by: NameSource) -> Result<Principal, Denial> {
    let (kind, value) = match by {
        NameSource::CommonName => ("cn", common_name(leaf)?),
        NameSource::Dns => ("dns", dns(alternative_name(leaf, TAG_DNS)?).ok_or(Denial::BadName)?),
        NameSource::Email => ("email", email(alternative_name(leaf, TAG_EMAIL)?).ok_or(Denial::BadName)?),
        NameSource::Uri => ("uri", spiffe(alternative_name(leaf, TAG_URI)?).ok_or(Denial::BadName)?),
    };
    Principal::parse(&format!("{ca}/{kind}:{value}")).map_err(|_| Denial::BadName)
}

/// The only alternative name with this tag, in printable ASCII.
fn alternative_name<'a>(leaf: &X509Certificate<'a>, wanted: u8) -> Result<&'a str, Denial> {
    const MALFORMED: Denial = Denial::BadCertificate("malformed subjectAltName");
    let extension = leaf.get_extension_unique(&OID_X509_EXT_SUBJECT_ALT_NAME).map_err(|_| MALFORMED)?;
    let Some(extension) = extension else { return Err(Denial::NoName) };
    let (after, names) = Any::from_der(extension.value).map_err(|_| MALFORMED)?;
    if !after.is_empty() || extension.value.first() != Some(&0x30) {
        return Err(MALFORMED);
    }
    let mut found = None;
    let mut rest = names.data;
    while let Some(tag) = rest.first().copied() {
        let (after, name) = Any::from_der(rest).map_err(|_| MALFORMED)?;
        rest = after;
        if tag == wanted | CONSTRUCTED {
            return Err(MALFORMED);
        }
        if tag == wanted && found.replace(name.data).is_some() {
            return Err(Denial::AmbiguousName);
        }
    }
    printable(found.ok_or(Denial::NoName)?).ok_or(Denial::BadName)
}

/// The only CN of the subject, in whatever string type it came.
fn common_name(leaf: &X509Certificate<'_>) -> Result<String, Denial> {
    let mut names = leaf.subject().iter_common_name();
    let first = names.next().ok_or(Denial::NoName)?;
    if names.next().is_some() {
        return Err(Denial::AmbiguousName);
    }
    let text = first.as_str().map_err(|_| Denial::BadName)?;
    printable(text.as_bytes()).map(str::to_owned).ok_or(Denial::BadName)
}

/// ASCII without blanks and control characters, and not empty.
fn printable(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())).then_some(text)
}

/// A host name (RFC 1123 section 2.1) in lower case: 1 to 63 letters, digits and hyphens a label, 253 in all, no
/// wildcard, no final dot, and not an address in disguise (a last label of digits alone).
fn dns(text: &str) -> Option<String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let last = text.rsplit('.').next()?;
    let good = text.len() <= 253 && text.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit());
    good.then(|| text.to_ascii_lowercase())
}

/// An address without quoting (RFC 5321 section 4.1.2: dot-string @ domain); its domain in lower case.
fn email(text: &str) -> Option<String> {
    let (local, domain) = text.split_once('@')?;
    let atom = |atom: &str| {
        !atom.is_empty() && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    let good = local.len() <= 64 && local.split('.').all(atom);
    good.then(|| dns(domain)).flatten().map(|domain| format!("{local}@{domain}"))
}

/// A SPIFFE ID of a workload (SPIFFE-ID section 2, X509-SVID section 2): lower-case scheme and trust domain, a path of
/// one or more segments. Userinfo, port, query, fragment and percent-encoding fall to the character lists.
fn spiffe(text: &str) -> Option<String> {
    let (domain, path) = text.strip_prefix("spiffe://")?.split_once('/')?;
    let in_domain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b);
    let segment = |segment: &str| {
        !matches!(segment, "" | "." | "..") && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
    };
    let good = (1..=255).contains(&domain.len()) && domain.bytes().all(in_domain) && path.split('/').all(segment);
    good.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: fn(&str) -> Option<String>, good: &[(&str, &str)], bad: &[&str]) {
        for (text, canonical) in good {
            assert_eq!(form(text).as_deref(), Some(*canonical), "{text}");
        }
        for text in bad {
            assert_eq!(form(text), None, "{text}");
        }
    }

    #[test]
    fn a_host_name_has_one_form() {
        let (long, longer) = ("a".repeat(63), "a".repeat(64));
        check(
            dns,
            &[
                ("Host1.Example", "host1.example"),
                ("a", "a"),
                ("xn--bcher-kva.example", "xn--bcher-kva.example"),
                (&long, &long),
            ],
            &[
                "",
                ".",
                "a.",
                ".a",
                "a..b",
                "*.example",
                "a*.b",
                "-a.b",
                "a-.b",
                "a_b",
                "a/b",
                "10.0.0.1",
                "1",
                "a:1",
                &longer,
                &"a.".repeat(127),
            ],
        );
    }

    #[test]
    fn an_address_has_one_form() {
        check(
            email,
            &[("Kim@Example.COM", "Kim@example.com"), ("a.b+c@d", "a.b+c@d")],
            &[
                "",
                "@",
                "a@",
                "@b",
                "a@b@c",
                "a..b@c",
                ".a@b",
                "a.@b",
                "\"a\"@b",
                "a@[10.0.0.1]",
                "a@*.b",
                "a@b.",
                "a(b)@c",
            ],
        );
    }

    #[test]
    fn a_spiffe_id_has_one_form() {
        check(
            spiffe,
            &[
                ("spiffe://td/a", "spiffe://td/a"),
                ("spiffe://t_d-1.example/Ns/a.b/sa_c-d", "spiffe://t_d-1.example/Ns/a.b/sa_c-d"),
            ],
            &[
                "",
                "spiffe://",
                "spiffe://td",
                "spiffe://td/",
                "spiffe:///a",
                "spiffe://td//a",
                "spiffe://td/a/",
                "SPIFFE://td/a",
                "spiffe://TD/a",
                "spiffe://td/.",
                "spiffe://td/../a",
                "spiffe://td/a/./b",
                "spiffe://td/a?b",
                "spiffe://td/a#b",
                "spiffe://u@td/a",
                "spiffe://td:1/a",
                "spiffe://td/%61",
                "spiffe://td/a:b",
                "https://td/a",
                "spiffe:/td/a",
            ],
        );
    }
}
