# `./dev hsm-matrix`: the same questions to two independent tokens, SoftHSM and kryoptic.

# Its bindings are made with libclang, which is unpacked into the cache and not installed.
fetch_libclang() {
    local folder=$CACHE/libclang download
    compgen -G "$folder/usr/lib/llvm-*/lib/libclang*.so*" >/dev/null && return
    rm -rf "$folder"
    mkdir -p "$folder"
    step "libclang: unpacking Debian's packages into $folder"
    download=$(mktemp -d)
    download_package "$download" libclang1-14 && download_package "$download" libllvm14 || {
        update_package_lists
        download_package "$download" libclang1-14 && download_package "$download" libllvm14 ||
            refuse "apt-get could not download: libclang1-14 libllvm14"
    }
    local package
    for package in "$download"/*.deb; do
        dpkg -x "$package" "$folder"
    done
    rm -rf "$download"
}

# Builds OpenSSL too; a quarter of an hour, the first time.
build_kryoptic() (
    unset CARGO RUSTC RUSTC_WRAPPER RUSTFLAGS
    fetch_libclang
    local libraries compiler_headers
    libraries=$(compgen -G "$CACHE/libclang/usr/lib/llvm-*/lib" | head -n1)
    compiler_headers=$(cc -print-file-name=include)
    export CARGO_TARGET_DIR=$CACHE/kryoptic-target
    export LIBCLANG_PATH=$libraries
    export LD_LIBRARY_PATH=$CACHE/libclang/usr/lib/$(cc -print-multiarch)
    export BINDGEN_EXTRA_CLANG_ARGS=-I$compiler_headers
    cargo build --release --locked --manifest-path hsm-test/kryoptic/Cargo.toml
)

hsm_matrix() {
    require_tools
    step "kryoptic: building it with an OpenSSL of its own (long, the first time)"
    one_at_a_time build_kryoptic
    step "broker: building the binary"
    cargo build --locked -p broker-server
    local folder=$CACHE/hsm-matrix broker=$CARGO_TARGET_DIR/debug/keybroker
    mkdir -p "$folder"
    ask_module "$broker" /usr/lib/softhsm/libsofthsm2.so "$folder/softhsm.json"
    ask_module "$broker" "$CACHE/kryoptic-target/release/libkryoptic_pkcs11.so" "$folder/kryoptic.json"
    step "hsm-matrix: comparing"
    # 1: where one is right and the other wrong, which is what the file tells.
    "$broker" hsm-test --compare "$folder/softhsm.json" "$folder/kryoptic.json" >"$folder/QUIRKS.md" || [ $? -eq 1 ]
    if ! diff -u hsm-test/QUIRKS.md "$folder/QUIRKS.md"; then
        refuse "hsm-test/QUIRKS.md is not what the tokens do; if it should be, copy $folder/QUIRKS.md there"
    fi
    step "hsm-matrix: both tokens do what hsm-test/QUIRKS.md says"
}

# ask_module BROKER MODULE REPORT: 1 says that something was wrong, which the report tells.
ask_module() {
    step "hsm-test: $2"
    "$1" hsm-test --module "$2" --json "$3" 2>/dev/null || [ $? -eq 1 ]
    [ -s "$3" ] || refuse "no report of $2"
}
