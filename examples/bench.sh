#!/bin/sh
# Measures Pontus against what this machine's disk and loopback take by themselves, in about three minutes:
#
#     examples/bench.sh [ITEM...] [FILE.json]
#
# where ITEM is one of 1 to 9; all of them unless some are named. It prints a table, and writes the same for programs to FILE.json
# (target/bench.json unless another is named). Leave the machine alone meanwhile. The disk is that of $TMPDIR, or of /tmp.
set -eu
cd "$(dirname "$0")/.."
case "${*:-}" in
*.json*) ;;
*) set -- "$@" "$PWD/target/bench.json" ;;
esac
cargo build --release --quiet --locked --bins
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
cargo bench --quiet --locked --package pontus-tests --bench speed -- "$@"
