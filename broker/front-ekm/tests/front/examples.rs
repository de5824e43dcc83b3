//! The conversation of the reference's own examples (EKM proxy API reference, 0.1-preview), word by word but for the bytes
//! that depend on a key.

use broker_core::algorithm::KeySpec;
use serde_json::json;

use crate::visitor::{Desk, POOL, context, operation};

/// What the examples wrap: 32 bytes.
const VALUE: &str = "MTIzNDU2NzgxMjM0NTY3ODEyMzQ1Njc4MTIzNDU2Nzg";

#[test]
fn info_says_who_we_are() {
    let heard = Desk::new().ask(POOL, "/path-prefix/info", &context());
    let wanted = json!({
        "api_version": "0.1-preview",
        "proxy_vendor": "Vendor \"V\"",
        "proxy_name": "proxy 1",
        "ekm_vendor": "vendor",
        "ekm_product": "product 2"
    });
    assert_eq!((heard.status.as_u16(), heard.body), (200, wanted));
}

#[test]
fn metadata_of_an_aes_key_is_that_of_the_example() {
    let desk = Desk::new();
    desk.bench.make_key("aes-key-1", KeySpec::Oct256);
    let heard = desk.metadata(POOL, "aes-key-1");
    let wanted = json!({"key_type": "oct", "key_size": 256, "key_ops": ["wrapKey", "unwrapKey"]});
    assert_eq!((heard.status.as_u16(), heard.body), (200, wanted));
}

#[test]
fn what_was_wrapped_as_in_the_example_comes_back() {
    let desk = Desk::new();
    desk.bench.make_key("aes-key-1", KeySpec::Oct256);
    let wrapped = desk.ask(POOL, "/path-prefix/aes-key-1/wrapkey", &operation("A256KWP", VALUE));
    assert_eq!(wrapped.body.as_object().unwrap().keys().collect::<Vec<_>>(), ["value"], "and nothing beside it");
    let opened = desk.ask(POOL, "/path-prefix/aes-key-1/unwrapkey", &operation("A256KWP", wrapped.value()));
    assert_eq!((opened.status.as_u16(), opened.body), (200, json!({ "value": VALUE })));
}

#[test]
fn an_example_of_another_proxys_key_is_invalid_ciphertext() {
    let desk = Desk::new();
    desk.bench.make_key("aes-key-1", KeySpec::Oct256);
    let foreign = "MTIzNDU2NzgxMjM0NTY3ODEyMzQ1Njc4MTIzNDU2NzgxMjM0NTY3OA";
    let heard = desk.unwrap(POOL, "aes-key-1", "A256KWP", foreign);
    assert_eq!((heard.error(), heard.label.reason), ((400, "InvalidCiphertext"), "unwrappable"));
}

#[test]
fn an_error_has_a_code_and_a_message_and_nothing_else() {
    let heard = Desk::new().metadata(POOL, "aes-key-1");
    assert_eq!(heard.error(), (404, "KeyNotFound"));
    assert_eq!(heard.body.as_object().unwrap().keys().collect::<Vec<_>>(), ["code", "message"]);
}

#[test]
fn the_request_context_stands_in_the_audit() {
    let desk = Desk::new();
    desk.bench.make_key("aes-key-1", KeySpec::Oct256);
    desk.wrap(POOL, "aes-key-1", "A256KW", VALUE);
    let entry = desk.entries().pop().unwrap();
    assert_eq!(entry.asker.front.word(), "ekm");
    assert_eq!(entry.asker.peer.to_string(), "127.0.0.1:5");
    assert_eq!(
        entry.asker.client_request_id.as_deref(),
        Some("mhsm-pool-name/aa9a3cb4-82b4-11f0-afc6-5ffd3bdade85/6476b291-7c15-4d0b-aef9-03688390cb8e")
    );
}
