//! What is said of plugins, by whoever brings one and by the configuration: signature files, imports, hosts, networks.
//!
//! The component itself is wasmtime's to parse, and what a guest answers has types that the contract gives it.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::LazyLock;

use broker_backend_wasm::{Capability, Import, Trust, Vouched, signature_file, signature_line, vouched};
use broker_core::secret::Secret;
use broker_crypto::sign::SigningKey;

use super::{folder, question};
use crate::bound::Allowance;
use crate::edit::edited;
use crate::plugin::{Cidr, Origin, may_have};

const ALLOWANCE: Allowance = Allowance { bytes: 64 << 10, each: 128 };
const DIGEST: [u8; 32] = [3; 32];

struct World {
    _folder: tempfile::TempDir,
    component: PathBuf,
    line: String,
    trust: Trust,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let folder = folder();
    let key = SigningKey::from_seed(Secret::new(vec![7; 32])).expect("a seed of 32 bytes");
    let line = signature_line(&key, &DIGEST).expect("the library signs");
    let trust = Trust { keys: vec![key.public_key()], required: true };
    World { component: folder.path().join("plugin.wasm"), _folder: folder, line, trust }
});

/// # Panics
/// Something of this does not hold.
pub fn check(bytes: &[u8]) {
    match question(bytes, 4) {
        Some((0, file)) => signature(file),
        Some((1, script)) => signature(&edited(WORLD.line.as_bytes(), script)),
        Some((2, text)) => said(text),
        Some((_, bytes)) => addresses(bytes),
        None => {}
    }
}

/// A signature file is good as it was written, whatever the case of its digits and what blanks follow, and no other way.
fn signature(file: &[u8]) {
    fs::write(signature_file(&WORLD.component), file).expect("there is room");
    let says = ALLOWANCE.hold(file.len(), || vouched(&WORLD.component, &DIGEST, &WORLD.trust));
    if let Ok(Vouched::Trusted(key)) = says {
        assert_eq!(WORLD.trust.keys, [key]);
        let text = std::str::from_utf8(file).expect("a signature file is text");
        assert!(text.trim_end().eq_ignore_ascii_case(WORLD.line.trim_end()), "{text:?}");
    } else {
        assert_ne!(file, WORLD.line.as_bytes(), "{says:?}");
        assert!(!matches!(says, Ok(Vouched::Unsigned)), "there is a file");
    }
}

fn said(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    ALLOWANCE.hold(text.len(), || {
        if let Import::Capability(capability) = Import::of(text) {
            assert!(capability.import() == text || (capability == Capability::Http && is_wasi_http(text)), "{text:?}");
        }
        if let Ok(origin) = text.parse::<Origin>() {
            let shown = origin.to_string();
            assert_eq!(shown.parse::<Origin>().ok().as_ref(), Some(&origin), "{text:?} is shown as {shown:?}");
            assert!(!origin.name().is_empty() && !origin.host_header().contains(['/', '@', ' ']), "{text:?}");
        }
        let _range = text.parse::<Cidr>();
    });
}

/// What `wasi:http` needs, of a patch of 0.2, is granted with `http`: clients that ordinary tools make import it.
fn is_wasi_http(import: &str) -> bool {
    let parts: Vec<&str> = import.split([':', '/', '@', '.']).collect();
    let [_, package, interface, _, _, patch] = parts[..] else { return false };
    let known = matches!(
        (package, interface),
        ("clocks", "monotonic-clock") | ("http", "outgoing-handler" | "types") | ("io", "error" | "poll" | "streams")
    );
    let is_number = !patch.is_empty() && patch.chars().all(|digit| digit.is_ascii_digit());
    known && is_number && import == format!("wasi:{package}/{interface}@0.2.{patch}")
}

/// A listed range lets its own first address in, and none of the operator's own network that is not listed.
fn addresses(bytes: &[u8]) {
    let Some(([a, b, c, d], rest)) = bytes.split_first_chunk() else { return };
    let v4 = Ipv4Addr::new(*a, *b, *c, *d);
    let v6 = rest.first_chunk().map_or(v4.to_ipv6_mapped(), |bytes: &[u8; 16]| Ipv6Addr::from(*bytes));
    for (address, bits) in [(v4.into(), 32), (std::net::IpAddr::from(v6), 128)] {
        let range: Cidr =
            format!("{address}/{}", rest.last().map_or(bits, |byte| byte % (bits + 1))).parse().expect("a range");
        let mapped = v6.to_ipv4_mapped().is_some() && address.is_ipv6();
        assert!(mapped || may_have(address, &[range]), "{address}");
    }
    assert_eq!(may_have(v4.into(), &[]), may_have(v4.to_ipv6_mapped().into(), &[]), "{v4}");
    let private = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified();
    assert!(!private || !may_have(v4.into(), &[]), "{v4}");
}
