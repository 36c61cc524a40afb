#!/usr/bin/env bash
# The whole of pfp on this machine: private servers, APIs and workers, in the foreground until Ctrl-C.
set -uo pipefail

UP_FOLDER=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CHECKOUT=$(dirname "$UP_FOLDER")
# shellcheck source=deploy/servers/servers.sh
source "$UP_FOLDER/servers/servers.sh"
# shellcheck source=deploy/up/options.sh
source "$UP_FOLDER/up/options.sh"
# shellcheck source=deploy/up/build.sh
source "$UP_FOLDER/up/build.sh"
# shellcheck source=deploy/up/system.sh
source "$UP_FOLDER/up/system.sh"
# shellcheck source=deploy/up/page.sh
source "$UP_FOLDER/up/page.sh"
# shellcheck source=deploy/up/supervise.sh
source "$UP_FOLDER/up/supervise.sh"

main() {
  ((BASH_VERSINFO[0] >= 5)) || die "bash 5 or newer is needed"
  hear_interrupts "$@"
  parse_options "$@"
  take_folder
  catch_signals
  take_down_leftovers
  check_call

  local began
  now && began=$REPLY
  find_everything
  took "finding or installing programs" "$began"
  start_builds
  start_servers
  await_builds_and_servers
  remember_storage
  copy_binaries

  now && began=$REPLY
  run_tool migrate worker migrate || die "the migration failed"
  took "migrating the database" "$began"
  now && began=$REPLY
  start_processes
  await_processes
  took "starting APIs and workers" "$began"
  now && began=$REPLY
  mint_token
  make_sample
  took "token and sample photo" "$began"

  write_env_file
  print_page
  supervise
}

main "$@"
