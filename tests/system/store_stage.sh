#!/usr/bin/env bash
# The stage on which `keystore import` into a store outside any appliance is killed, failed, and loses its power: the store and
# the folder of its backup sets, both below DIR/state.
#
#   store_stage.sh make DIR                 DIR/pristine: a JKS of two roots whose sets have been used before
#   store_stage.sh set-up DIR               DIR/state becomes the pristine one again
#   store_stage.sh operation DIR OPERATION  prints the command line under test
#   store_stage.sh check DIR [STATE]        exit 0: wholly old or wholly new; if new, a set has the old; the next edit works
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
bin=${CHANCERY_BIN:-$here/../../build/bin}
verb=$1
dir=$2

with() {  # STATE ARGUMENTS…: chancery whose sets lie below STATE
  local state=$1
  shift
  XDG_STATE_HOME=$state/sets CHANCERY_STATE=$dir/no-appliance "$bin/chancery" --quiet "$@"
}
aliases_in() {  # STORE: what it holds, its digest verified
  with "$dir/other" --json keystore list --keystore "$1" --storepass-file "$dir/password" |
    python3 -SEc 'import json, sys; got = json.load(sys.stdin); assert got["integrity"] == "verified"; print(*sorted(e["alias"] for e in got["entries"]))'
}
fail() {
  echo "$1"
  exit 1
}

case $verb in
  make)
    mkdir -p "$dir/state/store"
    printf 'changeit' >"$dir/password"
    for name in first second third fourth; do
      {
        printf '[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\nsubjectKeyIdentifier=hash\n'
        # A store of more than a megabyte, of which a second thread makes the digests.
        if [ "${LARGE:-}" = yes ] && [[ $name =~ ^(first|second)$ ]]; then printf '1.2.3.4=ASN1:UTF8String:%s\n' "$(head -c 600000 /dev/zero | tr '\0' x)"; fi
      } >"$dir/$name.cnf"
      openssl req -x509 -config "$dir/$name.cnf" -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj "/CN=$name" -days 365 -out "$dir/$name.crt" 2>/dev/null
    done
    for name in first second; do
      with "$dir/state" keystore import --keystore "$dir/state/store/cacerts" --type JKS --storepass-file "$dir/password" --alias $name --file "$dir/$name.crt" >/dev/null
    done
    cp -a "$dir/state" "$dir/pristine"
    # The first edit of a machine: no folder of sets yet.
    [ "${FIRST_EDIT:-}" != yes ] || rm -rf "$dir/pristine/sets/chancery"
    cp "$dir/state/store/cacerts" "$dir/old"
    ;;
  set-up) rm -rf "$dir/state"; cp -a "$dir/pristine" "$dir/state" ;;
  operation)
    echo "env XDG_STATE_HOME=$dir/state/sets CHANCERY_STATE=$dir/no-appliance $bin/chancery keystore import --keystore $dir/state/store/cacerts" \
      "--storepass-file $dir/password --alias third --file $dir/third.crt"
    ;;
  check)
    state=${3:-$dir/state}
    store=$state/store/cacerts
    [ -f "$store" ] || fail "the store is gone"
    held=$(aliases_in "$store") || fail "the store cannot be read"
    case $held in
      "first second") cmp -s "$store" "$dir/old" || fail "the old entries, but other bytes" ;;
      "first second third")
        kept=no
        for set in "$state"/sets/chancery/sets/*.zip; do
          ! unzip -p "$set" keystore 2>/dev/null | cmp -s - "$dir/old" || kept=$set
        done
        [ "$kept" != no ] || fail "the new store is in place, and no set has the old one"
        id=$(basename "$kept" .zip)
        with "$state" backup verify "$id" >/dev/null || fail "the set of the old store does not verify"
        ;;
      *) fail "neither old nor new: $held" ;;
    esac
    with "$state" keystore import --keystore "$store" --storepass-file "$dir/password" --alias fourth --file "$dir/fourth.crt" >/dev/null ||
      fail "the next edit fails"
    [ "$(aliases_in "$store")" = "${held/second/fourth second}" ] || fail "the next edit leaves $(aliases_in "$store")"
    [ -z "$(ls -A "$state/store" | grep -v '^cacerts$')" ] || fail "left over: $(ls -A "$state/store")"
    ;;
esac
