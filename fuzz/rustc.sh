#!/bin/sh
# rustc for the fuzz targets (RUSTC_WRAPPER): our crates, and the parsers that read a stranger's bytes for them, get a counter
# at every branch and tell libFuzzer what they compare. The rest, cryptography above all, is built as ever.
case $CARGO_PKG_NAME in
    broker-* | keybroker-fuzz | asn1-rs | base64 | der-parser | http | percent-encoding | postcard | rustls-webpki | serde | serde_core | serde_json | toml | toml_parser | toml_datetime | winnow | x509-parser)
        case " $* " in
            *" --crate-name build_script_build "*) ;;
            *" --crate-type bin "* | *" --crate-type lib "* | *" --crate-type rlib "*)
                exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                    -Cllvm-args=-sanitizer-coverage-trace-compares
                ;;
        esac
        ;;
esac
exec "$@"
