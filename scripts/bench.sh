#!/usr/bin/env bash
# Measures a release build of this server, and its peers in the same run, on this machine.
# Without arguments: every preset, three rounds, peers in alternation. Arguments replace all of that.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --bin fanfare --example peer-socketioxide
peers=(--peer "socketioxide=target/release/examples/peer-socketioxide")
if command -v node >/dev/null && command -v npm >/dev/null; then
  [ -d benches/peers/socket.io/node_modules/@socket.io/redis-adapter ] || npm ci --prefix benches/peers/socket.io --no-audit --no-fund
  peers+=(--peer "node=node benches/peers/socket.io/server.js" --cluster-peer "node=node benches/peers/socket.io/server.js")
else
  echo "Node is not installed: the socket.io peer is left out." >&2
fi

if [ $# -gt 0 ]; then
  exec target/release/fanfare bench "${peers[@]}" "$@"
fi
mkdir -p data
exec target/release/fanfare bench "${peers[@]}" --rounds 3 --json data/bench.json \
  fanout flood flood-rooms idle storm mutations graphql-mutations commit-latency \
  cluster-fanout cluster-flood cluster-mutations cluster-revocation
