#!/usr/bin/env bash
# The fault drills and the simulation, longer and against a release build, again and again; then the table of
# docs/reliability.md is written from the last round. ROUNDS (default 3) says how often, and these say how much:
#   FANFARE_DRILL_HOLD_PERCENT   how long each fault lasts, in percent of a test run (default here 500)
#   FANFARE_DRILL_KILL_CLIENTS   clients when instances are killed (here 1000, in a test run 200)
#   FANFARE_DRILL_DRAIN_CLIENTS  clients at SIGTERM (here 2000, in a test run 1000)
#   FANFARE_DRILL_STORM_CLIENTS  clients that come back at once (here 5000, in a test run 1000)
#   FANFARE_SIM_SCHEDULES        schedules of the simulation (100000)
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --bin fanfare
export FANFARE_BIN="$PWD/target/release/fanfare"
export FANFARE_DRILL_REPORT="$PWD/target/drills"
export FANFARE_DRILL_HOLD_PERCENT="${FANFARE_DRILL_HOLD_PERCENT:-500}"
export FANFARE_DRILL_KILL_CLIENTS="${FANFARE_DRILL_KILL_CLIENTS:-1000}"
export FANFARE_DRILL_DRAIN_CLIENTS="${FANFARE_DRILL_DRAIN_CLIENTS:-2000}"
export FANFARE_DRILL_STORM_CLIENTS="${FANFARE_DRILL_STORM_CLIENTS:-5000}"
export FANFARE_SIM_SCHEDULES="${FANFARE_SIM_SCHEDULES:-100000}"
ulimit -n "$(ulimit -Hn)"

for round in $(seq "${ROUNDS:-3}"); do
    echo "== round $round"
    rm -rf "$FANFARE_DRILL_REPORT"
    cargo nextest run --locked --no-fail-fast --success-output immediate -E 'test(drills::) | test(sim::simulation)' "$@"
done
scripts/reliability.py
