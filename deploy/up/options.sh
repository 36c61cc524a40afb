# shellcheck shell=bash
# The command line, and the folder that this run owns.

usage() {
  cat <<'HELP'
usage: deploy/up.sh [OPTION...]

Brings up pfp with private PostgreSQL, RabbitMQ and MinIO servers on free ports of 127.0.0.1, and takes all of it
down at Ctrl-C (SIGINT) or SIGTERM; a second Ctrl-C kills at once. What dies meanwhile is started again.

  --workers N           worker processes (2)
  --apis N              API processes (1)
  --port P              port of the first API (a free one, the same each time)
  --dir FOLDER          everything of this run: data, ports, passwords, logs (run/ in the checkout). Start on the
                        same folder again and data and addresses are the same; delete it and they are gone
  --env FILE            when ready, write the settings and addresses there as shell assignments
  --storage minio|file  where pictures are kept (minio; file if MinIO can't be had)
  --bin FOLDER          take pfp-api and pfp-worker from there instead of building them
  --help                this page

PFP_* variables of the environment are passed on to APIs and workers and win over what is set here, except for
those that say where the private servers are (PFP_DATABASE_URL, PFP_AMQP_URL, PFP_STORAGE_URL, PFP_S3_ENDPOINT,
PFP_S3_ACCESS_KEY, PFP_S3_SECRET_KEY) and the listeners (PFP_LISTEN, PFP_METRICS_LISTEN): those are ignored, so
that a database of yours is never touched. OTEL_*, RUST_* and TZ are passed on too.

PFP_CACHE_DIR (~/.cache/pfp) keeps the MinIO program and, unless CARGO_TARGET_DIR is set, what cargo builds.
HELP
}

WORKERS=2
APIS=1
PORT=""
FOLDER=$CHECKOUT/run
ENV_FILE=""
STORAGE="" # minio or file, once decided
STORAGE_ASKED=""
BINARIES=""

parse_options() {
  while (($#)); do
    case $1 in
      --help | -h) usage && exit 0 ;;
      --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" && continue ;;
      --workers | --apis | --port | --dir | --env | --storage | --bin)
        (($# > 1)) || die "$1 needs a value (--help)"
        take_option "$1" "$2"
        shift 2
        ;;
      *) die "unknown option: $1 (--help)" ;;
    esac
  done
}

take_option() {
  case $1 in
    --workers) whole_number "$@" 0 100 && WORKERS=$2 ;;
    --apis) whole_number "$@" 1 100 && APIS=$2 ;;
    --port) whole_number "$@" 1 65535 && PORT=$2 ;;
    --dir) FOLDER=$2 ;;
    --env)
      [[ -d $(dirname -- "$2") && ! -d $2 ]] || die "--env: can't write $2"
      ENV_FILE=$2
      ;;
    --storage)
      [[ $2 == minio || $2 == file ]] || die "--storage: minio or file, not $2"
      STORAGE_ASKED=$2
      ;;
    --bin)
      [[ -x $2/pfp-api && -x $2/pfp-worker ]] || die "--bin: no pfp-api and pfp-worker in $2"
      BINARIES=$2
      ;;
  esac
}

whole_number() {
  if ! [[ $2 =~ ^[1-9]?[0-9]{1,4}$ ]] || (($2 < $3 || $2 > $4)); then
    die "$1: a whole number from $3 to $4, not $2"
  fi
}

# Two runs never share a folder. The lock goes with this process, however it ends.
take_folder() {
  open_run_folder "$FOLDER"
  exec {UP_LOCK}>>"$RUN/locks/up"
  if ! flock --nonblock "$UP_LOCK"; then
    local other=""
    { read -r other <"$RUN/pids/up"; } 2>/dev/null
    die "$RUN is in use by another deploy/up.sh (pid $other): stop that one, or name another folder with --dir"
  fi
  record_pid up $$
  # Whoever waits for the file must not find an old one.
  if [[ -n $ENV_FILE ]]; then rm -f -- "$ENV_FILE"; fi
}
