#!/usr/bin/env bash
# Looks at everything that runs Fanfare elsewhere, with the programs that will read it: compose, the balancers, Prometheus,
# Kubernetes; then at what none of them can know (scripts/deployment.py). Needs no container engine and no cluster.
# With CI=true a program that is missing is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# check NAME PROGRAM COMMAND… : runs the command where the program is there; shows its output when it fails
check() {
    local name=$1 program=$2
    shift 2
    if ! command -v "$program" >/dev/null; then
        echo "skipped: $name ($program is not installed)"
        [ "${CI:-}" != true ] || failed=1
    elif "$@" >"$work/output" 2>&1; then
        echo "ok: $name"
    else
        echo "FAILED: $name"
        sed 's/^/    /' "$work/output"
        failed=1
    fi
}

# The instances' names mean something in the compose file's network only.
here() { sed 's/fanfare-\([12]\):3000/127.0.0.1:300\1/' "$1" | sed "s|/tmp/nginx|$work/nginx|; s|/dev/stdout|$work/access.log|"; }

compose() {
    mkdir -p "$work/deploy"
    cp deploy/secrets.sh "$work/deploy/"
    "$work/deploy/secrets.sh"
    local run=(docker-compose)
    ! docker compose version >/dev/null 2>&1 || run=(docker compose)
    "${run[@]}" --env-file "$work/.env" -f docker-compose.yml config >"$work/compose.yml"
    # and without secrets it refuses
    ! env -u POSTGRES_PASSWORD "${run[@]}" --env-file /dev/null -f docker-compose.yml config -q 2>/dev/null
}
nginx_file() {
    mkdir -p "$work/nginx"
    here deploy/nginx.conf >"$work/nginx.conf"
    nginx -t -q -e stderr -c "$work/nginx.conf"
}
haproxy_file() {
    here deploy/haproxy.cfg >"$work/haproxy.cfg"
    haproxy -c -q -f "$work/haproxy.cfg"
}
manifests() {
    kubectl kustomize deploy/kubernetes >"$work/manifests.yml"
    # The oldest version with everything that they use, and the newest that the checker knows.
    local version
    for version in 1.32 1.37; do
        "$tools/kubernetes-validate" --strict --quiet --kubernetes-version "$version" "$work/manifests.yml" \
            deploy/kubernetes/horizontalpodautoscaler.yaml
    done
}

# Checkers that Debian has not, in a folder of their own.
tools=$PWD/target/deployment/bin
python_tools() {
    [ -x "$tools/python" ] || python3 -m venv target/deployment
    "$tools/python" -m pip install --quiet --disable-pip-version-check -r scripts/deployment.txt
}

check "tools" python3 python_tools
check "shell scripts" shellcheck shellcheck -S warning scripts/*.sh deploy/*.sh .ci/run
check "docker-compose.yml" "$(docker compose version >/dev/null 2>&1 && echo docker || echo docker-compose)" compose
check "Dockerfile" "$tools/hadolint" "$tools/hadolint" Dockerfile
check "deploy/nginx.conf" nginx nginx_file
check "deploy/haproxy.cfg" haproxy haproxy_file
check "deploy/prometheus/prometheus.yml" promtool promtool check config deploy/prometheus/prometheus.yml
check "deploy/prometheus/alerts.yml, each alert played" promtool promtool test rules deploy/prometheus/alerts_test.yml
check "deploy/kubernetes" kubectl manifests
check "names, queries, ports and versions" "$tools/python" "$tools/python" scripts/deployment.py
exit "$failed"
