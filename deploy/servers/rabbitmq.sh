# shellcheck shell=bash
# A private RabbitMQ node with its own epmd (the port mapper that every Erlang node needs, and that would
# otherwise outlive it and be shared with every other node of the machine).

rabbitmq_init() {
  mkdir -p "$RUN/rabbitmq/home" "$RUN/rabbitmq/data" || die "can't make $RUN/rabbitmq"
  chmod 700 "$RUN/rabbitmq"
  secret rabbitmq-cookie
  local cookie=$RUN/rabbitmq/home/.erlang.cookie
  if [[ ! -e $cookie ]]; then (umask 377 && printf '%s' "$REPLY" >"$cookie"); fi
  printf '[].\n' >"$RUN/rabbitmq/enabled_plugins"
  cp "$SERVERS_FOLDER/quorum_elections.erl" "$RUN/rabbitmq/quorum_elections" || die "can't write into $RUN/rabbitmq"
}

# The user is made by the node's first boot.
rabbitmq_configure() {
  local port=$1
  secret rabbitmq
  (
    umask 077
    cat >"$RUN/rabbitmq/rabbitmq.conf" <<CONF
listeners.tcp.local = 127.0.0.1:$port
default_user = pfp
default_pass = $REPLY
heartbeat = 10
disk_free_limit.absolute = 64MB
vm_memory_high_watermark.absolute = 512MB
raft.wal_max_size_bytes = 64000000
log.console.level = info
CONF
  )
}

# rabbitmq_environment: LAUNCH_ENV for the node, and for rabbitmqctl. Nothing of /etc/rabbitmq is read.
# The data is named by way of the node's working directory, since its watch over free space hangs on a folder
# with an apostrophe.
rabbitmq_environment() {
  local home=$RUN/rabbitmq epmd_port dist_port
  remembered_port epmd && epmd_port=$REPLY
  remembered_port rabbitmq-dist && dist_port=$REPLY
  LAUNCH_ENV=(
    "HOME=$home/home" "LANG=C.UTF-8"
    "RABBITMQ_NODENAME=pfp@localhost" "RABBITMQ_DIST_PORT=$dist_port"
    "RABBITMQ_MNESIA_BASE=/proc/self/cwd/data" "RABBITMQ_LOG_BASE=$home" "RABBITMQ_LOGS=-"
    "RABBITMQ_CONFIG_FILE=$home/rabbitmq.conf" "RABBITMQ_ADVANCED_CONFIG_FILE=$home/none.config"
    "RABBITMQ_CONF_ENV_FILE=$home/none.conf" "RABBITMQ_ENABLED_PLUGINS_FILE=$home/enabled_plugins"
    "ERL_EPMD_PORT=$epmd_port" "ERL_EPMD_ADDRESS=127.0.0.1"
    # For every Erlang VM that the scripts start, short-lived helpers included.
    "ERL_AFLAGS=-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
    # file:eval of a file in the node's working directory; the file says why.
    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-s file eval quorum_elections"
    # The script then becomes the node instead of watching over it: one pid, and signals reach it.
    "RUNNING_UNDER_SYSTEMD=true"
  )
}

rabbitmq_launch() {
  LAUNCH_AS=()
  LAUNCH_FOLDER=$RUN/rabbitmq
  if ! running epmd; then
    port_for epmd
    LAUNCH_ENV=()
    launch epmd "$EPMD" -address 127.0.0.1 -port "$REPLY"
  fi
  port_for rabbitmq-dist
  port_for rabbitmq
  rabbitmq_configure "$REPLY"
  rabbitmq_environment
  launch rabbitmq "$RABBITMQ_BIN/rabbitmq-server"
}

# The listener opens last; an answer to a client's greeting is the proof.
rabbitmq_ready() {
  local connection first=""
  running rabbitmq && remembered_port rabbitmq || return 1
  { exec {connection}<>"/dev/tcp/127.0.0.1/$REPLY"; } 2>/dev/null || return 1
  printf 'AMQP\0\0\11\1' 1>&"$connection"
  # A method frame (type 1) is Connection.Start.
  LC_ALL=C IFS= read -r -t 2 -N 1 -u "$connection" first || true
  exec {connection}>&-
  [[ $first == $'\1' ]]
}

rabbitmq_stop() {
  # A node that is still booting doesn't hear it.
  for _ in {1..10}; do
    ask_to_stop rabbitmq TERM
    if await_end rabbitmq 2; then break; fi
  done
  kill_now rabbitmq
  forget rabbitmq
  ask_to_stop epmd TERM
  await_end epmd 5 || kill_now epmd
  forget epmd
}

rabbitmq_clear() {
  kill_now rabbitmq
}

rabbitmq_describe() {
  secret rabbitmq
  assign RABBITMQ_USER pfp
  assign RABBITMQ_PASSWORD "$REPLY"
  # A vhost of `/` is written %2f.
  assign RABBITMQ_URL "amqp://pfp:$REPLY@127.0.0.1:$1/%2f?heartbeat=10"
}
