#!/bin/sh
# Writes .env for docker-compose.yml, with fresh secrets. An existing file stays as it is.
set -eu
umask 077
file=$(dirname "$0")/../.env
if [ -e "$file" ]; then
    echo "$file exists already, and stays as it is." >&2
    exit 1
fi
# Letters and digits, because some of them stand in URLs.
secret() { head -c 512 /dev/urandom | LC_ALL=C tr -dc 'A-Za-z0-9' | head -c 48; }
cat >"$file" <<END
# For docker-compose.yml. Not for version control.

# Tokens are signed with it; at least 32 bytes. Your application signs with the same one.
FANFARE_JWT_SECRET=$(secret)
POSTGRES_PASSWORD=$(secret)
REDIS_PASSWORD=$(secret)
GRAFANA_PASSWORD=$(secret)

# Origins whose pages may connect, separated by commas.
FANFARE_ALLOWED_ORIGINS=http://localhost:8080
# Where nginx can be reached.
HTTP_PORT=8080
# Where Grafana can be reached, from this machine alone.
GRAFANA_PORT=3001
END
echo "$file is written. Only you can read it."
