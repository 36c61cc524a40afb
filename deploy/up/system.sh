# shellcheck shell=bash
# What runs: the servers, then APIs and workers with exactly the environment that they need.

# What up.sh alone decides. See --help for why a caller's are ignored.
OWNED=(PFP_DATABASE_URL PFP_AMQP_URL PFP_STORAGE_URL PFP_S3_ENDPOINT PFP_S3_ACCESS_KEY PFP_S3_SECRET_KEY
  PFP_LISTEN PFP_METRICS_LISTEN)
declare -A SETTINGS=()
PROCESSES=() # api-1 ... worker-1 ...
SERVERS=()

start_servers() {
  local name
  SERVERS=(postgres rabbitmq)
  if [[ $STORAGE == file ]]; then mkdir -p "$RUN/storage"; fi
  for name in "${SERVERS[@]}"; do start_server "$name"; done
  if [[ $STORAGE == file ]]; then return; fi
  SERVERS+=(minio)
  if find_minio; then start_server minio; fi
}

start_server() {
  LAUNCH_DEATH_SIGNAL=KILL
  # PostgreSQL's children don't die with it: it has to take them down by itself.
  if [[ $1 == postgres ]]; then LAUNCH_DEATH_SIGNAL=INT; fi
  now && BEGAN[$1]=$REPLY
  server_launch "$1"
}

# All at once, so that each one's time is its own.
await_builds_and_servers() {
  local waiting=("${!BEGAN[@]}") still name
  while ((${#waiting[@]})); do
    still=()
    for name in "${waiting[@]}"; do
      if ! came_up "$name"; then still+=("$name"); fi
    done
    # The build of MinIO may have been followed by its start, or by none.
    if [[ -n ${BEGAN[minio]:-} && " ${waiting[*]} " == *" minio-build "* ]]; then still+=(minio); fi
    waiting=("${still[@]}")
    pause 0.05
  done
}

came_up() {
  local state=0
  case $1 in
    cargo)
      if [[ -z ${TOOL_PID[cargo]:-} ]]; then
        start_cargo
        return 1
      fi
      finished_tool cargo || return 1
      ((REPLY == 0)) || die "the build failed"
      took "cargo build" "${BEGAN[cargo]}"
      ;;
    minio-build)
      finished_tool minio-build || return 1
      took "building MinIO" "${BEGAN[minio-build]}"
      minio_was_built "$REPLY"
      ;;
    *)
      server_check "$1" || state=$?
      if ((state == 2)); then exit 1; fi
      if ((state == 1)); then
        now
        if ((REPLY - BEGAN[$1] > 120000000)); then die "$1 is not ready after 120 s: see $RUN/logs/$1.log"; fi
        return 1
      fi
      took "starting $1" "${BEGAN[$1]}"
      ;;
  esac
}

minio_was_built() {
  if find_minio; then
    start_server minio
  else
    local before=""
    { read -r before <"$RUN/storage.kind"; } 2>/dev/null
    tail -n 5 "$RUN/logs/minio-build.log" >&2
    no_minio "$before"
    SERVERS=(postgres rabbitmq)
    mkdir -p "$RUN/storage"
  fi
}

# gather_settings: SETTINGS, as every process gets them. Ports may have moved since the last time.
gather_settings() {
  local name
  SETTINGS=()
  # A secret of this folder, unless the caller has tokens checked in another way.
  if [[ -z ${PFP_JWT_PUBLIC_KEY:-}${PFP_JWT_JWKS_URL:-} ]]; then
    secret jwt
    SETTINGS[PFP_JWT_SECRET]=$REPLY
  fi
  if remembered_port api-1; then SETTINGS[PFP_PUBLIC_URL]=http://127.0.0.1:$REPLY; fi
  for name in $(compgen -e PFP_); do
    if [[ $name != PFP_CACHE_DIR && " ${OWNED[*]} " != *" $name "* ]]; then SETTINGS[$name]=${!name}; fi
  done
  eval "$(for name in "${SERVERS[@]}"; do server_describe "$name"; done)"
  SETTINGS[PFP_DATABASE_URL]=$POSTGRES_URL
  SETTINGS[PFP_AMQP_URL]=$RABBITMQ_URL
  if [[ $STORAGE == file ]]; then
    url_path "$RUN/storage"
    SETTINGS[PFP_STORAGE_URL]=file://$REPLY
  else
    SETTINGS[PFP_STORAGE_URL]=s3://pfp
    SETTINGS[PFP_S3_ENDPOINT]=$MINIO_ENDPOINT
    SETTINGS[PFP_S3_ACCESS_KEY]=$MINIO_ACCESS_KEY
    SETTINGS[PFP_S3_SECRET_KEY]=$MINIO_SECRET_KEY
  fi
}

