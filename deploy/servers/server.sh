#!/usr/bin/env bash
# Private PostgreSQL, RabbitMQ and MinIO servers in a folder: what deploy/up.sh is made of, one server at a time.
set -uo pipefail
# shellcheck source=deploy/servers/servers.sh
source "$(dirname "${BASH_SOURCE[0]}")/servers.sh"

usage() {
  cat <<'HELP'
usage: deploy/servers/server.sh COMMAND ...

  install [SERVER...]           find or install what the servers need (all three without a name)
  start   SERVER... FOLDER      start and wait until ready; a running one is left as it is
  stop    SERVER... FOLDER      stop in good order
  kill    SERVER... FOLDER      -9, of the server and all of its children
  restart SERVER... FOLDER      stop, then start: same port, same data
  status  SERVER... FOLDER      what is known; exit code 1 if one of them isn't running
  hold    SERVER... FOLDER      start, then stop when standard input ends or at SIGINT or SIGTERM
  remove  FOLDER                kill everything of the folder and delete it with its data
  rabbitmqctl FOLDER ARGS...    talk to the folder's RabbitMQ node

SERVER is postgres, rabbitmq, minio, or all. FOLDER is made if need be. Several servers start at the same
time. start, restart, status and hold print NAME='value' lines on standard output: of each server
STATE, PID, PORT and LOG, and
  POSTGRES_USER POSTGRES_PASSWORD POSTGRES_URL POSTGRES_ADMIN_URL
  RABBITMQ_USER RABBITMQ_PASSWORD RABBITMQ_URL
  MINIO_ENDPOINT MINIO_ACCESS_KEY MINIO_SECRET_KEY
Everything else goes to standard error. Ports and passwords stay the same for as long as the folder exists.
A folder that deploy/up.sh runs takes only status, kill and rabbitmqctl: what is killed there, it starts again.
HELP
}

main() {
  local command=${1:-help}
  shift || true
  case $command in
    start | stop | kill | restart | status | hold)
      choose "$@"
      "do_$command"
      ;;
    install) do_install "$@" ;;
    remove) do_remove "$@" ;;
    rabbitmqctl) do_rabbitmqctl "$@" ;;
    help | -h | --help) usage ;;
    *) usage >&2 && exit 2 ;;
  esac
}

# choose SERVER... FOLDER: sets CHOSEN and RUN.
choose() {
  if (($# < 2)); then usage >&2 && exit 2; fi
  local wanted=" " name
  while (($# > 1)); do
    case $1 in
      postgres | rabbitmq | minio) wanted+="$1 " ;;
      all) wanted=" postgres rabbitmq minio " ;;
      *) die "unknown server: $1 (postgres, rabbitmq, minio or all)" ;;
    esac
    shift
  done
  CHOSEN=()
  for name in postgres rabbitmq minio; do
    if [[ $wanted == *" $name "* ]]; then CHOSEN+=("$name"); fi
  done
  open_run_folder "$1"
  lock_chosen
}

# One command at a time for each server; always in the same order, so no two wait for each other.
lock_chosen() {
  local name lock
  LOCKS=()
  for name in "${CHOSEN[@]}"; do
    exec {lock}>"$RUN/locks/$name"
    flock "$lock"
    LOCKS+=("$lock")
  done
}

unlock_chosen() {
  local lock
  for lock in "${LOCKS[@]}"; do exec {lock}>&-; done
}

not_under_up() {
  if [[ -e $RUN/locks/up ]] && ! flock --nonblock "$RUN/locks/up" true; then
    die "$RUN is run by deploy/up.sh: stop that, or use kill (it starts what was killed again)"
  fi
}

find_programs() {
  local name wanted=()
  for name in "$@"; do
    if [[ $name != minio ]]; then wanted+=("$name"); fi
  done
  require "${wanted[@]}"
  if [[ " $* " == *" minio "* ]] && ! find_minio; then
    build_minio >&2 || die "can't get MinIO: it needs \`minio\` on the PATH, Go $MINIO_GO or newer, or Python 3"
  fi
}

do_install() {
  if (($# == 0)); then set -- postgres rabbitmq minio; fi
  find_programs "$@"
}

do_start() {
  local name failed=0 started=()
  not_under_up
  find_programs "${CHOSEN[@]}"
  for name in "${CHOSEN[@]}"; do
    if running "$name"; then continue; fi
    server_launch "$name"
    started+=("$name")
  done
  for name in "${started[@]}"; do server_await "$name" 120 || failed=1; done
  describe_chosen
  return "$failed"
}

describe_chosen() {
  local name
  for name in "${CHOSEN[@]}"; do server_describe "$name"; done
}

do_stop() {
  local name
  not_under_up
  for name in "${CHOSEN[@]}"; do "${name}_stop"; done
}

do_restart() {
  do_stop
  do_start
}

do_kill() {
  local name
  for name in "${CHOSEN[@]}"; do kill_now "$name"; done
}

do_status() {
  local name
  describe_chosen
  for name in "${CHOSEN[@]}"; do running "$name" || return 1; done
}

# For a caller that may die in any way: its end of the pipe closes, and the servers go.
do_hold() {
  local told=""
  trap 'told=yes' INT TERM HUP
  LAUNCH_DEATH_SIGNAL=KILL
  do_start || told=failed
  unlock_chosen
  until [[ -n $told ]]; do
    # Above 128 it was the time-out; below, the end of the input.
    read -r -t 0.5 _ || (($? > 128)) || told=yes
  done
  lock_chosen
  do_stop
  [[ $told != failed ]]
}

do_remove() {
  local file
  (($# == 1)) || { usage >&2 && exit 2; }
  existing_run_folder "$1"
  not_under_up
  for file in "$RUN/pids/"*; do kill_now "${file##*/}"; done
  postgres_clear
  postgres_place
  rm -rf "$REPLY" "$RUN"
  rmdir /var/lib/pfp 2>/dev/null || true
}

do_rabbitmqctl() {
  existing_run_folder "${1:-}"
  shift
  require rabbitmq
  rabbitmq_environment
  clean_environment
  exec "$RABBITMQ_BIN/rabbitmqctl" "$@"
}

main "$@"
