#!/usr/bin/env bash
# Everything that must hold: formatting, lints, documentation, licences, the Rust tests on SQLite and PostgreSQL, and
# clients in JavaScript and Python against the real server. Goes on after a failure, so that one run tells everything.
# The last line counts: every test is one, every check without tests of its own is one.
# With CI=true a skip is a failure.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

passed=0
failed=0
skipped=()
failures=()
names=()
beside=()
logs=$(mktemp -d "${TMPDIR:-/tmp}/fanfare-test.XXXXXX")
trap '[ ${#beside[@]} -eq 0 ] || kill "${beside[@]}" 2>/dev/null; rm -rf "$logs"' EXIT
# Nothing is built upon what a run of continuous integration has built.
[ "${CI:-}" != true ] || export CARGO_INCREMENTAL=0
started=$SECONDS

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# step NAME COMMAND… : runs it, shows its output, counts its tests (or itself as one)
step() {
    local name=$1 log="$logs/step" begun=$SECONDS ok=true
    shift
    say "$name"
    "$@" 2>&1 | tee "$log"
    [ "${PIPESTATUS[0]}" -eq 0 ] || ok=false
    count "$name" "$log" "$ok" $((SECONDS - begun))
}

# beside NAME COMMAND… : begins a step whose output is shown by `collect`, while others run
beside() {
    local name=$1
    shift
    names+=("$name")
    (
        begun=$SECONDS
        ok=true
        "$@" >"$logs/$name" 2>&1 </dev/null || ok=false
        echo "$ok $((SECONDS - begun))" >"$logs/$name.end"
    ) &
    beside+=($!)
}

# collect : waits for what runs beside, and shows and counts it
collect() {
    local name ok took
    [ ${#beside[@]} -eq 0 ] || wait "${beside[@]}"
    for name in "${names[@]}"; do
        say "$name"
        cat "$logs/$name"
        read -r ok took <"$logs/$name.end" || ok=false
        count "$name" "$logs/$name" "$ok" "${took:-0}"
    done
    names=() beside=()
}

# count NAME LOG OK SECONDS : adds a step to the result
count() {
    local name=$1 log=$2 ok=$3 good bad
    read -r good bad < <(scripts/count_tests.py "$log")
    if [ "$ok" = true ] && [ "$bad" -eq 0 ]; then
        [ "$good" -gt 0 ] || good=1
    else
        [ "$bad" -gt 0 ] || bad=1
        failures+=("$name")
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
    printf -- '-- %s: %s, %d s\n' "$name" "$([ "$bad" -eq 0 ] && echo ok || echo FAILED)" "$4"
}

# skip NAME WHY
skip() {
    say "$1"
    echo "skipped: $2"
    skipped+=("$1 ($2)")
    if [ "${CI:-}" = true ]; then
        failed=$((failed + 1))
        failures+=("$1, which may not be skipped when CI=true")
    fi
}

rust_tests() {
    # the peer that the tests of the bench measure is an example, which a test run does not build as a program
    cargo build --locked --bins --examples || return
    if command -v cargo-nextest >/dev/null; then
        cargo nextest run --locked --no-fail-fast
    else
        cargo test --locked --lib --bins --tests --no-fail-fast
    fi
}

doc_tests() { cargo test --locked --doc --quiet; }

# The clients find the server under test in FANFARE_BIN.
javascript_client() (
    cd tests/clients/js || exit 1
    npm ci --no-audit --no-fund --loglevel=error && npm test
)

python_client() (
    cd tests/clients/python || exit 1
    [ -x .venv/bin/python ] || python3 -m venv .venv || exit 1
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt || exit 1
    if [ -x ./run.sh ]; then ./run.sh; else .venv/bin/python -m unittest discover -v; fi
)

frontend() (
    cd frontend-client || exit 1
    npm ci --no-audit --no-fund --loglevel=error && npm run lint && npm run build && npm run size && npm run package:check && npm run demo:check && npm test
)

# Chromium, with the pages and the server of this tree.
browser() (
    cd frontend-client || exit 1
    npm run test:browser
)

say "tools"
scripts/install.sh
command -v cargo >/dev/null || { echo "Rust is missing: https://rustup.rs installs it" && exit 1; }
cargo --version

# What waits for others more than it computes runs beside what computes. Nothing runs beside the Rust tests, which
# measure how long things take.
beside "deployment files" scripts/lint.sh deploy
step "format" scripts/lint.sh fmt
step "clippy" scripts/lint.sh clippy
step "rustdoc" scripts/lint.sh rustdoc
step "licences and sources" scripts/lint.sh dependencies
collect

if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    export FANFARE_TEST_POSTGRES=required
else
    skip "the tests on PostgreSQL" "postgresql is not installed"
fi
step "Rust tests" rust_tests
step "documentation tests" doc_tests

FANFARE_BIN="$PWD/target/debug/fanfare"
export FANFARE_BIN
for client in "javascript tests/clients/js npm" "python tests/clients/python python3" "frontend frontend-client npm"; do
    read -r name folder tool <<<"$client"
    [ -d "$folder" ] || continue
    if ! command -v "$tool" >/dev/null; then
        skip "$name" "$tool is not installed"
    elif [ "$name" = frontend ]; then
        beside "frontend" frontend
    else
        beside "$name client against the server" "${name}_client"
    fi
done
collect

if ! command -v npm >/dev/null || ! command -v "${CHROMIUM_BIN:-/usr/bin/chromium}" >/dev/null; then
    skip "the tests in a browser" "npm or chromium is not installed"
else
    step "browser" browser
fi

say "result after $((SECONDS - started)) s"
for what in "${skipped[@]}"; do echo "skipped: $what"; done
for what in "${failures[@]}"; do echo "failed: $what"; done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
