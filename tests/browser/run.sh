#!/usr/bin/env bash
# The page and the client in a real browser, against a real system. Called by tests/run.sh (group browser).
# usage: tests/browser/run.sh [FILE...], such as saving.test.js
#
# With UP_URL and the rest of an env file of deploy/up.sh in the environment that system is used (its
# PFP_CORS_ORIGINS must be http://127.0.0.1:PORT with a free port); else one is started, and stopped again.
# PFP_TEST_SCREENSHOTS names a folder for a picture of every state.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/lib/environment.sh
source tests/lib/environment.sh

OWN_FOLDER=""
SYSTEM_PID=""

main() {
  package chromium command -v chromium
  package nodejs command -v node
  package npm command -v npm
  [[ -n ${PFP_TEST_FOLDER:-} ]] || OWN_FOLDER=yes
  run_folder
  trap end EXIT
  modules
  [[ -n ${PFP_TEST_PICTURES:-} ]] || pictures
  [[ -n ${UP_URL:-} ]] || start_system
  local files=("$@")
  if ((${#files[@]} == 0)); then mapfile -t files < <(cd tests/browser && ls -- *.test.js); fi
  # One file after the other: they hold and release the same worker.
  node --test --test-concurrency=1 --test-reporter=spec "${files[@]/#/tests/browser/}"
}

# What npm brings, in the cache, by the lock file.
modules() {
  local hash unfinished
  hash=$(cat tests/browser/package.json tests/browser/package-lock.json | sha256sum)
  export PFP_BROWSER_MODULES=$PFP_CACHE_DIR/browser-${hash:0:16}
  [[ -d $PFP_BROWSER_MODULES ]] && return
  say "installing playwright-core, axe-core and the upload widgets with npm into $PFP_BROWSER_MODULES"
  mkdir -p "$PFP_CACHE_DIR"
  unfinished=$(mktemp -d "$PFP_BROWSER_MODULES.XXXXXX")
  cp tests/browser/package.json tests/browser/package-lock.json tests/browser/.npmrc "$unfinished"
  if ! (cd "$unfinished" && npm ci --ignore-scripts --loglevel=error >&2); then
    rm -rf "$unfinished"
    die "the packages of tests/browser/package-lock.json can't be installed"
  fi
  # Another run may have been faster.
  mv -T "$unfinished" "$PFP_BROWSER_MODULES" 2>/dev/null || rm -rf "$unfinished"
}

# One worker, so that holding it holds every upload.
start_system() {
  [[ -n ${PFP_TEST_BIN:-} ]] || binaries || exit 1
  local folder=$PFP_TEST_FOLDER/browser port
  mkdir -p "$folder"
  chmod 711 "$folder"
  # Below the ports of outgoing connections: none of them takes it before the other site listens there.
  port=$(source deploy/servers/ports.sh && pick_port && printf '%s' "$REPLY") || die "found no free port"
  PFP_CORS_ORIGINS=http://127.0.0.1:$port PFP_RATE_UPLOADS_PER_MINUTE=0 \
    deploy/up.sh --workers 1 --bin "$PFP_TEST_BIN" --dir "$folder/run" --env "$folder/up.env" >"$folder/output.txt" 2>&1 &
  SYSTEM_PID=$!
  until [[ -e $folder/up.env ]]; do
    kill -0 "$SYSTEM_PID" 2>/dev/null || { cat "$folder/output.txt" >&2 && die "deploy/up.sh ended"; }
    read -r -t 0.2 -u "$NEVER" _
  done
  set -a
  # shellcheck source=/dev/null
  source "$folder/up.env"
  set +a
}

# Nothing ever comes from it: a pause without a process.
exec {NEVER}<> <(:)

# shellcheck disable=SC2317,SC2329
end() {
  local status=$?
  if [[ -n $SYSTEM_PID ]]; then
    kill -TERM "$SYSTEM_PID" 2>/dev/null
    wait "$SYSTEM_PID"
  fi
  # It tells by the status whether logs are worth keeping.
  if [[ -n $OWN_FOLDER ]]; then
    (exit "$status")
    clean_up
  fi
  exit "$status"
}

main "$@"
