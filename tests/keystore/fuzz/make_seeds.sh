#!/usr/bin/env bash
# Makes the seed corpora of the fuzz targets in the folder $1: one file of each kind that the parsers know, by openssl.
# Passphrases are "fuzz", iteration counts small: it is the structure that is fuzzed, not the hashing.
set -euo pipefail
mkdir -p "$1"
cd "$1"
mkdir -p material certificate request name cursor

exec >make_seeds.log 2>&1
openssl ecparam -genkey -name prime256v1 -out material/ec.key
openssl genrsa -traditional -out material/rsa.key 1024
openssl genpkey -algorithm ED25519 -out material/ed.key
cat >seed.cnf <<'CNF'
[req]
distinguished_name=dn
[dn]
[leaf]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
subjectAltName=DNS:portal.example.com,DNS:*.example.com,IP:192.0.2.1,IP:2001:db8::1,URI:https://a/b,email:a@example.com,RID:1.2.3,otherName:1.2.3.4;UTF8:x,dirName:dir
1.2.3.4=critical,DER:0500
[dir]
CN=inner
[ca]
basicConstraints=critical,CA:TRUE,pathlen:1
nameConstraints=permitted;DNS:example.com
certificatePolicies=1.2.3
[ca_section]
database=index
default_md=sha256
default_crl_days=9
CNF
for key in ec rsa ed; do
  openssl req -x509 -new -key material/$key.key -config seed.cnf -extensions leaf -subj "/O=A/CN=$key" -out material/$key.crt
  openssl x509 -in material/$key.crt -outform DER -out certificate/$key.der
  openssl req -new -key material/$key.key -config seed.cnf -reqexts leaf -subj "/O=A/CN=$key" -out material/$key.csr ||
    openssl req -new -key material/$key.key -subj "/O=A/CN=$key" -out material/$key.csr
  openssl req -in material/$key.csr -outform DER -out request/$key.der
  openssl pkcs8 -topk8 -nocrypt -in material/$key.key -outform DER -out material/$key.p8.der
  openssl pkcs8 -topk8 -in material/$key.key -iter 2 -passout pass:fuzz -out material/$key.encrypted.key
done
openssl req -x509 -new -key material/ec.key -config seed.cnf -extensions ca -subj /CN=ca -outform DER -out certificate/ca.der
openssl x509 -req -in material/ec.csr -signkey material/ec.key -outform DER -out certificate/v1.der
openssl x509 -in material/ec.crt -trustout -addtrust serverAuth -out material/trusted.crt
openssl x509 -in material/ec.crt -text -out material/text.crt
openssl pkcs8 -topk8 -in material/ec.key -scrypt -scrypt_N 2 -passout pass:fuzz -outform DER -out material/scrypt.der
openssl rsa -in material/rsa.key -traditional -aes128 -passout pass:fuzz -out material/rsa.old.key
openssl ec -in material/ec.key -des3 -passout pass:fuzz -out material/ec.old.key
openssl crl2pkcs7 -nocrl -certfile material/ec.crt -certfile material/rsa.crt -outform DER -out material/chain.p7b
openssl crl2pkcs7 -nocrl -certfile material/ec.crt -out material/chain.p7b.pem
cat material/ec.crt material/ec.key >pair
for options in "" "-legacy" "-keypbe NONE -certpbe NONE" "-nomac"; do
  openssl pkcs12 -export -in pair -iter 2 -maciter -passout pass:fuzz $options -out "material/store$(echo $options | tr -d ' ').p12"
done
openssl pkcs12 -export -in pair -iter 2 -passout pass: -out material/empty.p12
touch index
printf '[ca]\ndefault_ca=ca_section\n' | cat - seed.cnf >ca.cnf
openssl ca -config ca.cnf -gencrl -keyfile material/ec.key -cert material/ec.crt -out material/crl.pem
sed 's/$/\r/' material/ec.crt >material/crlf.crt
printf '\xfe\xed\xfe\xed\0\0\0\2\0\0\0\0' >material/store.jks
printf '<html>' >material/page.html
printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n' >material/ssh.key

number=0
for text in portal.example.com '*.example.com' 192.0.2.1 2001:db8::1 '[::1]' https://a/b a@example.com bücher.example \
  xn--bcher-kva.example 2026-11-21T10:15:00Z 00ff Zm9v; do
  number=$((number + 1))
  printf '%s' "$text" >name/$number
done
printf '\0\1\2\3\4\5\6\7\4\5\6\7\0\2ab\0\0\0\3cdeffffffff' >cursor/1
printf '\5\6\5\6\0\1\0\0\0\1' >cursor/2
