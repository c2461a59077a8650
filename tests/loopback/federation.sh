#!/usr/bin/env bash
# A whole federation on loopback: a primary (console, portal, authority), a secondary (console, engine) and two
# collectors. `./dev up|down|status` come here. Everything runs as the user who calls it, below one folder.
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
bin=${CHANCERY_BIN:-$root/build/bin}

say() { printf '%s\n' "$*" >&2; }
fail() { say "dev: $1"; say "hint: $2"; exit 1; }

command=$1
shift
dir=$root/.dev/federation
base=9400
detach=no
json=no
building=yes
while [ $# -gt 0 ]; do
  case $1 in
    --state) dir=${2:?}; shift 2 ;;
    --port-base) base=${2:?}; shift 2 ;;
    --detach) detach=yes; shift ;;
    --json) json=yes; shift ;;
    --no-build) building=no; shift ;;
    *) say "dev: unknown option '$1'"; say "hint: ./dev $command [--state DIR] [--port-base N] [--detach] [--json]"; exit 2 ;;
  esac
done
case $base in '' | *[!0-9]*) say "dev: --port-base takes a number"; say "hint: for instance --port-base 9400"; exit 2 ;; esac
[ "$base" -ge 1 ] && [ "$base" -le 65500 ] || { say "dev: --port-base $base is out of range"; say "hint: 1 to 65500"; exit 2; }
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
logs=$dir/logs
pids=$dir/pids

alive() { [ -s "$pids/$1" ] && kill -0 "$(cat "$pids/$1")" 2>/dev/null; }

# start NAME COMMAND…: in the background, in a session of its own, its log in logs/NAME.log
start() {
  local name=$1
  shift
  alive "$name" && return 0
  setsid "$@" >>"$logs/$name.log" 2>&1 </dev/null &
  echo $! >"$pids/$name"
}

# wait_for NAME SECONDS COMMAND…: until the command succeeds; fails at once when the process has ended
wait_for() {
  local name=$1 left=$(($2 * 20))
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ! alive "$name"; then
      tail -n 5 "$logs/$name.log" >&2
      fail "$name has ended" "its log is $logs/$name.log; a port that is taken shows there: choose another --port-base"
    fi
    left=$((left - 1))
    [ $left -gt 0 ] || { tail -n 5 "$logs/$name.log" >&2; fail "$name did not get ready" "look at $logs/$name.log"; }
    sleep 0.05
  done
}

answers() { "$bin/chancery" --state "$1" --json status 2>/dev/null | python3 "$root/tests/loopback/program_answers.py" "$2"; }
listening() { [ -S "$1" ]; }

start_appliance() {  # APPLIANCE PROGRAM…
  local name=$1 program
  shift
  start "$name-manager" "$bin/chancery-manager" --state "$dir/$name"
  wait_for "$name-manager" 20 listening "$dir/$name/run/manager/control.sock"
  for program in "$@"; do start "$name-$program" "$bin/chancery-$program" --state "$dir/$name"; done
  for program in "$@"; do wait_for "$name-$program" 20 answers "$dir/$name" "$program"; done
}

make_collector() {  # NAME SETTINGS-LINE…
  local state=$dir/$1
  shift
  [ -e "$state/settings/collector.toml" ] && return 0
  mkdir -p "$state/settings"
  chmod 700 "$state"
  # What the installer carries: the Customer Key and, for a pinned collector, the root.
  install -m 0600 "$dir/primary/current/customer-key/customer.key" "$state/customer.key"
  install -m 0644 "$dir/primary/current/trust/federation/roots.pem" "$state/root.pem"
  "$bin/chancery" --state "$dir/primary" collector repair key >"$state/repair-key.json"
  printf '%s\n' "$@" >"$state/settings/collector.toml"
}

collector_connected() { "$bin/chancery-collector" --state "$1" --status 2>/dev/null | grep -q '"connected":true'; }

