#!/usr/bin/env bash
# The stage on which every change is killed and failed at its file calls: one appliance with a custom certificate in
# force, and for each operation the command and what may be in force afterwards.
#
#   fault_stage.sh make DIR                 a pristine state in DIR/pristine, PKI files beside it
#   fault_stage.sh set-up DIR               DIR/state becomes the pristine one again
#   fault_stage.sh operation DIR OPERATION  prints the command line under test
#   fault_stage.sh check DIR [STATE]        exit 0: wholly old or wholly new, matching pairs, and the next command resolves it
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
bin=${CHANCERY_BIN:-$here/../../build/bin}
tools=${CHANCERY_TOOLS:-$here/../../../shared/tools}
verb=$1
dir=$2

issue() {  # NAME: leaf NAME under the root, EC
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/$1.key" -subj "/CN=appliance.test" -out "$dir/$1.csr" 2>/dev/null
  printf 'basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:appliance.test\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' >"$dir/ext"
  openssl x509 -req -in "$dir/$1.csr" -CA "$dir/root.crt" -CAkey "$dir/root.key" -CAcreateserial -days 90 -extfile "$dir/ext" -out "$dir/$1.crt" 2>/dev/null
}

case $verb in
  make)
    mkdir -p "$dir"
    cd "$dir"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -subj "/CN=Fault Root" -days 365 \
      -addext keyUsage=critical,keyCertSign,cRLSign -out root.crt 2>/dev/null
    cp root.crt os.pem  # a small trust store of the operating system: fewer bytes, the same file calls
    issue old
    issue new
    # What `append` adds, known to nobody before.
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout another.key -subj "/CN=Another Root" -days 365 \
      -addext keyUsage=critical,keyCertSign,cRLSign -out another.crt 2>/dev/null
    export SSL_CERT_FILE=$dir/os.pem
    "$bin/chancery" --quiet --state "$dir/state" init --role primary --name appliance.test --listen 127.0.0.1 --port-base 47000 --password-file "$dir/password" >/dev/null
    for i in console portal; do cp "$dir/state/current/identities/$i/certificate.pem" "$dir/default-$i.crt"; done
    "$bin/chancery" --quiet --state "$dir/state" cert replace --certificate old.crt --key old.key --also-trust root.crt >/dev/null
    cp -a state pristine
    ls pristine/backups | sed -n 's/\.zip$//p' | tail -n 1 >set-id
    ;;
  set-up) rm -rf "$dir/state"; cp -a "$dir/pristine" "$dir/state" ;;
  operation)
    base="$bin/chancery --state $dir/state"
    case $3 in
      replace) echo "$base cert replace --certificate $dir/new.crt --key $dir/new.key --also-trust $dir/root.crt" ;;
      append) echo "$base trust append $dir/another.crt --store portal" ;;
      import)
        printf 'changeit' >"$dir/changeit"
        echo "$base keystore import --keystore $dir/state/current/trust/portal/cacerts --storepass-file $dir/changeit --alias another --file $dir/another.crt"
        ;;
      restore) echo "$base backup restore $(cat "$dir/set-id")" ;;
      rollback) echo "$base generation rollback 1" ;;
    esac
    ;;
  check)
    # powerloss.py rebuilds folders without their modes, so what doctor says of permissions counts only for the state itself.
    state=${3:-$dir/state}
    CHANCERY_BIN=$bin CHANCERY_TOOLS=$tools exec python3 -SEB "$here/fault_check.py" "$dir" "$state" "$([ "$state" = "$dir/state" ] || echo permissions)"
    ;;
esac
