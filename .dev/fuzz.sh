# The fuzz targets: built with counters at every branch, into the cache, by the stable compiler. libFuzzer comes as source with
# the crate libfuzzer-sys and is compiled with the C++ compiler.

build_fuzz_targets() {
    step "fuzz: building the targets (counters at every branch; minutes, the first time)"
    RUSTC_WRAPPER=$PWD/fuzz/rustc.sh cargo build --release --locked --bins \
        --manifest-path fuzz/Cargo.toml --target-dir "$CACHE/fuzz-target"
    export KEYBROKER_FUZZ=$CACHE/fuzz-target/release
}

# fuzz [--seconds N] [--report FILE] [TARGET...]: what was found lies in the cache, and the next run goes on from there.
fuzz() {
    one_at_a_time require_tools
    build_fuzz_targets
    cargo build --workspace --locked --bin keybroker-fuzz
    KEYBROKER_REPORT_DATE=$(date -u +%F)
    KEYBROKER_REPORT_COMMIT=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
    git diff --quiet HEAD -- 2>/dev/null || KEYBROKER_REPORT_COMMIT+=" with changes"
    KEYBROKER_REPORT_MACHINE="$(nproc) cores ($(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n1)), $(uname -sr)"
    export KEYBROKER_REPORT_DATE KEYBROKER_REPORT_COMMIT KEYBROKER_REPORT_MACHINE
    step "fuzz: running; what is found goes to $CACHE/fuzz"
    "$CARGO_TARGET_DIR/debug/keybroker-fuzz" --keep "$CACHE/fuzz" "$@"
}
