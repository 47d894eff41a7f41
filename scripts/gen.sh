#!/usr/bin/env bash
# Writes the files that are made from the code. The tests that compare them do the writing.
set -euo pipefail
cd "$(dirname "$0")/.."

export UPDATE_GENERATED=1
cargo test --quiet --all-targets -- generated current
cargo fmt
git --no-pager diff --stat 2>/dev/null || true
