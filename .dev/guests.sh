# Builds plugins/ into components, in $CACHE/guests. Cargo decides what has changed.
#
# The target wasm32-unknown-unknown, for it alone gives guests without any WASI import. Its standard library comes from
# the toolchain in use, from rustup, or from Debian's rustc-web, which brings the library's sources and lets cargo build
# it. The same toolchain gives the same bytes, wherever the clone lies.

WASM_TARGET=wasm32-unknown-unknown
GUESTS=(software derive double transit keyvault faulty faulty-import faulty-reach faulty-reveal)
RUSTUP_SECONDS_MAX=45

build_guests() {
    local way guest
    way=$(wasm_library)
    if [ "$way" = none ]; then
        install_packages "no standard library for $WASM_TARGET here, and rustup cannot fetch it" \
            rustc-web cargo-web rust-web-src
        way=debian
    fi
    step "guests: building ${GUESTS[*]} (wasm32, $(describe_way "$way"))"
    compile_guests "$way"
    cargo build --target-dir "$CACHE/componentize-target" --manifest-path plugins/componentize/Cargo.toml --quiet --locked
    mkdir -p "$CACHE/guests"
    for guest in "${GUESTS[@]}"; do
        RUST_BACKTRACE=0 "$CACHE/componentize-target/debug/componentize" \
            "$CACHE/guests-target/$WASM_TARGET/release/${guest//-/_}.wasm" "$CACHE/guests/$guest.wasm"
    done
}

# Where the standard library comes from: toolchain, debian, rustup, or none as yet.
wasm_library() {
    if toolchain_has_library; then
        echo toolchain
    elif [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo ] && [ -d "$(debian_sources)" ]; then
        echo debian
    elif command -v rustup >/dev/null &&
        timeout "$RUSTUP_SECONDS_MAX" rustup --quiet target add "$WASM_TARGET" >/dev/null 2>&1 &&
        toolchain_has_library; then
        echo rustup
    else
        echo none
    fi
}

toolchain_has_library() {
    compgen -G "$(rustc --print target-libdir --target "$WASM_TARGET")/libstd-*.rlib" >/dev/null
}

debian_sources() {
    echo "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std"
}

describe_way() {
    case $1 in
        toolchain) echo "the toolchain's own standard library" ;;
        rustup) echo "standard library fetched by rustup" ;;
        debian) echo "Debian's rustc-web" ;;
    esac
}

# In a subshell: what a guest is built with must not leak into the host's builds, nor the other way round.
compile_guests() (
    # When one cargo starts another, these would send the guests through the host's compiler, flags and folders.
    unset CARGO RUSTC RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTFLAGS CARGO_BUILD_TARGET CARGO_BUILD_RUSTFLAGS
    export CARGO_TARGET_DIR=$CACHE/guests-target
    # Panic messages carry the path of the crate they are in; this one would be the home folder of who built it.
    export CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=registry"
    cd plugins || exit
    if [ "$1" = debian ]; then
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$(wasm_linker)
        export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER
        # Building the standard library is a nightly feature of cargo; Debian's own packages switch it on the same way.
        RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc /usr/bin/cargo build --locked --release --target "$WASM_TARGET" \
            -Zbuild-std=std,panic_abort
    else
        cargo build --locked --release --target "$WASM_TARGET"
    fi
)

# Debian's rustc-web has no linker for wasm; rustup's toolchain has one, and so has Debian's lld.
wasm_linker() {
    local host linker
    host=$(rustc -vV | sed -n 's/^host: //p')
    linker=$(rustc --print sysroot)/lib/rustlib/$host/bin/rust-lld
    [ -x "$linker" ] || linker=$(command -v wasm-ld || compgen -c wasm-ld- | sort -V | tail -n1 || true)
    if [ -z "$linker" ]; then
        install_packages "no linker for wasm here" lld-19 >&2
        linker=$(compgen -c wasm-ld- | sort -V | tail -n1)
    fi
    echo "$linker"
}
