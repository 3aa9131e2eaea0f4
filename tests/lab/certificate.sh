#!/bin/sh
# certificate.sh DIR FORM: a server's key and certificate, as the form says.
set -eu
cd "$1"
export OPENSSL_CONF=openssl.cnf
printf '[req]\ndistinguished_name = dn\n[dn]\n[server]\nsubjectAltName = DNS:camera.test\n' > openssl.cnf
key='-newkey ec -pkeyopt ec_paramgen_curve:P-256'
hash=-sha256
at=
[ "$2" = short-key ] && key='-newkey rsa:1024'
[ "$2" = sha1 ] && hash=-sha1
[ "$2" = expired ] && at='faketime -f -400d'
# The site's own authority.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 800 -subj '/CN=Lab authority' -keyout ca.key -out ca.pem
if [ "$2" = self-signed ]; then
    # shellcheck disable=SC2086 # words
    openssl req -x509 $key -nodes -days 300 -subj /CN=camera.test -keyout key.pem -out cert.pem
    exit 0
fi
if [ "$2" = shared ]; then
    # A key that all devices of a series have.
    [ -e ../series.key ] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ../series.key
    cp ../series.key key.pem
    key='-key key.pem'
fi
# shellcheck disable=SC2086
openssl req $key -nodes -subj /CN=camera.test -keyout new.pem -out request.pem 2> /dev/null ||
    openssl req -new $key -subj /CN=camera.test -out request.pem
[ -s new.pem ] && mv new.pem key.pem
# shellcheck disable=SC2086
$at openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial $hash -days 300 -extfile openssl.cnf -extensions server -out cert.pem