# url_path PATH: REPLY has every byte escaped that a URL's path can't hold.
url_path() {
  local hex character escaped=""
  for hex in $(printf '%s' "$1" | od -An -v -tx1); do
    printf -v character '%b' "\\x$hex"
    if [[ $character == [a-zA-Z0-9/._~-] ]]; then escaped+=$character; else escaped+=%${hex^^}; fi
  done
  REPLY=$escaped
}

# environment_of PROCESS: LAUNCH_ENV.
environment_of() {
  local name
  LAUNCH_ENV=("HOME=${HOME:-/}" "LANG=C.UTF-8")
  for name in $(compgen -e); do
    case $name in
      OTEL_* | RUST_* | TZ) LAUNCH_ENV+=("$name=${!name}") ;;
    esac
  done
  for name in "${!SETTINGS[@]}"; do
    # Workers see no client, so they need no key for tokens.
    if [[ $1 == worker* && $name == PFP_JWT_* ]]; then continue; fi
    LAUNCH_ENV+=("$name=${SETTINGS[$name]}")
  done
  if remembered_port "$1"; then
    case $1 in
      api-*) LAUNCH_ENV+=("PFP_LISTEN=127.0.0.1:$REPLY") ;;
      worker-*) LAUNCH_ENV+=("PFP_METRICS_LISTEN=127.0.0.1:$REPLY") ;;
    esac
  fi
}

# run_tool NAME api|worker ARGS...: one of our programs to its end.
run_tool() {
  local name=$1 binary=$RUN/bin/pfp-$2
  shift 2
  gather_settings
  environment_of "$name"
  LAUNCH_AS=()
  LAUNCH_FOLDER=$RUN
  LAUNCH_DEATH_SIGNAL=KILL
  launch "$name" "$binary" "$@"
  TOOL_PID["$name"]=$REPLY
  until finished_tool "$name"; do pause 0.05; done
  if ((REPLY == 0)); then return 0; fi
  tail -n 8 "$RUN/logs/$name.log" >&2
  return 1
}

start_processes() {
  local i
  PROCESSES=()
  for ((i = 1; i <= APIS; i++)); do PROCESSES+=("api-$i"); done
  for ((i = 1; i <= WORKERS; i++)); do PROCESSES+=("worker-$i"); done
  for i in "${PROCESSES[@]}"; do port_for "$i"; done
  for i in "${PROCESSES[@]}"; do start_process "$i"; done
}

# What is wrong with the call is told before anything takes minutes.
check_call() {
  local name
  if [[ -n $PORT ]]; then
    port_free "$PORT" || die "--port: $PORT is in use by another program"
    remember_port api-1 "$PORT"
  fi
  for name in "${OWNED[@]}"; do
    if [[ -n ${!name:-} ]]; then say "$name of the environment is ignored: see --help"; fi
  done
}

# In the run folder, so that a .env of the caller's working directory is not read.
start_process() {
  local binary=pfp-${1%-*}
  gather_settings
  environment_of "$1"
  LAUNCH_AS=()
  LAUNCH_FOLDER=$RUN
  LAUNCH_DEATH_SIGNAL=KILL
  launch "$1" "$RUN/bin/$binary"
}

await_processes() {
  local deadline=$((SECONDS + 60)) name
  for name in "${PROCESSES[@]}"; do
    remembered_port "$name"
    until http_ok "$REPLY" /readyz; do
      if ! running "$name"; then server_failed "$name" "did not start" && exit 1; fi
      if ((SECONDS > deadline)); then server_failed "$name" "is not ready after 60 seconds" && exit 1; fi
      pause 0.05
      remembered_port "$name"
    done
  done
}

mint_token() {
  TOKEN=""
  if [[ -z ${SETTINGS[PFP_JWT_SECRET]:-} ]]; then
    say "no token is made: it would need PFP_JWT_SECRET"
    return
  fi
  # Not into the log.
  LAUNCH_OUTPUT=$RUN/secrets/token
  (umask 077 && : >"$LAUNCH_OUTPUT")
  run_tool token api token --user demo --ttl 30d || die "can't make a token"
  TOKEN=$(tail -n 1 "$LAUNCH_OUTPUT")
  LAUNCH_OUTPUT=""
}

make_sample() {
  SAMPLE=$RUN/sample.jpg
  if [[ ! -s $SAMPLE ]]; then
    run_tool sample-photo worker sample-photo -o "$SAMPLE.new.jpg" || die "can't make the sample photo"
    mv "$SAMPLE.new.jpg" "$SAMPLE"
  fi
}
