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
# shellcheck source=tests/lib/system.sh
source tests/lib/system.sh

OWN_FOLDER=""

main() {
  package chromium command -v chromium
  package nodejs command -v node
  package npm command -v npm
  [[ -n ${PFP_TEST_FOLDER:-} ]] || OWN_FOLDER=yes
  run_folder
  trap end_system EXIT
  modules
  [[ -n ${PFP_TEST_PICTURES:-} ]] || pictures
  [[ -n ${UP_URL:-} ]] || system_with_another_site
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

system_with_another_site() {
  local port
  # Below the ports of outgoing connections: none of them takes it before the other site listens there.
  port=$(source deploy/servers/ports.sh && pick_port && printf '%s' "$REPLY") || die "found no free port"
  start_system browser PFP_CORS_ORIGINS="http://127.0.0.1:$port" PFP_RATE_UPLOADS_PER_MINUTE=0
}

main "$@"
