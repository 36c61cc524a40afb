#!/usr/bin/env bash
# Makes the pictures that the tests need, or finds those made before, and prints their folder.
#
#   make.sh                          the pictures and manifest.json; prints the folder
#   make.sh --check                  the same, and looks them over
#   make.sh --reference FOLDER OUT   what each picture of FOLDER should come out as; prints OUT
#
# Everything is kept in $PFP_CACHE_DIR (by default ~/.cache/pfp), named by the hash of what made it, and
# appears there in one move: two runs at once do no harm. Pictures unused for a week are removed when new ones
# are made. Only the folder goes to stdout.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${PFP_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/pfp}

say() { echo "pictures: $*" >&2; }

fail() { say "$*"; exit 1; }

# The hash of the names and contents of some files, 16 digits of it.
hash_of() {
  python3 - "$@" <<'PYTHON'
import hashlib, pathlib, sys
digest = hashlib.sha256()
for path in sorted(map(pathlib.Path, sys.argv[1:])):
    digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
print(digest.hexdigest()[:16])
PYTHON
}

# Moves a finished folder into place; where another run was faster, its folder is kept and ours goes.
move_into_place() {
  python3 - "$1" "$2" <<'PYTHON'
import os, shutil, sys
made, place = sys.argv[1:]
try:
    os.rename(made, place)
except OSError:
    if not os.path.isdir(place):
        raise
    shutil.rmtree(made)
PYTHON
}

make_environment() {
  environment=$cache/pictures-env-$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')-$(hash_of "$here/requirements.txt")
  [[ -d $environment ]] && return
  say "installing Pillow, jpeglib and libvips with pip into $environment"
  mkdir -p "$cache"
  unfinished=$(mktemp -d "$environment.XXXXXX")
  chmod 755 "$unfinished"
  python3 -m venv "$unfinished" >&2 || fail "python3 can't make a virtual environment (on Debian: apt-get install python3-venv)"
  "$unfinished/bin/python" -m pip install --quiet --disable-pip-version-check --prefer-binary \
    -r "$here/requirements.txt" >&2 || fail "the packages of requirements.txt can't be installed"
  move_into_place "$unfinished" "$environment"
}

make_pictures() {
  pictures=$cache/pictures-$(hash_of "$here"/*.py "$here/requirements.txt")
  [[ -d $pictures ]] && touch "$pictures" && return
  find "$cache" -maxdepth 1 -name 'pictures-*' -not -name 'pictures-env-*' -mtime +7 -exec rm -rf {} +
  say "making them in $pictures"
  unfinished=$(mktemp -d "$pictures.XXXXXX")
  chmod 755 "$unfinished"
  python "$here/make.py" "$unfinished"
  move_into_place "$unfinished" "$pictures"
}

python() { PYTHONDONTWRITEBYTECODE=1 "$environment/bin/python" "$@" >&2; }

unfinished=
trap '[[ -n $unfinished && -d $unfinished ]] && rm -rf "$unfinished"; true' EXIT

command -v python3 >/dev/null || fail "python3 is needed (on Debian: apt-get install python3-venv)"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "python3 is older than 3.10"

case ${1-} in
  "")
    make_environment
    make_pictures
    echo "$pictures"
    ;;
  --check)
    make_environment
    make_pictures
    python "$here/make.py" --check "$pictures"
    echo "$pictures"
    ;;
  --reference)
    [[ $# -eq 3 ]] || fail "usage: make.sh --reference FOLDER OUT"
    make_environment
    python "$here/reference.py" "$2" "$3"
    echo "$3"
    ;;
  *)
    fail "usage: make.sh [--check | --reference FOLDER OUT]"
    ;;
esac
