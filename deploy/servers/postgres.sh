# shellcheck shell=bash
# A private PostgreSQL: TCP on 127.0.0.1 with passwords, no Unix socket (their paths are limited to about 100 bytes).
#
# The role `pfp` owns the database `pfp` and may create databases; `postgres` is the superuser.

# postgres_user: as root, the server runs as another user, since PostgreSQL refuses root. Sets LAUNCH_AS.
postgres_user() {
  LAUNCH_AS=()
  if ((EUID == 0)); then
    local user=nobody
    if id -u postgres >/dev/null 2>&1; then user=postgres; fi
    LAUNCH_AS=(setpriv --reuid "$(id -u "$user")" --regid "$(id -g "$user")" --clear-groups)
  fi
}

# postgres_place: REPLY is the folder of the data. It is in the run folder, unless that lies where the
# server's user can't go (below /root, say). Opening the caller's folders is not ours to do, so then it is
# /var/lib/pfp/IDENTITY; `server.sh remove` deletes both.
postgres_place() {
  run_identity
  local elsewhere=/var/lib/pfp/$REPLY
  REPLY=$RUN/postgres
  if [[ ! -d $REPLY/data && ${#LAUNCH_AS[@]} -gt 0 ]]; then
    if [[ -d $elsewhere ]] || ! "${LAUNCH_AS[@]}" test -x "$RUN" 2>/dev/null; then REPLY=$elsewhere; fi
  fi
}

postgres_init() {
  postgres_user
  postgres_place
  local place=$REPLY
  if [[ ! -d $place/data ]]; then
    if [[ $place == "$RUN/"* ]]; then
      say "making a database"
    else
      say "making a database in $place, since PostgreSQL's user can't enter $RUN"
    fi
    mkdir -p "$place" || die "can't make $place"
    chmod 700 "$place"
    rm -rf "$place/data.new"
    secret postgres-admin
    # A file and not a pipe: the server's user couldn't open one of ours.
    (umask 077 && printf '%s\n' "$REPLY" >"$place/password")
    if ((${#LAUNCH_AS[@]})); then chown "${LAUNCH_AS[2]}:${LAUNCH_AS[4]}" "$place" "$place/password"; fi
    (
      cd "$place" && "${LAUNCH_AS[@]}" "$POSTGRES_BIN/initdb" -D "$place/data.new" -U postgres -A scram-sha-256 \
        --pwfile="$place/password" --encoding=UTF8 --locale=C && postgres_make_role "$place/data.new"
    ) >>"$RUN/logs/postgres.log" 2>&1 || die "initdb failed: see $RUN/logs/postgres.log"
    rm -f "$place/password"
    printf '%s\n' "$RUN" >"$place/belongs-to"
    # Only now is it whole: an interrupted attempt is made again.
    mv "$place/data.new" "$place/data"
  fi
}

# In single-user mode, before anyone can connect, and without a client program.
postgres_make_role() {
  secret postgres
  printf '%s\n' "CREATE ROLE pfp LOGIN CREATEDB PASSWORD '$REPLY'" "CREATE DATABASE pfp OWNER pfp TEMPLATE template0" |
    "${LAUNCH_AS[@]}" "$POSTGRES_BIN/postgres" --single -D "$1" postgres
}

# Durable as in production. Its buffers hold what is in use of a million uploads; it takes them when it needs them.
postgres_launch() {
  postgres_user
  postgres_place
  local data=$REPLY/data
  port_for postgres
  LAUNCH_ENV=("LC_ALL=C")
  LAUNCH_FOLDER=$data
  launch postgres "$POSTGRES_BIN/postgres" -D "$data" -p "$REPLY" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c fsync=on -c synchronous_commit=on -c full_page_writes=on \
    -c shared_buffers=256MB -c max_connections=200 -c max_wal_size=512MB \
    -c logging_collector=off -c log_destination=stderr -c log_line_prefix='%m [%p] '
}

# The server writes its state into postmaster.pid: line 1 its pid, line 8 `ready`.
postgres_ready() {
  local lines=()
  postgres_user
  postgres_place
  { mapfile -t lines <"$REPLY/data/postmaster.pid"; } 2>/dev/null || return 1
  running postgres && [[ ${lines[0]:-} == "$REPLY" && ${lines[7]:-} == ready* ]]
}

postgres_stop() {
  # Fast shutdown; then immediate, which the next start repairs from the log.
  ask_to_stop postgres INT
  await_end postgres 20 || ask_to_stop postgres QUIT
  await_end postgres 5 || kill_now postgres
  postgres_clear
}

# What a killed server leaves: children that still hold its memory, and a pid file that might name a stranger.
postgres_clear() {
  local folder
  kill_now postgres
  postgres_user
  postgres_place
  [[ -d $REPLY/data ]] || return 0
  local data
  data=$(cd "$REPLY/data" && pwd -P) || return 0
  for folder in /proc/[0-9]*/cwd; do
    # Every process of a server, and nothing else, has its data folder as working directory.
    if [[ $folder -ef $data && $(readlink "${folder%cwd}exe") == */postgres ]]; then
      kill -KILL "$(basename "${folder%/cwd}")" 2>/dev/null || true
    fi
  done
  rm -f "$data/postmaster.pid"
}

postgres_describe() {
  local port=$1
  secret postgres
  assign POSTGRES_USER pfp
  assign POSTGRES_PASSWORD "$REPLY"
  assign POSTGRES_URL "postgres://pfp:$REPLY@127.0.0.1:$port/pfp"
  secret postgres-admin
  assign POSTGRES_ADMIN_URL "postgres://postgres:$REPLY@127.0.0.1:$port/postgres"
}
