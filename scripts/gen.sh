#!/usr/bin/env bash
# Writes the files that are made from the code. The tests that compare them do the writing.
set -euo pipefail
cd "$(dirname "$0")/.."

export UPDATE_GENERATED=1
cargo test --quiet --all-targets -- generated current
cargo fmt
# The demo application, built for the binary. Without Node.js it stays as it is, and the tests say so if that is too old.
if command -v npm >/dev/null; then
    (cd frontend-client && { [ -d node_modules ] || npm ci --no-audit --no-fund --loglevel=error; } && npm run --silent demo:build)
fi
git --no-pager diff --stat 2>/dev/null || true
