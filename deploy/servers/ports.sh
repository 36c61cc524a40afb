# shellcheck shell=bash
# Free ports on the loopback interface, remembered in RUN/ports/NAME so that a restart keeps every address.

# port_free PORT: nobody listens on it, on any address. From the kernel's table: a probe by connecting would
# miss a listener whose backlog is full, and would disturb the others.
port_free() {
  local hex local_address state
  printf -v hex '%04X' "$1"
  while read -r _ local_address _ state _; do
    if [[ $state == 0A && ${local_address##*:} == "$hex" ]]; then return 1; fi
  done < <(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
}

# A random one below the range from which the kernel gives ports to outgoing connections: none of those can
# take it while its server is down. Two copies that pick at the same moment meet about once in ten thousand
# starts, and then the one that can't listen picks again (servers.sh).
pick_port() {
  local first _last port
  { read -r first _last </proc/sys/net/ipv4/ip_local_port_range; } 2>/dev/null || first=32768
  if ((first < 16000)); then first=32768; fi
  for _ in {1..200}; do
    port=$((first - 12000 + (RANDOM * 32768 + RANDOM) % 12000))
    if port_free "$port"; then
      REPLY=$port
      return 0
    fi
  done
  die "found no free port"
}

# remembered_port NAME: REPLY; fails if NAME has none yet.
remembered_port() {
  { read -r REPLY <"$RUN/ports/$1"; } 2>/dev/null && [[ -n $REPLY ]]
}

remember_port() {
  printf '%s\n' "$2" >"$RUN/ports/$1.new" && mv "$RUN/ports/$1.new" "$RUN/ports/$1"
}

# port_for NAME: REPLY is the port it had before, or a new one. Call it while NAME's own process is down.
port_for() {
  local taken=""
  if remembered_port "$1"; then
    if port_free "$REPLY"; then return 0; fi
    taken=$REPLY
  fi
  pick_port
  remember_port "$1" "$REPLY"
  if [[ -n $taken ]]; then say "port $taken of $1 was taken by another program meanwhile: now $REPLY"; fi
}
