#!/usr/bin/env bash
# The benchmarks of pfp, or those that are named: each prints ratios to a peer or a floor from one run.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=tests/lib/environment.sh
source tests/lib/environment.sh

usage() {
  cat <<'HELP'
usage: tests/bench.sh [WHAT...] [--finished N] [--queued N] [--rounds N] [--uploads N]

  wait      two thousand clients that wait on one API: how soon each is told, and what they cost
  crowd     what slow clients cost the others, and a thousand uploads at once: memory, answers, and how soon all are in
  accept    uploads accepted a second and processor time in the API, beside the same bytes put straight to MinIO
  backlog   what a backlog and a long history cost: uploads and jobs a second beside an empty system, sweeps, the doctor;
            --finished (1000000) and --queued (100000) uploads, --rounds (19) of --uploads (1000)
HELP
}

ALL=(accept wait crowd backlog)

# The sizes of the backlog.
BACKLOG=()

# bench NAME [OPTION...]: its program, on servers of its own.
bench() {
  servers servers PFP_TEST_SERVERS && pictures || return 1
  cargo build --release --locked -p pfp-api -p pfp-worker -p pfp-tests || return 1
  # Thousands of clients.
  ulimit -n 8192 || return 1
  PFP_TEST_BIN=$CARGO_TARGET_DIR/release "$CARGO_TARGET_DIR/release/bench-$1" "${@:2}"
}

main() {
  local what wanted=()
  while (($#)); do
    case $1 in
      -h | --help | help) usage && exit 0 ;;
      --finished | --queued | --rounds | --uploads)
        (($# > 1)) || { usage >&2 && exit 2; }
        BACKLOG+=("$1" "$2")
        shift
        ;;
      *)
        [[ " ${ALL[*]} " == *" $1 "* ]] || { usage >&2 && exit 2; }
        wanted+=("$1")
        ;;
    esac
    shift
  done
  ((${#wanted[@]})) || wanted=("${ALL[@]}")
  for what in "${wanted[@]}"; do
    case $what in
      backlog) bench backlog "${BACKLOG[@]}" || exit 1 ;;
      *) bench "$what" || exit 1 ;;
    esac
  done
}

main "$@"
