#!/usr/bin/env bash
# Debian's own PostgreSQL on a free port of loopback, TLS only, with one user and one database, both named `engine`.
#
#   postgres_server.sh start CERTIFICATE KEY PASSWORD [PORT]     prints "DIR PORT"
#   postgres_server.sh kill DIR         as a power cut does    postgres_server.sh again DIR    starts it once more
#   postgres_server.sh stop DIR         and removes DIR
#   postgres_server.sh sql DIR STATEMENT    by the server's own administrator, over its Unix socket
set -euo pipefail
# Where the checkout lies in a folder that the user postgres may not enter, it would complain for every command.
cd /
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)

# PostgreSQL refuses to run as root.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

up() { as_postgres "$bin/pg_ctl" -D "$1/data" -w -s -t 60 -l "$1/log" start >&2 </dev/null; }

case $1 in
  start)
    base=/tmp
    [ -d /dev/shm ] && base=/dev/shm
    dir=$(mktemp -d "$base/chancery-postgres-XXXXXX")
    port=${5:-$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')}
    cp "$2" "$dir/server.crt"
    cp "$3" "$dir/server.key"
    chmod 600 "$dir/server.key"
    [ "$(id -u)" = 0 ] && chown -R postgres: "$dir"
    as_postgres "$bin/initdb" -D "$dir/data" -U postgres --no-sync -A reject --no-instructions -E UTF8 --locale=C >"$dir.initdb" 2>&1 ||
      { cat "$dir.initdb" >&2; exit 1; }
    rm -f "$dir.initdb"
    {
      echo "listen_addresses = '127.0.0.1'"
      echo "port = $port"
      echo "unix_socket_directories = '$dir'"
      echo "ssl = on"
      echo "ssl_cert_file = '$dir/server.crt'"
      echo "ssl_key_file = '$dir/server.key'"
      echo "fsync = off"
    } >>"$dir/data/postgresql.conf"
    {
      echo "local all postgres trust"
      echo "hostssl engine engine 127.0.0.1/32 scram-sha-256"
    } >"$dir/data/pg_hba.conf"
    printf '%s\n' "CREATE ROLE engine LOGIN PASSWORD '$4';" "CREATE DATABASE engine OWNER engine;" |
      as_postgres "$bin/postgres" --single -D "$dir/data" postgres >/dev/null 2>"$dir/single.log" || { cat "$dir/single.log" >&2; exit 1; }
    up "$dir"
    echo "$dir $port"
    ;;
  kill) as_postgres "$bin/pg_ctl" -D "$2/data" -w -s -m immediate stop ;;
  again) up "$2" ;;
  stop)
    as_postgres "$bin/pg_ctl" -D "$2/data" -w -s -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$2"
    ;;
  sql)
    port=$(sed -n 's/^port = //p' "$2/data/postgresql.conf")
    as_postgres "$bin/psql" -h "$2" -p "$port" -U postgres -d engine -v ON_ERROR_STOP=1 -Atq -c "$3"
    ;;
esac
