# `./dev test` and `./dev check`.

# `tests/fuzz.rs` runs each fuzz target for KEYBROKER_FUZZ_SECONDS (60 unless set), two at a time on two cores.
run_tests() {
    build_all
    build_fuzz_targets
    step "tests: running"
    local output status=0
    output=$(mktemp)
    # shellcheck disable=SC2064 # the file's name now, not when the trap runs
    trap "rm -f '$output'" EXIT
    cargo test --workspace --no-fail-fast --locked "$@" 2>&1 | tee "$output" || status=$?
    count_tests "$output" "$status"
}

# count_tests OUTPUT STATUS: cargo's `test result:` lines as one, on the last line; fails when anything failed.
count_tests() {
    local passed failed ignored
    read -r passed failed ignored < <(
        awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
             END { print passed + 0, failed + 0, ignored + 0 }' "$1"
    )
    if [ "$2" -ne 0 ] && [ "$failed" -eq 0 ]; then
        printf 'dev: cargo test failed without a failed test; see above\n' >&2
    fi
    if [ "$ignored" -gt 0 ]; then
        echo "$passed passed, $failed failed, $ignored skipped"
    else
        echo "$passed passed, $failed failed"
    fi
    [ "$2" -eq 0 ] && [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

check() {
    require_tools
    if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
        refuse "cargo fmt and cargo clippy are needed: run 'rustup component add rustfmt clippy'"
    fi
    step "check: formatting"
    cargo fmt --all --check
    cargo fmt --manifest-path plugins/Cargo.toml --all --check
    cargo fmt --manifest-path plugins/componentize/Cargo.toml --check
    cargo fmt --manifest-path fuzz/Cargo.toml --all --check
    step "check: lints of the broker"
    cargo clippy --workspace --all-targets --locked -- -D warnings
    step "check: lints of the guests, and the tool that refuses their imports"
    check_guests
    step "check: arrows between crates"
    cargo test --locked --quiet -p keybroker-tests --test doors
    check_dependencies
    step "check: all good"
}

# For the host: clippy needs no wasm32 standard library, and the guests' code is the same.
check_guests() {
    local folder=$CACHE/componentize-target
    cargo clippy --target-dir "$folder" --manifest-path plugins/Cargo.toml --workspace --locked -- -D warnings
    cargo clippy --target-dir "$folder" --manifest-path plugins/componentize/Cargo.toml --all-targets --locked \
        -- -D warnings
    cargo test --target-dir "$folder" --manifest-path plugins/componentize/Cargo.toml --locked --quiet
}

# Licences, sources and known vulnerabilities; says so in a line where the tool or the network is missing.
check_dependencies() {
    if cargo deny --version >/dev/null 2>&1; then
        step "check: dependencies (cargo-deny)"
        local manifest
        for manifest in Cargo.toml fuzz/Cargo.toml plugins/Cargo.toml plugins/componentize/Cargo.toml; do
            cargo deny --log-level error --manifest-path "$manifest" --config "$PWD/deny.toml" check bans licenses sources
        done
        if timeout 60 cargo deny --log-level error fetch db >/dev/null 2>&1; then
            cargo deny --log-level error check advisories
        else
            note "advisories not checked: the database cannot be fetched"
        fi
    elif cargo audit --version >/dev/null 2>&1; then
        step "check: dependencies (cargo-audit)"
        local output
        if ! output=$(cargo audit --color never 2>&1); then
            grep -q "couldn't fetch advisory database" <<<"$output" || refuse "$output"
            note "advisories not checked: the database cannot be fetched"
        fi
    else
        step "check: dependencies not checked: neither cargo-deny nor cargo-audit is installed"
    fi
}
