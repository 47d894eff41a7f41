#!/bin/sh
# Makes the authority and the certificate with which docker-compose.yml's Redis speaks TLS, once: what is in the folder
# stays. The authority's key is thrown away, so nothing else can ever be signed with it.
#
#   certificates.sh FOLDER NAME OWNER     NAME: how clients reach the server; OWNER: who may read its key
set -eu
folder=$1 name=$2 owner=$3
[ ! -e "$folder/$name.pem" ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=Fanfare compose" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \
    -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
    -keyout "$work/key" -out "$work/request" 2>/dev/null
printf 'subjectAltName=DNS:%s\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' "$name" >"$work/extensions"
openssl x509 -req -in "$work/request" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days 3650 \
    -extfile "$work/extensions" -out "$work/certificate" 2>/dev/null

install -m 644 "$work/ca.pem" "$folder/ca.pem"
install -m 600 -o "$owner" "$work/key" "$folder/$name.key"
# The last one, because it says that all of it is there.
install -m 644 "$work/certificate" "$folder/$name.pem"
