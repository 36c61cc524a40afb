# shellcheck shell=bash
# Finds what the stack needs, and as root installs what is missing from the system's packages.
# Everything that is missing is named at once. MinIO has a file of its own: minio_binary.sh.

MISSING=()          # what a person reads
MISSING_PACKAGES=() # the packages that would bring it

# require WHAT...: of postgres, rabbitmq, rust. Sets POSTGRES_BIN, RABBITMQ_BIN, EPMD, CARGO.
require() {
  look_for "$@"
  ((${#MISSING[@]})) || return 0
  if ((${#MISSING_PACKAGES[@]})) && ((EUID == 0)) && command -v apt-get >/dev/null; then
    install_packages
    look_for "$@"
    ((${#MISSING[@]})) || return 0
  fi
  local thing
  say "error: missing on this machine:"
  for thing in "${MISSING[@]}"; do say "  - $thing"; done
  if ((${#MISSING_PACKAGES[@]})); then
    say "Install the packages with: sudo apt-get update && sudo apt-get install -y ${MISSING_PACKAGES[*]}"
  fi
  exit 1
}

look_for() {
  local what
  MISSING=()
  MISSING_PACKAGES=()
  look_for_basics
  for what in "$@"; do "look_for_$what"; done
}

missing() {
  MISSING+=("$1")
  shift
  MISSING_PACKAGES+=("$@")
}

look_for_basics() {
  local tool
  for tool in setsid flock setpriv; do
    if ! command -v "$tool" >/dev/null; then
      missing "$tool" util-linux
      return
    fi
  done
}

look_for_postgres() {
  local folder version wanted=""
  POSTGRES_BIN=""
  # Data can only be read by the major version that made it.
  if [[ -n ${RUN:-} ]]; then
    postgres_user
    postgres_place
    { read -r wanted <"$REPLY/data/PG_VERSION"; } 2>/dev/null || wanted=""
  fi
  while read -r folder; do
    [[ -x $folder/postgres && -x $folder/initdb ]] || continue
    version=$("$folder/postgres" --version 2>/dev/null) || continue
    version=${version#*) }
    version=${version%%[!0-9]*}
    if [[ -n $wanted ]]; then
      [[ $version == "$wanted" ]] || continue
    elif ((version < 13)); then
      continue
    fi
    POSTGRES_BIN=$folder
    return
  done < <(
    printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort --version-sort --reverse
    if command -v postgres >/dev/null; then dirname "$(readlink -f "$(command -v postgres)")"; fi
  )
  if [[ -n $wanted ]]; then
    missing "PostgreSQL $wanted, which made this folder's data" "postgresql-$wanted"
  else
    missing "the PostgreSQL server, 13 or newer" postgresql
  fi
}

# Not the wrapper in /usr/sbin: it changes to the user of the system's own node.
look_for_rabbitmq() {
  local folder
  RABBITMQ_BIN=""
  for folder in ${RABBITMQ_HOME:+"$RABBITMQ_HOME/sbin"} /usr/lib/rabbitmq/bin /usr/lib64/rabbitmq/bin \
    /usr/lib/rabbitmq/lib/*/sbin /opt/rabbitmq/sbin; do
    if [[ -x $folder/rabbitmq-server ]]; then
      RABBITMQ_BIN=$folder
      break
    fi
  done
  EPMD=""
  for folder in "$(command -v epmd)" /usr/lib/erlang/bin/epmd /usr/lib64/erlang/bin/epmd \
    /usr/lib/erlang/erts-*/bin/epmd /usr/local/lib/erlang/erts-*/bin/epmd; do
    if [[ -x $folder ]]; then
      EPMD=$folder
      break
    fi
  done
  if [[ -z $RABBITMQ_BIN || -z $EPMD ]] || ! command -v erl >/dev/null; then missing "RabbitMQ" rabbitmq-server; fi
}

look_for_rust() {
  local wanted found
  wanted=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$SERVERS_FOLDER/../../Cargo.toml")
  CARGO=$(command -v cargo) || CARGO=${CARGO_HOME:-${HOME:-/root}/.cargo}/bin/cargo
  found=$("$CARGO" --version 2>/dev/null) || found=""
  found=${found#cargo }
  found=${found%%[ -]*}
  if [[ -z $found ]]; then
    missing "Rust $wanted or newer, with cargo (https://rustup.rs, or: rustup default stable)"
  elif [[ $(printf '%s\n' "$wanted" "$found" | sort --version-sort | head -n 1) != "$wanted" ]]; then
    missing "Rust $wanted or newer: this is $found (rustup update stable)"
  fi
  if ! command -v cc >/dev/null; then missing "a C compiler and linker, cc" build-essential; fi
}

# The packages may start services of their own as they are installed. Ours are private, so those are not
# wanted: while we install, none is started. One that runs already is left alone.
install_packages() {
  local policy=/usr/sbin/policy-rc.d
  say "installing ${MISSING_PACKAGES[*]} from the system's packages"
  mkdir -p "$CACHE" || die "can't make $CACHE"
  (
    flock 9
    if [[ ! -e $policy ]]; then
      trap 'rm -f "$policy"' EXIT
      printf '#!/bin/sh\nexit 101\n' >"$policy"
      chmod 755 "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o DPkg::Lock::Timeout=600 update &&
      apt-get -qq -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "${MISSING_PACKAGES[@]}"
  ) 9>"$CACHE/packages.lock" </dev/null >"$CACHE/packages.log" 2>&1 || {
    say "the installation failed; the end of $CACHE/packages.log:"
    tail -n 5 "$CACHE/packages.log" >&2
  }
  hash -r
}
