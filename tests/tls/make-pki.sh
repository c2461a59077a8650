#!/bin/bash
# usage: make-pki.sh DIR     the PKI of the tests, by openssl: one root, one intermediate, leaves named for what they are
set -e
mkdir -p "$1" && cd "$1"
ext() { cat > "$1.ext"; }
key() { openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl pkcs8 -topk8 -nocrypt -out "$1.key"; }
self() { key "$1"; openssl req -new -x509 -key "$1.key" -subj "/CN=$2" -days 3650 -sha256 -out "$1.pem" \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null; }
sign() { # NAME CN ISSUER DAYS  (extensions in NAME.ext)
  [ -f "$1.key" ] || key "$1"
  openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr" 2>/dev/null
  $5 openssl x509 -req -in "$1.csr" -CA "$3.pem" -CAkey "$3.key" -set_serial "0x$(openssl rand -hex 8)" -days "$4" -sha256 \
    -extfile "$1.ext" -out "$1.pem" 2>/dev/null
}
server() { printf 'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\nsubjectAltName=%s\n' "$2" | ext "$1"; }
client() { printf 'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=clientAuth\nsubjectAltName=%s\n' "$2" | ext "$1"; }

self root "Test Root"
printf 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n' | ext intermediate
sign intermediate "Test Intermediate" root 3650
NAMES=DNS:localhost,DNS:portal.example.com,IP:127.0.0.1
for leaf in a b; do server $leaf "$NAMES"; sign $leaf "leaf $leaf" intermediate 365; done
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key 2>/dev/null
server rsa "$NAMES"; sign rsa "leaf rsa" intermediate 365
server other-name DNS:elsewhere.example.com; sign other-name "other name" intermediate 365
server expired "$NAMES"; sign expired "expired" intermediate 5 "faketime -f -60d"
self federation "Federation Root"
self stranger "Stranger Root"
client member "URI:chancery://f/member/portal/portal.example.com"; sign member "portal.example.com" federation 365
client outsider "URI:chancery://f/member/portal/portal.example.com"; sign outsider "portal.example.com" stranger 365
server server-only "URI:chancery://f/member/portal/portal.example.com"; sign server-only "server only" federation 365
