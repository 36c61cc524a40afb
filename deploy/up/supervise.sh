# shellcheck shell=bash
# Keeps everything running until it is told to stop, and then leaves nothing.

INTERRUPTS=0
STOPPING=""
declare -A DIED=() FAILURES=() LAST_START=() TOLD=()

# A script's background job starts with SIGINT ignored, and bash can't undo that by itself.
hear_interrupts() {
  local ignored
  ignored=$(sed -n 's/^SigIgn:[[:space:]]*//p' /proc/$$/status)
  if ((16#${ignored:-0} & 2)) && [[ -z ${UP_HEARS:-} ]] && env --default-signal=INT true 2>/dev/null; then
    exec env --default-signal=INT,QUIT UP_HEARS=yes "$BASH" "$UP_FOLDER/up.sh" "$@"
  fi
}

catch_signals() {
  trap 'INTERRUPTS=$((INTERRUPTS + 1))' INT TERM HUP
  # A reader of our output that went away must not end us in the middle of something.
  trap : PIPE
  trap 'shut_down $?' EXIT
  PAUSE_HOOK=heed_interrupts
}

heed_interrupts() {
  if ((INTERRUPTS == 0)); then return; fi
  if [[ -z $STOPPING ]]; then exit 0; fi
  if ((INTERRUPTS > 1)) && [[ $STOPPING != now ]]; then
    STOPPING=now
    say "killing everything"
    kill_everything
  fi
}

# bash reports every killed child by the text of its command: not for a terminal.
quieten_bash() {
  if ((SAY_TO == 2)); then exec {SAY_TO}>&2 2>>"$RUN/logs/up.log"; fi
}

supervise() {
  local name
  quieten_bash
  for name in "${SERVERS[@]}" "${PROCESSES[@]}"; do
    now
    LAST_START[$name]=$REPLY
  done
  while true; do
    for name in "${SERVERS[@]}" "${PROCESSES[@]}"; do
      if ! running "$name"; then tend "$name"; fi
    done
    pause 0.2
  done
}

# tend NAME: it is down. The first time, note it; a second later, start it.
tend() {
  local pid=""
  now
  if [[ -z ${DIED[$1]:-} ]]; then
    DIED[$1]=$REPLY
    # One that lived for a while begins a new series of failures.
    if ((DIED[$1] - LAST_START[$1] > 30000000)); then
      FAILURES[$1]=0
      TOLD[$1]=""
    fi
    FAILURES[$1]=$((${FAILURES[$1]:-0} + 1))
    return
  fi
  ((REPLY - DIED[$1] >= 1000000)) || return
  how_it_ended "$1"
  LAST_START[$1]=$REPLY
  DIED[$1]=""
  restart "$1"
  if running "$1"; then pid=$REPLY; fi
  if [[ ${TOLD[$1]:-} != "$ENDED" ]]; then
    TOLD[$1]=$ENDED
    say "$1 $ENDED: started again, pid $pid"
  elif ((FAILURES[$1] % 10 == 0)); then
    say "$1 $ENDED ${FAILURES[$1]} times in a row: still trying each second, see $RUN/logs/$1.log"
  fi
  write_env_file
}

# how_it_ended NAME: ENDED, in words.
how_it_ended() {
  local pid="" code=0
  ENDED="died"
  { read -r pid <"$RUN/pids/$1"; } 2>/dev/null || return 0
  wait "$pid" 2>/dev/null || code=$?
  if ((code > 128)); then
    ENDED="was killed (signal $(kill -l "$code"))"
  elif ((code != 127)); then
    ENDED="ended (exit code $code): $(tail -n 1 "$RUN/logs/$1.log")"
  fi
}

restart() {
  local before="" name
  if [[ " ${SERVERS[*]} " != *" $1 "* ]]; then
    start_process "$1"
    return
  fi
  if remembered_port "$1"; then before=$REPLY; fi
  start_server "$1"
  remembered_port "$1"
  if [[ $REPLY != "$before" ]]; then
    # Its port was taken in that second: those who know the old one start again with the new one.
    for name in "${PROCESSES[@]}"; do ask_to_stop "$name" TERM; done
  fi
}

# shut_down EXIT_CODE: first those who use the servers, so that they can finish what they are at.
shut_down() {
  local name patience
  STOPPING=gently
  quieten_bash
  if ((${#SERVERS[@]})); then say "stopping"; fi
  for name in cargo minio-build migrate token sample-photo; do kill_now "$name"; done
  for name in "${PROCESSES[@]}"; do ask_to_stop "$name" TERM; done
  grace_seconds
  patience=$((SECONDS + REPLY + 5))
  for name in "${PROCESSES[@]}"; do
    if ! await_end "$name" $((patience > SECONDS ? patience - SECONDS : 0)); then
      say "$name did not stop in time: killed"
      kill_now "$name"
    fi
    forget "$name"
  done
  stop_servers
  rm -rf "$RUN/tmp"
  forget up
  if ((${#SERVERS[@]})); then say "stopped; the data is in $RUN"; fi
  trap - EXIT
  exit "$1"
}

stop_servers() {
  minio_stop
  rabbitmq_stop
  postgres_stop
}

# The API's and workers' own limit: PFP_SHUTDOWN_GRACE.
grace_seconds() {
  local grace=${PFP_SHUTDOWN_GRACE:-25s}
  case $grace in
    *[!0-9]*m | *[!0-9]*s) REPLY=25 ;;
    *m) REPLY=$((10#${grace%m} * 60)) ;;
    *[0-9]s) REPLY=$((10#${grace%s})) ;;
    *) REPLY=25 ;;
  esac
}

kill_everything() {
  local file name
  for file in "$RUN/pids/"*; do
    name=${file##*/}
    if [[ $name != up && -e $file ]]; then kill_now "$name"; fi
  done
  postgres_clear
}

# What an up.sh that was killed left behind in this folder.
take_down_leftovers() {
  local file name left=()
  for file in "$RUN/pids/"*; do
    name=${file##*/}
    if [[ $name != up && -e $file ]] && running "$name"; then left+=("$name"); fi
  done
  if ((${#left[@]})); then say "taking down what an earlier run left: ${left[*]}"; fi
  for name in "${left[@]}"; do
    case $name in
      postgres | rabbitmq | minio | epmd) ;;
      *) kill_now "$name" ;;
    esac
  done
  stop_servers
  rm -rf "$RUN/tmp" "$RUN/pids/"*.new
}
