# shellcheck shell=bash
# Where the tests keep what they need: caches outside the checkout, by version; servers in a folder of the run.

say() { printf '%s\n' "$*" >&2; }
die() { say "tests: $*" && exit 1; }

: "${PFP_CACHE_DIR:=${XDG_CACHE_HOME:-$HOME/.cache}/pfp}"
: "${CARGO_TARGET_DIR:=$PFP_CACHE_DIR/target}"
: "${PFP_TEST_CORPUS:=../shared/corpus}"
export PFP_CACHE_DIR CARGO_TARGET_DIR PFP_TEST_CORPUS CARGO_TERM_COLOR=never
mkdir -p "$CARGO_TARGET_DIR"

command -v cargo >/dev/null || die "cargo isn't on the PATH: install a Rust toolchain, https://rustup.rs"

# The folder of this run: servers, logs. Gone at its end unless something failed.
run_folder() {
  [[ -n ${PFP_TEST_FOLDER:-} ]] && return
  PFP_TEST_FOLDER=$(mktemp -d "${TMPDIR:-/tmp}/pfp-tests.XXXXXX")
  chmod 711 "$PFP_TEST_FOLDER"
  export PFP_TEST_FOLDER
  trap clean_up EXIT
}

clean_up() {
  local status=$? folder
  for folder in "$PFP_TEST_FOLDER"/servers*; do
    [[ -d $folder ]] && deploy/servers/server.sh remove "$folder" >&2
  done
  if ((status == 0)); then rm -rf "$PFP_TEST_FOLDER"; else say "logs: $PFP_TEST_FOLDER"; fi
}

# servers NAME VARIABLE: private servers in the run's folder, started once; the folder goes into the variable.
servers() {
  run_folder
  local folder=$PFP_TEST_FOLDER/$1
  if [[ ! -d $folder ]]; then
    deploy/servers/server.sh install >&2 || die "the servers can't be had"
    deploy/servers/server.sh start all "$folder" >"$folder.txt" || die "the servers didn't start"
    grep -q "^MINIO_STATE='running'" "$folder.txt" || die "no MinIO: the tests don't fall back to a folder"
  fi
  export "$2=$folder"
}

# Our binaries as the tests start them: with overflow checks and debug assertions.
binaries() {
  cargo build --locked -p pfp-api -p pfp-worker || return 1
  export PFP_TEST_BIN=$CARGO_TARGET_DIR/debug
}

pictures() {
  PFP_TEST_PICTURES=$(tests/pictures/make.sh) || die "the test pictures can't be made"
  export PFP_TEST_PICTURES
}

# tool NAME VERSION: a cargo subcommand in the cache, by version.
tool() {
  local root=$PFP_CACHE_DIR/$1-$2
  if [[ ! -x $root/bin/$1 ]]; then
    say "installing $1 $2 into the cache"
    cargo install --quiet --locked --root "$root" --target-dir "$CARGO_TARGET_DIR/tools" "$1@$2" || die "$1 can't be installed"
  fi
  PATH=$root/bin:$PATH
}

# python_tool NAME VERSION: a Python program in the cache, by version.
python_tool() {
  local root=$PFP_CACHE_DIR/$1-$2
  if [[ ! -x $root/bin/$1 ]]; then
    say "installing $1 $2 into the cache"
    python3 -m venv "$root" && "$root/bin/pip" install --quiet "$1==$2" || die "$1 can't be installed"
  fi
  PATH=$root/bin:$PATH
}

# package NAME COMMAND: a program of the system's packages.
package() {
  command -v "$2" >/dev/null && return
  say "installing $1 from the system's packages"
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "$1"; } >&2
  fi
  command -v "$2" >/dev/null || die "$2 is missing: apt-get install $1"
}
