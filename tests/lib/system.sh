# shellcheck shell=bash
# The whole system for tests in other languages: deploy/up.sh with the binaries under test, in the run's folder.

SYSTEM_PID=""

# Nothing ever comes from it: a pause without a process.
exec {NEVER}<> <(:)

# start_system NAME VARIABLE=VALUE...: its env file is in the environment afterwards. One worker, so that holding it
# holds every upload.
start_system() {
  local folder=$PFP_TEST_FOLDER/$1
  shift
  [[ -n ${PFP_TEST_BIN:-} ]] || binaries || exit 1
  mkdir -p "$folder"
  chmod 711 "$folder"
  env "$@" deploy/up.sh --workers 1 --bin "$PFP_TEST_BIN" --dir "$folder/run" --env "$folder/up.env" >"$folder/output.txt" 2>&1 &
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

# For a trap at the end of a script that may have a run folder of its own (OWN_FOLDER).
# shellcheck disable=SC2317,SC2329
end_system() {
  local status=$?
  if [[ -n $SYSTEM_PID ]]; then
    kill -TERM "$SYSTEM_PID" 2>/dev/null
    wait "$SYSTEM_PID"
  fi
  # It tells by the status whether logs are worth keeping.
  if [[ -n ${OWN_FOLDER:-} ]]; then
    (exit "$status")
    clean_up
  fi
  exit "$status"
}
