#!/usr/bin/env bash
# Makes, in the folder where it runs, the keys and certificates that pkcs12_stores.h puts into stores.
set -euo pipefail
for name in leaf issuing root; do openssl ecparam -genkey -name prime256v1 -out $name.key; done
openssl genrsa -out rsa.key 2048
openssl genpkey -algorithm ED25519 -out ed.key
for name in root rsa ed; do
  openssl req -x509 -new -key $name.key -subj /O=Corp/CN=$name -set_serial 0x01010101 -days 30 -out $name.crt
done

# issue NAME ISSUER SUBJECT EXTENSION...
issue() {
  openssl req -new -key $1.key -subj "$3" -out $1.csr
  printf '%s\n' "${@:4}" >$1.ext
  openssl x509 -req -in $1.csr -CA $2.crt -CAkey $2.key -set_serial $RANDOM -days 30 -extfile $1.ext -out $1.crt
}
issue issuing root /O=Corp/CN=issuing basicConstraints=critical,CA:TRUE subjectKeyIdentifier=hash
issue leaf issuing /CN=leaf.example.com authorityKeyIdentifier=keyid
# The issuing CA's name, another key.
cp ed.key again.key
issue again root /O=corp/CN=Issuing subjectKeyIdentifier=hash
cat issuing.crt root.crt >cas.crt

for name in leaf rsa ed; do openssl pkcs8 -topk8 -nocrypt -in $name.key -outform DER -out $name.p8; done
openssl pkcs12 -export -passout pass:x -inkey leaf.key -in leaf.crt -certfile cas.crt -name web -out web.p12
mkdir nss
certutil -N -d nss --empty-password
pk12util -i web.p12 -d nss -K '' -W x
