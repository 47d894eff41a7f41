#!/usr/bin/env bash
# Installs what the tests need and this machine has not, from Debian's packages: only what something here uses.
# Without root or sudo it says what is missing; the tests that need it are then skipped, and named.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()
# need COMMAND PACKAGE… : the packages bring the command
need() {
    local command=$1
    shift
    # Debian has its servers where not every user looks.
    PATH=$PATH:/usr/sbin command -v "$command" >/dev/null || packages+=("$@")
}

need cc build-essential
need python3 python3 python3-venv
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || packages+=(postgresql)
need redis-server redis-server
# For `make cluster` and for looking at deploy/ (scripts/deployment.sh).
need nginx nginx
need haproxy haproxy
need promtool prometheus
need shellcheck shellcheck
need openssl openssl
need kubectl kubernetes-client
docker compose version >/dev/null 2>&1 || need docker-compose docker-compose
if [ -e tests/clients/js/package.json ] || [ -e frontend-client/package.json ]; then need npm nodejs npm; fi
! grep -qs '"playwright-core"' frontend-client/package.json || need chromium chromium
if [ -e tests/clients/python ] && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    packages+=(python3-venv)
fi

[ ${#packages[@]} -gt 0 ] || exit 0
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
        echo "missing, and not to be installed without root: ${packages[*]}"
        exit 0
    fi
    as_root=(sudo -n)
fi
if ! command -v apt-get >/dev/null; then
    echo "missing, and this is not a Debian machine: ${packages[*]}"
    exit 0
fi
echo "installing ${packages[*]}"
# The tests start servers of their own: the packages must not start any for the machine, now or at its next start.
cluster=/etc/postgresql-common/createcluster.conf
if [[ " ${packages[*]} " == *" postgresql "* ]] && [ ! -e "$cluster" ]; then
    "${as_root[@]}" mkdir -p "$(dirname "$cluster")"
    echo "create_main_cluster = false" | "${as_root[@]}" tee "$cluster" >/dev/null
fi
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
if command -v systemctl >/dev/null; then
    for service in redis-server nginx haproxy prometheus; do
        [[ " ${packages[*]} " == *" $service "* ]] || continue
        "${as_root[@]}" systemctl disable --quiet "$service" || true
        [ ! -d /run/systemd/system ] || "${as_root[@]}" systemctl stop "$service" || true
    done
fi
