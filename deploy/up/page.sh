# shellcheck shell=bash
# What a person and what a program read when the system is up.

print_page() {
  local name time step url
  remembered_port api-1
  url=http://127.0.0.1:$REPLY
  quote "file=@$SAMPLE"
  cat <<PAGE

pfp is up.

  API       $(api_urls)
  OpenAPI   $url/openapi.json
  storage   ${SETTINGS[PFP_STORAGE_URL]}${SETTINGS[PFP_S3_ENDPOINT]:+ at ${SETTINGS[PFP_S3_ENDPOINT]}}
  metrics   $url/metrics$(worker_metrics)
  folder    $RUN (logs in logs/, programs in bin/)

Change a picture in the browser (the token is of the user demo, for 30 days):

  $url/${TOKEN:+#token=$TOKEN}

Upload the sample photo:

  curl -i -H "Authorization: Bearer $TOKEN" -F $REPLY $url/user/upload-profile-picture

See what became of it, with the id from the answer's Location, and then who you are:

  curl -s -H "Authorization: Bearer $TOKEN" $url/user/uploads/ID
  curl -s -H "Authorization: Bearer $TOKEN" $url/user/me

Seconds:
PAGE
  for name in "${TIMES[@]}"; do
    IFS=$'\t' read -r time step <<<"$name"
    printf '%8s  %s\n' "$time" "$step"
  done
  printf '%8s  %s\n\n%s\n' "$SECONDS" "altogether" "Ctrl-C stops everything; the data stays. Running."
}

api_urls() {
  local name urls=()
  for name in "${PROCESSES[@]}"; do
    if [[ $name == api-* ]] && remembered_port "$name"; then urls+=("http://127.0.0.1:$REPLY"); fi
  done
  printf '%s' "${urls[*]}"
}

worker_metrics() {
  local name
  for name in "${PROCESSES[@]}"; do
    if [[ $name == worker-* ]] && remembered_port "$name"; then printf ' http://127.0.0.1:%s/metrics' "$REPLY"; fi
  done
}

# pids_of PREFIX: of those that live.
pids_of() {
  local name pids=()
  for name in "${SERVERS[@]}" "${PROCESSES[@]}"; do
    if [[ $name == "$1"* ]] && running "$name"; then pids+=("$REPLY"); fi
  done
  printf '%s' "${pids[*]}"
}

# Whole or not at all: a reader sees the old file or the new one. It holds secrets.
write_env_file() {
  [[ -n $ENV_FILE ]] || return 0
  if ! (umask 077 && env_file_lines >"$ENV_FILE.new.$$") || ! mv -- "$ENV_FILE.new.$$" "$ENV_FILE"; then
    say "can't write $ENV_FILE"
  fi
}

env_file_lines() {
  local name entry urls
  gather_settings
  environment_of api-1
  while IFS= read -r -d '' entry; do
    name=${entry%%=*}
    if [[ $name == PFP_* ]]; then assign "$name" "${entry#*=}"; fi
  done < <(printf '%s\0' "${LAUNCH_ENV[@]}" | sort --zero-terminated)
  urls=$(api_urls)
  assign UP_URL "${urls%% *}"
  assign UP_API_URLS "$urls"
  assign UP_TOKEN "$TOKEN"
  assign UP_BIN "$RUN/bin"
  assign UP_SAMPLE "$SAMPLE"
  assign UP_API_PIDS "$(pids_of api-)"
  assign UP_WORKER_PIDS "$(pids_of worker-)"
  assign UP_POSTGRES_PID "$(pids_of postgres)"
  assign UP_RABBITMQ_PID "$(pids_of rabbitmq)"
  assign UP_MINIO_PID "$(pids_of minio)"
}
