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
  # Servers that run or have their data elsewhere.
  for folder in "$PFP_TEST_FOLDER"/*/ "$PFP_TEST_FOLDER"/*/run/; do
    [[ -e $folder.pfp-run ]] || continue
    ((status == 0)) || mv "${folder}logs" "${folder%/}-logs"
    deploy/servers/server.sh remove "${folder%/}" >&2
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

# Our binaries as the tests start them: with overflow checks, debug assertions and failpoints.
binaries() {
  cargo build --locked -p pfp-api -p pfp-worker --features pfp-api/failpoints,pfp-worker/failpoints || return 1
  export PFP_TEST_BIN=$CARGO_TARGET_DIR/debug
}

pictures() {
  python_that_makes_environments
  PFP_TEST_PICTURES=$(tests/pictures/make.sh) || die "the test pictures can't be made"
  export PFP_TEST_PICTURES
}

# tool NAME VERSION FROM: a cargo subcommand in the cache, by version. FROM is a Python package that brings it ready
# made for common machines; elsewhere cargo builds it, which takes minutes.
tool() {
  local name=$1 version=$2 from=$3 root=$PFP_CACHE_DIR/$1-$2
  if [[ ! -x $root/bin/$name ]] && ! python_program "$root" "$from==$version"; then
    say "building $name $version"
    cargo install --quiet --locked --root "$root" --target-dir "$CARGO_TARGET_DIR/tools" "$name@$version" ||
      die "$name can't be installed"
  fi
  PATH=$root/bin:$PATH
}

# python_tool NAME VERSION: a Python program in the cache, by version.
python_tool() {
  local root=$PFP_CACHE_DIR/$1-$2
  [[ -x $root/bin/$1 ]] || python_program "$root" "$1==$2" || die "$1 can't be installed"
  PATH=$root/bin:$PATH
}

# python_program FOLDER PACKAGE...: gone again if it fails.
python_program() {
  python_that_makes_environments
  say "installing ${*:2} into $1"
  python3 -m venv "$1" && "$1/bin/python" -m pip install --quiet --disable-pip-version-check "${@:2}" && return
  rm -rf "$1"
  return 1
}

# Debian keeps what makes virtual environments in a package of its own.
python_that_makes_environments() {
  package python3 command -v python3
  package python3-venv python3 -c "import ensurepip"
}

# What lets the tests start processes whose clocks are wrong.
wrong_clocks() {
  package libfaketime faketime_library
  PFP_TEST_FAKETIME=$(faketime_library)
  export PFP_TEST_FAKETIME
}

faketime_library() { compgen -G '/usr/lib/*/faketime/libfaketime.so.1'; }

# package NAME TEST...: a package of the system, unless the test says that it is there.
package() {
  local name=$1
  shift
  "$@" >/dev/null 2>&1 && return
  say "installing $name from the system's packages"
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "$name"; } </dev/null >&2
    hash -r
  fi
  "$@" >/dev/null 2>&1 || die "$name is missing: apt-get install $name"
}
