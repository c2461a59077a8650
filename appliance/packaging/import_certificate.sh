#!/bin/sh
# import_certificate.sh -alias NAME -file FILE [-storepass PASSWORD] [-keystore STORE]
#
# Imports a root certificate, or every certificate of a bundle, into a Java keystore: the portal's own trust store unless
# -keystore names another. -storepass takes :env and :file as keytool does; without it the password is "changeit" for the
# portal's store and asked for otherwise. A duplicate alias is an error that leaves the store as it was.
set -eu

chancery=${CHANCERY:-chancery}
portal_store="${CHANCERY_STATE:-/var/lib/chancery}/current/trust/portal/cacerts"
store= alias= file= how= password=

usage() {
  echo "usage: import_certificate.sh -alias NAME -file FILE [-storepass PASSWORD] [-keystore STORE]" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    -h | -help | --help) usage ;;
    -noprompt | -trustcacerts | -v) shift; continue ;;
  esac
  [ $# -ge 2 ] || usage
  case $1 in
    -alias) alias=$2 ;;
    -file) file=$2 ;;
    -keystore) store=$2 ;;
    -storepass) how=env password=$2 ;;
    -storepass:env)
      case $2 in *[!A-Za-z0-9_]* | [0-9]* | "") usage ;; esac
      how=env
      eval "password=\${$2-}"
      ;;
    -storepass:file) how=file password=$2 ;;
    *) usage ;;
  esac
  shift 2
done
[ -n "$alias" ] && [ -n "$file" ] || usage
if [ -z "$store" ]; then
  store=$portal_store
  if [ -z "$how" ]; then how=env password=changeit; fi
fi

set -- keystore import --keystore "$store" --alias "$alias" --file "$file"
case $how in
  env)
    CHANCERY_IMPORT_STOREPASS=$password
    export CHANCERY_IMPORT_STOREPASS
    exec "$chancery" "$@" --storepass-env CHANCERY_IMPORT_STOREPASS
    ;;
  file) exec "$chancery" "$@" --storepass-file "$password" ;;
  *) exec "$chancery" "$@" ;;
esac
