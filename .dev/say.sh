# How ./dev speaks: one line a step, and one line when it cannot go on.

step() {
    printf '== %s\n' "$*"
}

note() {
    printf '   %s\n' "$*"
}

refuse() {
    printf 'dev: %s\n' "$*" >&2
    exit 1
}