up() {
  [ $building = no ] || "$root/dev" programs >&2
  umask 077
  mkdir -p "$logs" "$pids"
  if [ ! -e "$dir/primary/current" ]; then
    say "making the primary"
    "$bin/chancery" --state "$dir/primary" --quiet init --role primary --name primary.localhost --san localhost --san 127.0.0.1 \
      --listen 127.0.0.1 --port-base "$base" --password-file "$dir/administrator.password" >/dev/null
    echo "$base" >"$dir/port-base"
  fi
  base=$(cat "$dir/port-base")
  start_appliance primary authority console portal
  if [ ! -e "$dir/secondary/current" ]; then
    say "making the secondary"
    "$bin/chancery" --state "$dir/secondary" --quiet init --role secondary --name secondary.localhost --san localhost --san 127.0.0.1 \
      --listen 127.0.0.1 --port-base $((base + 10)) --administrator-password-file "$dir/administrator.password" >/dev/null
  fi
  if [ ! -e "$dir/secondary/current/federation/federation.json" ]; then
    say "joining it"
    "$bin/chancery" --state "$dir/primary" federation token --role engine --name secondary.localhost --san localhost \
      --san 127.0.0.1 >"$dir/join.token" 2>/dev/null
    "$bin/chancery" --state "$dir/secondary" --quiet federation join --primary "127.0.0.1:$((base + 4))" --token-file "$dir/join.token" >/dev/null
    rm -f "$dir/join.token"
  fi
  start_appliance secondary console engine
  make_collector collector-1 "collector.servers = [\"localhost:$((base + 11))\"]" \
    "collector.root-ca = \"$dir/collector-1/root.pem\"" "collector.required-level = \"TLSPeerAuth\""
  make_collector collector-2 "collector.servers = [\"localhost:$((base + 11))\"]" \
    "collector.root-ca = \"\"" "collector.required-level = \"TLSPeerAuth\""
  # An operating system's trust store as an administrator would have made it: the public CAs and the federation's root.
  cat /etc/ssl/certs/ca-certificates.crt "$dir/collector-2/root.pem" >"$dir/collector-2/os-trust.pem" 2>/dev/null ||
    cp "$dir/collector-2/root.pem" "$dir/collector-2/os-trust.pem"
  start collector-1 "$bin/chancery-collector" --state "$dir/collector-1"
  SSL_CERT_FILE="$dir/collector-2/os-trust.pem" start collector-2 "$bin/chancery-collector" --state "$dir/collector-2"
  wait_for collector-1 20 collector_connected "$dir/collector-1"
  wait_for collector-2 20 collector_connected "$dir/collector-2"
  describe
  [ $detach = yes ] && return 0
  trap 'down; exit 0' INT TERM
  while sleep 5; do
    printf '\r%s  %s' "$(date +%H:%M:%S)" "$(one_line)"
  done
}

one_line() {
  local name running=0 all=0
  for name in "$pids"/*; do
    all=$((all + 1))
    if alive "$(basename "$name")"; then running=$((running + 1)); fi
  done
  local connected=0 collector
  for collector in collector-1 collector-2; do
    if collector_connected "$dir/$collector"; then connected=$((connected + 1)); fi
  done
  printf '%s of %s programs run, %s of 2 collectors connected   (Ctrl-C stops everything)' $running $all $connected
}

describe() {
  local short=$dir
  cat <<EOF

A federation runs on loopback.

  primary    console https://primary.localhost:$base/          portal https://primary.localhost:$((base + 1))/
  secondary  console https://secondary.localhost:$((base + 10))/        engine https://secondary.localhost:$((base + 11))/api/v1/status
  sign in    administrator, password $(cat "$dir/administrator.password") (also in $short/administrator.password)
  root       $short/primary/current/trust/federation/roots.pem

Try:
  build/bin/chancery --state $short/secondary cert list
  build/bin/chancery --state $short/primary federation list
  build/bin/chancery --state $short/secondary doctor

Stop it: ./dev down$([ "$dir" = "$root/.dev/federation" ] || printf ' --state %s' "$dir")
EOF
}

down() {
  local file pid
  for file in "$pids"/*; do
    [ -e "$file" ] || continue
    pid=$(cat "$file")
    kill "$pid" 2>/dev/null || true
  done
  for file in "$pids"/*; do
    [ -e "$file" ] || continue
    pid=$(cat "$file")
    for _ in $(seq 200); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$file"
  done
}

case $command in
  up) up ;;
  down) down; say "stopped; the states stay in $dir" ;;
  status) exec python3 "$root/tests/loopback/status.py" "$bin" "$dir" "$json" ;;
esac
