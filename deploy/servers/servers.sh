# shellcheck shell=bash
# The three servers alike: each NAME.sh has NAME_init, _launch, _ready, _stop, _clear and _describe.
# Source this file alone; it brings the rest.

SERVERS_FOLDER=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=deploy/servers/process.sh
source "$SERVERS_FOLDER/process.sh"
# shellcheck source=deploy/servers/folder.sh
source "$SERVERS_FOLDER/folder.sh"
# shellcheck source=deploy/servers/ports.sh
source "$SERVERS_FOLDER/ports.sh"
# shellcheck source=deploy/servers/install.sh
source "$SERVERS_FOLDER/install.sh"
# shellcheck source=deploy/servers/minio_binary.sh
source "$SERVERS_FOLDER/minio_binary.sh"
# shellcheck source=deploy/servers/postgres.sh
source "$SERVERS_FOLDER/postgres.sh"
# shellcheck source=deploy/servers/rabbitmq.sh
source "$SERVERS_FOLDER/rabbitmq.sh"
# shellcheck source=deploy/servers/minio.sh
source "$SERVERS_FOLDER/minio.sh"

# server_launch NAME: clears what an earlier one left, makes the data if there is none, and starts it.
server_launch() {
  "$1_clear"
  "$1_init"
  "$1_launch"
}

# server_check NAME: 0 it answers, 1 not yet, 2 it failed. One that could not start because a port was taken
# between our look and its bind gets another port.
server_check() {
  if "$1_ready"; then return 0; fi
  if running "$1"; then return 1; fi
  if server_port_taken "$1"; then
    server_launch "$1"
    return 1
  fi
  server_failed "$1" "did not start"
  return 2
}

# server_await NAME SECONDS
server_await() {
  local deadline=$((SECONDS + $2)) state
  while true; do
    state=0
    server_check "$1" || state=$?
    if ((state == 0)); then return 0; fi
    if ((state == 2)); then return 1; fi
    if ((SECONDS >= deadline)); then
      server_failed "$1" "is not ready after $2 seconds"
      return 1
    fi
    pause 0.05
  done
}

server_port_taken() {
  local names=("$1") name
  if [[ $1 == rabbitmq ]]; then names+=(rabbitmq-dist epmd); fi
  for name in "${names[@]}"; do
    if remembered_port "$name" && ! port_free "$REPLY" && ! running "$name"; then return 0; fi
  done
  return 1
}

server_failed() {
  say "$1 $2; the end of $RUN/logs/$1.log:"
  tail -n 8 "$RUN/logs/$1.log" >&"$SAY_TO" || true
}

assign() {
  local name=$1 REPLY
  quote "$2"
  printf '%s=%s\n' "$name" "$REPLY"
}

# server_describe NAME: its assignments, for a shell or any program that reads NAME='value' lines.
server_describe() {
  local prefix=${1^^} pid="" state=stopped port=""
  if running "$1"; then
    pid=$REPLY
    state=running
  fi
  if remembered_port "$1"; then port=$REPLY; fi
  assign "${prefix}_STATE" "$state"
  assign "${prefix}_PID" "$pid"
  assign "${prefix}_PORT" "$port"
  assign "${prefix}_LOG" "$RUN/logs/$1.log"
  "$1_describe" "$port"
}
