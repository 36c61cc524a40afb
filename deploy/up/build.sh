# shellcheck shell=bash
# Programs: what the system brings, what is built, and a copy of our own binaries that no later build changes.

TIMES=() # "seconds<TAB>step", for the end

# now: REPLY is the time in microseconds.
now() {
  REPLY=${EPOCHREALTIME//[!0-9]/}
}

# took STEP BEGAN
took() {
  now
  local tenths=$(((REPLY - $2) / 100000))
  TIMES+=("$((tenths / 10)).$((tenths % 10))"$'\t'"$1")
}

find_everything() {
  local wanted=(postgres rabbitmq)
  if [[ -z $BINARIES ]]; then wanted+=(rust); fi
  require "${wanted[@]}"
  choose_storage
}

# Pictures don't move from one storage to another by themselves: a folder keeps what it began with.
choose_storage() {
  local before=""
  { read -r before <"$RUN/storage.kind"; } 2>/dev/null
  if [[ -n $before && -n $STORAGE_ASKED && $before != "$STORAGE_ASKED" ]]; then
    die "$RUN keeps its pictures in $before: name another folder with --dir for --storage $STORAGE_ASKED"
  fi
  STORAGE=${STORAGE_ASKED:-${before:-minio}}
  if [[ $STORAGE == minio ]] && ! find_minio && ! can_build_minio; then
    no_minio "$before"
  fi
}

remember_storage() {
  printf '%s\n' "$STORAGE" >"$RUN/storage.kind"
}

no_minio() {
  local need="MinIO needs \`minio\` on the PATH, Go $MINIO_GO or newer, or Python 3"
  if [[ -n $STORAGE_ASKED || -n ${1:-} ]]; then die "$need"; fi
  say "$need: pictures go into files instead (--storage file)"
  STORAGE="file"
}

# start_tool NAME COMMAND...: a program that works with the caller's own environment and output.
start_tool() {
  local name=$1 chain=(setsid)
  shift
  mkdir -p "$RUN/tmp"
  if setpriv --pdeathsig KILL true 2>/dev/null; then chain+=(setpriv --pdeathsig KILL); fi
  (
    close_inherited_descriptors
    TMPDIR=$RUN/tmp exec "${chain[@]}" "$@"
  ) </dev/null &
  TOOL_PID[$name]=$!
  record_pid "$name" $!
}

declare -A TOOL_PID=() BEGAN=()

start_builds() {
  if [[ -z $BINARIES ]]; then
    TARGET=${CARGO_TARGET_DIR:-$CACHE/target}
    mkdir -p "$TARGET" || die "can't make $TARGET"
    TARGET=$(cd "$TARGET" && pwd)
    # Held until the binaries are copied: another copy's build goes to the same place.
    exec {BUILD_LOCK}>"$TARGET/.pfp-up.lock"
    now && BEGAN[cargo]=$REPLY
    start_cargo || say "another copy is building; waiting for it"
  fi
  if [[ $STORAGE == minio ]] && ! find_minio; then
    say "building MinIO, 2 to 3 minutes (log: $RUN/logs/minio-build.log)"
    now && BEGAN[minio-build]=$REPLY
    start_tool minio-build bash "$UP_FOLDER/servers/server.sh" install minio >>"$RUN/logs/minio-build.log" 2>&1
  fi
}

# start_cargo: fails while another copy builds. Its progress is for the terminal.
start_cargo() {
  flock --nonblock "$BUILD_LOCK" || return 1
  start_tool cargo env "CARGO_TARGET_DIR=$TARGET" "$CARGO" build --release --locked \
    --manifest-path "$CHECKOUT/Cargo.toml" -p pfp-api -p pfp-worker >&2
}

# finished_tool NAME: fails while it runs. REPLY is its exit code.
finished_tool() {
  if running "$1"; then return 1; fi
  REPLY=0
  wait "${TOOL_PID[$1]}" || REPLY=$?
  forget "$1"
}

copy_binaries() {
  local from=${BINARIES:-$TARGET/release} name
  mkdir -p "$RUN/bin"
  for name in pfp-api pfp-worker; do
    cp -- "$from/$name" "$RUN/bin/$name.new" || die "can't copy $from/$name into $RUN/bin"
    mv "$RUN/bin/$name.new" "$RUN/bin/$name"
  done
  if [[ -n ${BUILD_LOCK:-} ]]; then exec {BUILD_LOCK}>&-; fi
}
