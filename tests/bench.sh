#!/usr/bin/env bash
# The benchmarks of pfp, or those that are named: each prints ratios to a peer or a floor from one run.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=tests/lib/environment.sh
source tests/lib/environment.sh

usage() {
  cat <<'HELP'
usage: tests/bench.sh [WHAT...]

  wait      two thousand clients that wait on one API: how soon each is told, and what they cost
  crowd     what slow clients cost the others, and a thousand uploads at once: memory, answers, and how soon all are in
  accept    uploads accepted a second and processor time in the API, beside the same bytes put straight to MinIO
HELP
}

bench_accept() {
  servers servers PFP_TEST_SERVERS && pictures || return 1
  cargo build --release --locked -p pfp-api -p pfp-worker -p pfp-tests || return 1
  PFP_TEST_BIN=$CARGO_TARGET_DIR/release "$CARGO_TARGET_DIR/release/bench-accept"
}

bench_wait() {
  servers servers PFP_TEST_SERVERS && pictures || return 1
  cargo build --release --locked -p pfp-api -p pfp-worker -p pfp-tests || return 1
  ulimit -n 8192 || return 1
  PFP_TEST_BIN=$CARGO_TARGET_DIR/release "$CARGO_TARGET_DIR/release/bench-wait"
}

bench_crowd() {
  servers servers PFP_TEST_SERVERS && pictures || return 1
  cargo build --release --locked -p pfp-api -p pfp-worker -p pfp-tests || return 1
  ulimit -n 8192 || return 1
  PFP_TEST_BIN=$CARGO_TARGET_DIR/release "$CARGO_TARGET_DIR/release/bench-crowd"
}

main() {
  local what
  case ${1:-} in -h | --help | help) usage && exit 0 ;; esac
  (($#)) || set -- accept wait crowd
  for what in "$@"; do
    declare -F "bench_$what" >/dev/null || { usage >&2 && exit 2; }
    "bench_$what" || exit 1
  done
}

main "$@"
