//! Bodies that make no sense, and bodies without end.

use keybroker_tests::{Asks as _, Setup};

use crate::target::{Target, check, head_of, is_clear, posted, quick};

/// Largest body that a broker takes unless told otherwise (`body-bytes-max`).
const BODY_BYTES_MAX: usize = 2 << 20;

#[test]
fn a_body_that_makes_no_sense_is_a_bad_parameter() {
    let target = Target::new(Setup::new());
    let admin = target.broker.admin();
    let deep = format!(r#"{{"kty":"oct","tags":{}1{}}}"#, "[".repeat(60_000), "]".repeat(60_000));
    let long_kty = format!(r#"{{"kty":"{}"}}"#, "x".repeat(100_000));
    let many_tags: Vec<_> = (0..200).map(|tag| format!(r#""t{tag}":"v""#)).collect();
    let many_tags = format!(r#"{{"kty":"oct","tags":{{{}}}}}"#, many_tags.join(","));
    let creates: &[&[u8]] = &[
        b"",
        b"null",
        b"[]",
        b"{",
        b"{}",
        b"{\"kty\":\"oct\"",
        b"{\"kty\":\"oct\"}{}",
        b"\xff\xfe{\"kty\":\"oct\"}",
        b"\xef\xbb\xbf{\"kty\":\"oct\"}",
        b"{\"kty\":\"o\x00ct\"}",
        br#"{"kty":1}"#,
        br#"{"kty":["oct"]}"#,
        br#"{"kty":"OCT"}"#,
        br#"{"kty":"oct","kty":"oct"}"#,
        br#"{"kty":"oct","key_size":"256"}"#,
        br#"{"kty":"oct","key_size":0}"#,
        br#"{"kty":"oct","key_size":-256}"#,
        br#"{"kty":"oct","key_size":256.5}"#,
        br#"{"kty":"oct","key_size":1e400}"#,
        br#"{"kty":"oct","key_size":18446744073709551616}"#,
        br#"{"kty":"oct","key_size":99999999999999999999999999999999999999999999999999}"#,
        br#"{"kty":"RSA","key_size":1000000}"#,
        br#"{"kty":"RSA","public_exponent":3}"#,
        br#"{"kty":"EC","crv":"P-999"}"#,
        br#"{"kty":"oct","key_ops":["everything"]}"#,
        br#"{"kty":"oct","key_ops":"wrapKey"}"#,
        br#"{"kty":"oct","attributes":{"exp":-1}}"#,
        br#"{"kty":"oct","attributes":{"exp":9223372036854775807}}"#,
        br#"{"kty":"oct","attributes":{"nbf":20,"exp":10}}"#,
        br#"{"kty":"oct","attributes":[]}"#,
        br#"{"kty":"oct","tags":{"a":1}}"#,
        br#"{"kty":"oct","tags":[]}"#,
        deep.as_bytes(),
        long_kty.as_bytes(),
        many_tags.as_bytes(),
    ];
    for body in creates {
        check(&admin, &posted("/keys/new/create", body), 400, "BadParameter");
    }
    let operations = [
        r#"{"alg":"A256KW"}"#,
        r#"{"value":"AAAA"}"#,
        r#"{"alg":"","value":"AAAA"}"#,
        r#"{"alg":"none","value":"AAAA"}"#,
        r#"{"alg":"a256kw","value":"AAAA"}"#,
        r#"{"alg":"A256KW\u0000","value":"AAAA"}"#,
        r#"{"alg":"RSA-OAEP-256","value":"AAAA"}"#,
        r#"{"alg":"RSA1_5","value":"AAAA"}"#,
        r#"{"alg":"A256KW","value":""}"#,
        r#"{"alg":"A256KW","value":"A"}"#,
        r#"{"alg":"A256KW","value":"AA+A"}"#,
        r#"{"alg":"A256KW","value":"AA/A"}"#,
        r#"{"alg":"A256KW","value":"AA A"}"#,
        r#"{"alg":"A256KW","value":"AAAAA===="}"#,
        r#"{"alg":"A256KW","value":"AAAA"}"#,
        r#"{"alg":"A256KW","value":"\u0041AAA"}"#,
        r#"{"alg":"A256KW","value":7}"#,
        r#"{"alg":"A256KW","value":"AAECAwQFBgcICQoLDA0ODw","iv":"AAAA"}"#,
        r#"{"alg":"A256KW","value":"AAECAwQFBgcICQoLDA0ODw","aad":"AAAA"}"#,
        r#"{"alg":"A256KW","value":"AAECAwQFBgcICQoLDA0ODw","tag":"%"}"#,
    ];
    for body in operations {
        for verb in ["wrapkey", "unwrapkey", "encrypt", "decrypt"] {
            check(&admin, &posted(&format!("/keys/k/{verb}"), body.as_bytes()), 400, "BadParameter");
        }
    }
    for body in [r#"{"count":0}"#, r#"{"count":129}"#, r#"{"count":-1}"#, r#"{"count":1e9}"#, r#"{"count":"8"}"#, "8"] {
        target.broker.grant(&target.broker.principal("dice"), "rng", "/vault1");
        check(&target.broker.client_of("dice"), &posted("/rng", body.as_bytes()), 400, "BadParameter");
    }
    admin.get("/keys/new").with_status(404);
    target.is_sound();
}

#[test]
fn a_body_without_end_is_not_read_to_its_end() {
    let target = Target::new(Setup::new());
    let admin = target.broker.admin();
    let ten_megabytes = format!(r#"{{"alg":"A256KW","value":"{}"}}"#, "A".repeat(10 << 20));
    check(&admin, &posted("/keys/k/wrapkey", ten_megabytes.as_bytes()), 413, "RequestEntityTooLarge");
    let chunk = format!("{:x}\r\n{}\r\n", 64 << 10, "A".repeat(64 << 10));
    let chunks = [chunk.repeat(160), "0\r\n\r\n".to_owned()].concat();
    let chunked = posted("/keys/k/wrapkey", chunks.as_bytes()).header("transfer-encoding", "chunked");
    check(&admin, &chunked, 413, "RequestEntityTooLarge");
    // The largest body that is taken holds a value that is not: a secret has at most 64 KiB.
    let head = r#"{"alg":"A256KW","value":""#;
    let full = format!(r#"{head}{}"}}"#, "A".repeat(BODY_BYTES_MAX - head.len() - 2));
    assert_eq!(full.len(), BODY_BYTES_MAX);
    check(&admin, &posted("/keys/k/wrapkey", full.as_bytes()), 400, "BadParameter");
    // Only said to be huge: not a byte of it is waited for longer than it takes to see that it is too much.
    let declared = posted("/keys/k/wrapkey", b"").header("content-length", "99999999999999999999");
    let answer = admin.try_send(&declared);
    assert!(answer.as_ref().map_or(true, |answer| (400..500).contains(&answer.status)), "{answer:?}");
    target.is_sound();
}

#[test]
fn many_bodies_that_stop_half_way_hold_little_memory_and_end() {
    let target = Target::new(Setup::new().edit(quick));
    let half = vec![b'A'; BODY_BYTES_MAX / 2];
    let client = target.broker.admin();
    let stalled: Vec<_> = (0..64)
        .map(|_| {
            let connection = client.connect().unwrap();
            let head =
                head_of("POST", "/keys/k/wrapkey?api-version=7.4", &[&format!("content-length: {BODY_BYTES_MAX}")]);
            connection.write(&head).unwrap();
            connection.write(&half).unwrap();
            connection
        })
        .collect();
    for connection in stalled {
        let answer = connection.read_answer().unwrap();
        is_clear(&answer, "half a body");
        assert_eq!((answer.status, answer.code().as_str()), (408, "RequestTimeout"));
    }
    target.is_sound();
}
