# shellcheck shell=bash
# A private MinIO. Buckets are made by those who use them.

minio_init() {
  mkdir -p "$RUN/minio/data" "$RUN/minio/home" || die "can't make $RUN/minio"
  chmod 700 "$RUN/minio"
}

minio_launch() {
  local user
  secret minio-user
  user=${REPLY:0:20}
  secret minio
  # No browser console, no look for updates: nothing but S3 on one port.
  LAUNCH_ENV=("HOME=$RUN/minio/home" "MINIO_ROOT_USER=$user" "MINIO_ROOT_PASSWORD=$REPLY"
    "MINIO_BROWSER=off" "MINIO_UPDATE=off" "MINIO_CALLHOME_ENABLE=off")
  LAUNCH_AS=()
  LAUNCH_FOLDER=$RUN/minio
  port_for minio
  launch minio "$MINIO" server --address "127.0.0.1:$REPLY" "$RUN/minio/data"
}

minio_ready() {
  running minio && remembered_port minio && http_ok "$REPLY" /minio/health/ready
}

minio_stop() {
  ask_to_stop minio TERM
  await_end minio 10 || kill_now minio
  forget minio
}

minio_clear() {
  kill_now minio
}

minio_describe() {
  assign MINIO_ENDPOINT "http://127.0.0.1:$1"
  secret minio-user
  assign MINIO_ACCESS_KEY "${REPLY:0:20}"
  secret minio
  assign MINIO_SECRET_KEY "$REPLY"
}
