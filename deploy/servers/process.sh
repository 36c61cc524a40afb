# shellcheck shell=bash
# Processes in folders: launch one, know whether it still lives, take it down with all of its children.
#
# Each has a pid file RUN/pids/NAME: its pid, then when it was started. A pid alone is not enough: after a
# kill -9 or a reboot the number may belong to a stranger, who must never be killed.

# Signal that the kernel sends to what we launched when this shell dies, even by kill -9. Empty: they outlive us.
LAUNCH_DEATH_SIGNAL=""
# Environment of what is launched, as NAME=VALUE: all of it, nothing is inherited. Not on a command line,
# where every user of the machine could read the passwords.
LAUNCH_ENV=()
# A prefix that changes the user (setpriv ...), and the folder to start in.
LAUNCH_AS=()
LAUNCH_FOLDER=/
# A file for standard output, if it isn't to go into the log.
LAUNCH_OUTPUT=""
# A function to call after each pause: how a long wait hears of Ctrl-C.
PAUSE_HOOK=:

# The descriptor that a person reads.
SAY_TO=2

# On a terminal the line of a progress bar may be there already: write over it.
say() {
  if [[ -t $SAY_TO ]]; then printf '\r\033[K'; fi >&"$SAY_TO"
  printf '%s\n' "$*" >&"$SAY_TO"
}

die() {
  say "error: $*"
  exit 1
}

# pause SECONDS: without a child process, and a trapped signal ends it early.
pause() {
  [[ -n ${PAUSE_FD:-} ]] || exec {PAUSE_FD}<> <(:)
  read -r -t "$1" -u "$PAUSE_FD" _ || true
  "$PAUSE_HOOK"
}

# quote VALUE: REPLY is the value as a shell word.
quote() {
  REPLY="'${1//\'/\'\\\'\'}'"
}

# launch NAME COMMAND...: in a session of its own (the terminal's Ctrl-C must not reach it), output appended
# to its log. REPLY is its pid. Call it in the main shell: the parent's death is what LAUNCH_DEATH_SIGNAL means.
launch() {
  local name=$1
  shift
  (
    close_inherited_descriptors
    clean_environment
    cd "$LAUNCH_FOLDER" || exit 1
    # A shell without job control starts its children with SIGINT ignored; they get it back.
    local chain=(setsid)
    env --default-signal=INT,QUIT true 2>/dev/null && chain+=(env '--default-signal=INT,QUIT')
    chain+=("${LAUNCH_AS[@]}")
    if [[ -n $LAUNCH_DEATH_SIGNAL ]] && setpriv --pdeathsig KILL true 2>/dev/null; then
      # After the change of user, which would reset it.
      chain+=(setpriv --pdeathsig "$LAUNCH_DEATH_SIGNAL")
    fi
    exec "${chain[@]}" "$@"
  ) </dev/null >>"${LAUNCH_OUTPUT:-$RUN/logs/$name.log}" 2>>"$RUN/logs/$name.log" &
  local pid=$!
  record_pid "$name" "$pid"
  REPLY=$pid
}

# An inherited lock or pipe would stay held for as long as the server lives.
close_inherited_descriptors() {
  local descriptor
  for descriptor in "/proc/$BASHPID/fd/"*; do
    descriptor=${descriptor##*/}
    if ((descriptor > 2 && descriptor != 255)); then eval "exec $descriptor>&-"; fi
  done
}

clean_environment() {
  local name
  for name in $(compgen -e); do
    if [[ $name != PATH ]]; then unset "$name"; fi
  done
  export PATH
  ((${#LAUNCH_ENV[@]} == 0)) || export "${LAUNCH_ENV[@]}"
}

record_pid() {
  process_started "$2" || REPLY=gone
  printf '%s\n%s\n' "$2" "$REPLY" >"$RUN/pids/$1"
}

# process_started PID: REPLY tells this process from any other that ever has the same pid. Fails for one that
# is gone or a zombie.
process_started() {
  local stat="" boot fields
  { IFS= read -r -d '' stat <"/proc/$1/stat" || [[ -n $stat ]]; } 2>/dev/null || return 1
  { read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null || boot=unknown
  # The name in parentheses may hold anything: what counts starts behind the last one.
  read -r -a fields <<<"${stat##*) }"
  [[ ${fields[0]} != [ZX] ]] || return 1
  REPLY="${fields[19]} $boot"
}

# running NAME: REPLY is its pid; fails if it isn't running.
running() {
  local pid="" started=""
  { { read -r pid && read -r started; } <"$RUN/pids/$1"; } 2>/dev/null || return 1
  process_started "$pid" && [[ $REPLY == "$started" ]] || return 1
  REPLY=$pid
}

forget() {
  rm -f "$RUN/pids/$1"
}

# descendants PID: REPLY_LIST are its children, and theirs.
descendants() {
  local -A parent=()
  local file stat="" fields pid ancestor
  for file in /proc/[0-9]*/stat; do
    { IFS= read -r -d '' stat <"$file" || [[ -n $stat ]]; } 2>/dev/null || continue
    read -r -a fields <<<"${stat##*) }"
    parent[${stat%% *}]=${fields[1]}
  done
  REPLY_LIST=()
  for pid in "${!parent[@]}"; do
    ancestor=${parent[$pid]}
    while [[ -n $ancestor && $ancestor != "$1" ]]; do ancestor=${parent[$ancestor]:-}; done
    if [[ -n $ancestor ]]; then REPLY_LIST+=("$pid"); fi
  done
}

# kill_now NAME: -9 of the process and of all its children.
kill_now() {
  local pid
  if running "$1"; then
    pid=$REPLY
    descendants "$pid"
    kill -KILL "$pid" "${REPLY_LIST[@]}" 2>/dev/null || true
    await_end "$1" 5 || say "$1 (pid $pid) doesn't end"
  fi
  forget "$1"
}

# ask_to_stop NAME SIGNAL: one that was frozen (SIGSTOP) must wake up to hear it.
ask_to_stop() {
  if running "$1"; then
    kill "-$2" "$REPLY" 2>/dev/null || true
    kill -CONT "$REPLY" 2>/dev/null || true
  fi
}

# await_end NAME SECONDS: fails if it is still running then.
await_end() {
  local deadline=$((SECONDS + $2))
  while running "$1"; do
    if ((SECONDS >= deadline)); then return 1; fi
    pause 0.05
  done
}

# http_ok PORT PATH: whether a GET is answered with 200. Nothing but bash is needed.
http_ok() {
  local connection status=""
  { exec {connection}<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
  printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$2" "$1" 1>&"$connection"
  read -r -t 2 -u "$connection" _ status _ || true
  exec {connection}>&-
  [[ $status == 200 ]]
}
