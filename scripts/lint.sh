#!/usr/bin/env bash
# Formatting, clippy, rustdoc, licences, what is in deploy/. The tests run them one by one through the same names.
set -euo pipefail
cd "$(dirname "$0")/.."

lint_fmt() { cargo fmt --check; }
lint_clippy() { cargo clippy --locked --all-targets -- -D warnings; }
lint_rustdoc() { RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items --quiet; }

# The advisory database of cargo-deny comes from the internet and changes by the hour: whether a dependency has
# a known hole is not a question of this change, so it is asked separately (`cargo deny check advisories`).
lint_dependencies() {
    if command -v cargo-deny >/dev/null; then
        cargo deny --log-level error check licenses bans sources
    else
        echo "cargo-deny is not installed; reading the licences from cargo metadata instead"
        python3 scripts/licences.py
    fi
}

lint_deploy() { scripts/deployment.sh; }

if [ $# -eq 0 ]; then
    lint_fmt && lint_clippy && lint_rustdoc && lint_dependencies && lint_deploy
else
    "lint_$1"
fi
