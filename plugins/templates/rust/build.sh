#!/usr/bin/env bash
# Builds the plugin into @NAME@.wasm, beside this script. COMPONENTIZE names a componentize that is built already.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

. kit/wasm.sh

way=$(wasm_library)
if [ "$way" = none ]; then
    echo "build.sh: no standard library for $WASM_TARGET: run 'rustup target add $WASM_TARGET', or where rustup cannot" \
        "fetch it, 'apt-get install -y --no-install-recommends rustc-web cargo-web rust-web-src lld-19'" >&2
    exit 1
fi
target=${CARGO_TARGET_DIR:-$PWD/target}
build_wasm "$way" "$target"
if [ -z "${COMPONENTIZE:-}" ]; then
    cargo build --quiet --target-dir "$target/kit" --manifest-path kit/componentize/Cargo.toml --locked
    COMPONENTIZE=$target/kit/debug/componentize
fi
name=@NAME@
"$COMPONENTIZE" "$target/$WASM_TARGET/release/${name//-/_}.wasm" "$name.wasm"
