#!/usr/bin/env bash
# Builds the server and starts it in development mode: embedded database in ./data, demo world on an empty one.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v cargo >/dev/null; then
    echo "make run needs Rust: https://rustup.rs installs it." >&2
    exit 1
fi
if ! command -v cc >/dev/null; then
    echo "make run needs a C compiler for the embedded database: apt-get install build-essential" >&2
    exit 1
fi

[ -d target/debug/deps ] || echo "The first build takes a few minutes." >&2
cargo build --bin fanfare
exec target/debug/fanfare serve "$@"
