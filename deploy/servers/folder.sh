# shellcheck shell=bash
# The run folder: everything that one private stack is, so that deleting it deletes the stack.
#
#   RUN/.pfp-run   its identity, and the mark by which we know that the folder is ours
#   RUN/pids/      see process.sh          RUN/ports/    see ports.sh
#   RUN/secrets/   passwords, made once    RUN/logs/     a file for each process, appended to
#   RUN/locks/     one command at a time
#   RUN/postgres/  RUN/rabbitmq/  RUN/minio/             the servers' data

# Programs that are the same for every run folder, by version: outside every checkout.
CACHE="${PFP_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/pfp}"

# open_run_folder FOLDER: sets RUN (absolute). Makes the folder unless it exists.
open_run_folder() {
  mkdir -p -- "$1" 2>/dev/null || die "can't make the folder $1"
  RUN=$(cd -- "$1" && pwd -P) || die "can't enter the folder $1"
  if [[ ! -e $RUN/.pfp-run ]]; then
    if [[ -n $(ls -A -- "$RUN") ]]; then
      die "$RUN is not empty and holds no pfp run: name another folder"
    fi
    random_secret
    printf '%s\n' "${REPLY:0:32}" >"$RUN/.pfp-run" || die "can't write into $RUN"
  fi
  [[ -O $RUN/.pfp-run ]] || die "$RUN belongs to another user: name another folder"
  mkdir -p "$RUN/pids" "$RUN/ports" "$RUN/logs" "$RUN/secrets" "$RUN/locks" || die "can't write into $RUN"
  chmod 700 "$RUN/logs" "$RUN/secrets"
}

# existing_run_folder FOLDER: the same, but never makes one.
existing_run_folder() {
  [[ -e $1/.pfp-run ]] || die "$1 holds no pfp run"
  open_run_folder "$1"
}

run_identity() {
  read -r REPLY <"$RUN/.pfp-run"
}

random_secret() {
  REPLY=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
}

# secret NAME: REPLY is the password of that name, made at the first call.
secret() {
  local file=$RUN/secrets/$1
  if [[ ! -s $file ]]; then
    random_secret
    (umask 077 && printf '%s\n' "$REPLY" >"$file.new") || die "can't write $file.new"
    mv "$file.new" "$file"
  fi
  read -r REPLY <"$file"
}
