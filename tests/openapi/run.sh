#!/usr/bin/env bash
# Schemathesis reads the OpenAPI document that the API serves, makes requests from it, right ones and wrong ones, and
# holds every answer against it. Called by tests/run.sh (groups openapi and soak).
# usage: tests/openapi/run.sh [OPTION...], options of `schemathesis run`, such as --include-path /user/me
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/lib/environment.sh
source tests/lib/environment.sh
# shellcheck source=tests/lib/system.sh
source tests/lib/system.sh

SCHEMATHESIS=4.32.5
OWN_FOLDER=""

main() {
  python_tool schemathesis $SCHEMATHESIS
  [[ -n ${PFP_TEST_PICTURES:-} ]] || pictures
  [[ -n ${PFP_TEST_FOLDER:-} ]] || OWN_FOLDER=yes
  run_folder
  trap end_system EXIT
  # What it sends isn't how a person uploads: the limits of a user would answer most of it.
  [[ -n ${UP_URL:-} ]] || start_system openapi PFP_PUBLIC_USER_PICTURES=true PFP_RATE_UPLOADS_PER_MINUTE=0 \
    PFP_UPLOADS_IN_FLIGHT_PER_USER=0
  users || exit 1
  local status=0
  run_with schemathesis "$@" || status=1
  # The first run has erased its users.
  upload || exit 1
  run_with with_pictures "$@" || status=1
  ((status == 0))
}

# An upload of demo's, and a picture of somebody's who uploads no other.
upload() {
  local token answer url
  token=$("$UP_BIN/pfp-api" token --user keeper) || return 1
  answer=$(send_sample "$UP_TOKEN") && PFP_TEST_UPLOAD=$(member id <<<"$answer") || return 1
  answer=$(send_sample "$token" --header 'Prefer: wait=30') && url=$(member profile_picture_url <<<"$answer") || return 1
  PFP_TEST_PICTURE=${url##*/}
  export PFP_TEST_UPLOAD PFP_TEST_PICTURE
}

# send_sample TOKEN OPTION...
send_sample() {
  curl --silent --show-error --fail --request POST "$UP_URL/user/upload-profile-picture" \
    --header "Authorization: Bearer $1" --form file=@"$UP_SAMPLE" "${@:2}"
}

# member NAME: of the JSON object on stdin.
member() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

# It keeps its cache in the working directory.
run_with() {
  say "schemathesis with $1.toml"
  local folder=$PFP_TEST_FOLDER/openapi-$1
  mkdir -p "$folder"
  cp tests/openapi/*.py "$PFP_TEST_FOLDER/users.yaml" "$folder"
  cp "tests/openapi/$1.toml" "$folder/schemathesis.toml"
  (cd "$folder" && PYTHONPATH=. schemathesis run "$UP_URL/openapi.json" --no-color "${@:2}")
}

# Two users, neither of whom may see what is the other's.
users() {
  local token
  token=$("$UP_BIN/pfp-api" token --user other) || return 1
  cat >"$PFP_TEST_FOLDER/users.yaml" <<USERS
auth:
  - name: demo
    fixedHeaders: [{name: Authorization, value: "Bearer $UP_TOKEN"}]
  - name: other
    fixedHeaders: [{name: Authorization, value: "Bearer $token"}]
USERS
}

main "$@"
