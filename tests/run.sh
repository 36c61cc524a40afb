#!/usr/bin/env bash
# Every test of pfp, or the groups that are named. What is missing is installed, and said; nothing is skipped.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=tests/lib/environment.sh
source tests/lib/environment.sh
# shellcheck source=tests/lib/groups.sh
source tests/lib/groups.sh

usage() {
  cat <<'HELP'
usage: tests/run.sh [GROUP...] [--minutes M] [--seed S]

  format       rustfmt, shellcheck, ruff
  lint         clippy with warnings as errors
  docs         rustdoc with warnings as errors
  deny         licences, sources, duplicates and known vulnerabilities of every dependency
  unit         what needs no server
  model        the protocol as a model: every history within bounds
  integration  every behaviour, with real PostgreSQL, RabbitMQ and MinIO
  faults       servers and workers killed, stopped and restarted
  chaos        many users and a fault every few seconds, held against what was promised; for --minutes (2), by --seed
  browser      the page and the client in Chromium, and upload widgets of others
  openapi      the served OpenAPI document held against what is answered, by Schemathesis
  up           deploy/up.sh: first start, restart, Ctrl-C, kill -9, a second copy
  corpus       everything over the folder of real pictures in PFP_TEST_CORPUS (../shared/corpus by default)

Without a group: all of them; corpus where its folder is there, and always in CI.
  rows         every test of a row of the fault matrix, three times in a row; only when named
  soak         what takes too long for every run; only when named
HELP
}

# How long the chaos lasts, and by which seed.
CHAOS=()

ALL=(format lint docs deny unit model integration faults chaos browser openapi up corpus)

main() {
  local wanted=() named group failed=()
  while (($#)); do
    case $1 in
      -h | --help | help) usage && exit 0 ;;
      --minutes | --seed)
        (($# > 1)) || { usage >&2 && exit 2; }
        CHAOS+=("$1" "$2")
        shift
        ;;
      *)
        [[ " ${ALL[*]} rows soak " == *" $1 "* ]] || { usage >&2 && exit 2; }
        wanted+=("$1")
        ;;
    esac
    shift
  done
  named=${#wanted[@]}
  ((named)) || wanted=("${ALL[@]}")
  run_folder
  local summary=() started
  for group in "${wanted[@]}"; do
    started=$SECONDS
    say "=== $group"
    if skip_reason "$group" "$named"; then
      summary+=("$group: not run, $REASON")
    # In a shell of its own: what ends one group doesn't end the others.
    elif ("group_$group"); then
      summary+=("$group: passed in $((SECONDS - started)) s")
    else
      summary+=("$group: FAILED after $((SECONDS - started)) s")
      failed+=("$group")
    fi
  done
  printf '\n%s\n' "${summary[@]}"
  # In the form that test runners close with.
  printf '%d passed, %d failed\n' $((${#summary[@]} - ${#failed[@]})) ${#failed[@]}
  ((${#failed[@]} == 0))
}

# Only the pictures that don't come with the project may be missing, and never in CI or when asked for by name.
skip_reason() {
  [[ $1 == corpus && $2 == 0 && -z ${CI:-} && ! -d $PFP_TEST_CORPUS ]] || return 1
  REASON="$PFP_TEST_CORPUS isn't there"
}

main "$@"
