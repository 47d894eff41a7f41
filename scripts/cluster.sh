#!/usr/bin/env bash
# The topology of docker-compose.yml from plain processes on free loopback ports: PostgreSQL, Redis, two instances and
# nginx (BALANCER=haproxy: HAProxy) in front, with the demo world. What ends is started again after a while, so that
# faults can be tried. Ctrl-C ends everything, by process id, and removes the folder that all of it lives in.
#
#   PORT=8080            where the balancer listens; a free port otherwise
#   BALANCER=haproxy     instead of nginx
#   RESTART_DELAY=3      seconds until what ended is started again
#   CLUSTER_SECRET=…     the secret that tokens are signed with; a new one otherwise
#   FANFARE_BIN=…        the program to run instead of building it
# Other FANFARE_ settings of the environment apply to both instances.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
balancer=${BALANCER:-nginx}
delay=${RESTART_DELAY:-3}

fail() { echo "make cluster: $*" >&2 && exit 1; }

# --- what is needed

for needed in "setpriv util-linux" "redis-server redis-server" "$balancer $balancer"; do
    read -r command package <<<"$needed"
    PATH=$PATH:/usr/sbin command -v "$command" >/dev/null || fail "$command is missing: apt-get install $package"
done
postgres=$(find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -1)
[ -n "$postgres" ] || postgres=$(command -v initdb) || fail "PostgreSQL is missing: apt-get install postgresql"
postgres=$(dirname "$postgres")
program=${FANFARE_BIN:-$root/target/debug/fanfare}
[ -n "${FANFARE_BIN:-}" ] || cargo build --bin fanfare
unset FANFARE_BIN # no setting of the server's

# A client takes two files of the balancer's and one of an instance's.
ulimit -n "$(ulimit -Hn)"

# --- processes: started by name, known by pid, started again when they end

declare -A pid_of=() starts=() due=()
folder=$(mktemp -d "${TMPDIR:-/tmp}/fanfare-cluster.XXXXXX")
mkdir "$folder/log"
# The databases and the balancer run as somebody else where this runs as root: PostgreSQL insists on it.
servant=()
chmod 711 "$folder"
if [ "$(id -u)" -eq 0 ]; then
    user=$(id -un postgres 2>/dev/null || echo nobody)
    servant=("--reuid=$(id -u "$user")" "--regid=$(id -g "$user")" --clear-groups)
fi

# own FOLDER… : makes them, for the user that the databases run as
own() {
    mkdir -p "$@"
    [ "$(id -u)" -ne 0 ] || chown "$user:" "$@"
}

# last NAME : the signal that ends it in order. At TERM PostgreSQL would wait for its clients.
last() { [ "$1" = postgres ] && echo INT || echo TERM; }

# spawn NAME [as servant] COMMAND… : in a session of its own, so that the terminal's Ctrl-C reaches this script alone;
# the kernel ends it should this script be killed.
spawn() {
    local name=$1 as=() signal
    signal=$(last "$name")
    shift
    if [ "$1" = servant ]; then
        as=("${servant[@]}")
        shift
    fi
    setsid setpriv --pdeathsig "$signal" "${as[@]}" "$@" >>"$folder/log/$name" 2>&1 </dev/null &
    pid_of[$name]=$!
    echo $! >"$folder/$name.pid"
}

end_all() {
    local name watch
    trap '' INT TERM HUP
    trap - EXIT
    # An instance ends within 30 s. Whatever does not end is killed, so that nothing is left.
    (sleep 35 && kill -KILL "${pid_of[@]}") >/dev/null 2>&1 &
    watch=$!
    for name in balancer instance-1 instance-2 redis postgres; do
        [ -n "${pid_of[$name]:-}" ] || continue
        kill -"$(last "$name")" "${pid_of[$name]}" 2>/dev/null || true
        kill -CONT "${pid_of[$name]}" 2>/dev/null || true
        # Both instances go away at once, as in a deployment that is taken down.
        [ "$name" = instance-1 ] || wait "${pid_of[$name]}" 2>/dev/null || true
        [ "$name" != instance-2 ] || wait "${pid_of[instance-1]:-}" 2>/dev/null || true
    done
    kill "$watch" 2>/dev/null || true
    rm -rf "$folder"
}
trap end_all EXIT
trap 'echo; echo "Ending."; exit 0' INT
trap 'exit 143' TERM HUP

# --- ports: below the range from which the kernel takes those of outgoing connections

taken=" "
# pick NAME : sets the variable to a port on which nobody listens
pick() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        [[ $taken != *" $port "* ]] && ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    done
    taken+="$port "
    printf -v "$1" %s "$port"
}
declare postgres_port redis_port front_port instance_1_port instance_2_port admin_1_port admin_2_port
for port in postgres_port redis_port front_port instance_1_port instance_2_port admin_1_port admin_2_port; do pick "$port"; done
front_port=${PORT:-$front_port}

# --- what is started

secret=${CLUSTER_SECRET:-$(head -c 48 /dev/urandom | base64 -w0)}
database="postgres://fanfare@127.0.0.1:$postgres_port/postgres?sslmode=disable"

starts[postgres]=start_postgres
start_postgres() {
    spawn postgres servant "$postgres/postgres" -D "$folder/postgres/data" -p "$postgres_port" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories=
}

starts[redis]=start_redis
start_redis() { # nothing in it is worth keeping
    spawn redis servant redis-server --bind 127.0.0.1 --port "$redis_port" --save '' --appendonly no --dir "$folder/redis"
}

# instance NUMBER : in the folder, where no .env is found
instance() {
    local port=instance_$1_port admin=admin_$1_port seed=false
    [ "$1" != 1 ] || seed=true
    spawn "instance-$1" env -C "$folder" FANFARE_MODE=development FANFARE_JWT_SECRET="$secret" FANFARE_SEED="$seed" \
        FANFARE_LISTEN="127.0.0.1:${!port}" FANFARE_ADMIN_LISTEN="127.0.0.1:${!admin}" FANFARE_DATA_DIR="$folder/data" \
        FANFARE_DATABASE_URL="$database" FANFARE_REDIS_URL="redis://127.0.0.1:$redis_port" \
        FANFARE_TRUSTED_PROXIES=127.0.0.1 "$program" serve
}
starts[instance-1]='instance 1'
starts[instance-2]='instance 2'

# The balancer's own file, with the addresses and folders of this machine.
place() {
    sed -e "s|fanfare-1:3000|127.0.0.1:$instance_1_port|; s|fanfare-2:3000|127.0.0.1:$instance_2_port|" \
        -e "s|listen 8080;|listen 127.0.0.1:$front_port;|; s|bind :8080|bind 127.0.0.1:$front_port|" \
        -e "s|/tmp/nginx|$folder/balancer|; s|/dev/stdout|$folder/balancer/access.log|" "deploy/$1" >"$folder/$1"
    chmod 644 "$folder/$1"
}
starts[balancer]="start_$balancer"
start_nginx() { # one process, so that its pid is all of it
    PATH=$PATH:/usr/sbin spawn balancer servant nginx -e stderr -p "$folder/balancer" -c "$folder/nginx.conf" \
        -g 'daemon off; master_process off;'
}
start_haproxy() { PATH=$PATH:/usr/sbin spawn balancer servant haproxy -db -f "$folder/haproxy.cfg"; }

# await NAME COMMAND… : until the command succeeds, for half a minute
await() {
    local name=$1 since=$SECONDS
    shift
    until "$@" >/dev/null 2>&1; do
        if ! kill -0 "${pid_of[$name]}" 2>/dev/null || [ $((SECONDS - since)) -ge 30 ]; then
            tail -n 20 "$folder/log/$name" >&2
            fail "$name does not start"
        fi
        sleep 0.1
    done
}
# answers PORT : whether an instance, or one behind the balancer, wants traffic there
answers() { env -C "$folder" FANFARE_LISTEN="127.0.0.1:$1" "$program" healthcheck --ready; }
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }

own "$folder/postgres" "$folder/redis" "$folder/balancer"
env -C "$folder/postgres" setpriv "${servant[@]}" "$postgres/initdb" --no-sync --no-locale --encoding=UTF8 --auth=trust \
    --username=fanfare -D "$folder/postgres/data" >"$folder/log/initdb" 2>&1 || fail "initdb: $(cat "$folder/log/initdb")"
start_postgres
start_redis
place "$([ "$balancer" = nginx ] && echo nginx.conf || echo haproxy.cfg)"
await postgres "$postgres/pg_isready" -q -h 127.0.0.1 -p "$postgres_port"
await redis listens "$redis_port"
instance 1
await instance-1 answers "$instance_1_port"
instance 2
await instance-2 answers "$instance_2_port"
"start_$balancer"
await balancer answers "$front_port"

(umask 077 && cat >"$folder/env") <<END
export CLUSTER=$folder FANFARE_URL=http://127.0.0.1:$front_port FANFARE_JWT_SECRET='$secret' FANFARE_DATABASE_URL='$database'
export INSTANCE_1=http://127.0.0.1:$instance_1_port INSTANCE_2=http://127.0.0.1:$instance_2_port
export METRICS_1=http://127.0.0.1:$admin_1_port/metrics METRICS_2=http://127.0.0.1:$admin_2_port/metrics
export REDIS_PORT=$redis_port
END
cat <<END

The cluster is running: two instances, PostgreSQL, Redis, and $balancer in front.

  open        http://127.0.0.1:$front_port/
  instance 1  http://127.0.0.1:$instance_1_port/   metrics http://127.0.0.1:$admin_1_port/metrics
  instance 2  http://127.0.0.1:$instance_2_port/   metrics http://127.0.0.1:$admin_2_port/metrics
  PostgreSQL  psql -h 127.0.0.1 -p $postgres_port -U fanfare postgres
  Redis       redis-cli -p $redis_port
  logs        $folder/log/

Open it in two windows and sign in as ada and as ben. Then, in another terminal, take something away and watch:

  . $folder/env
  kill -9 \$(cat \$CLUSTER/instance-1.pid)       an instance; its clients go to the other one and miss nothing
  kill \$(cat \$CLUSTER/instance-2.pid)          the same in order: everybody is told when to come back
  kill -9 \$(cat \$CLUSTER/redis.pid)            events come by the head check until it is back
  kill -STOP \$(cat \$CLUSTER/redis.pid)         a Redis that hangs; -CONT lets it go on
  kill -INT \$(cat \$CLUSTER/postgres.pid)       the database: changes are refused, sockets stay
  kill -9 \$(cat \$CLUSTER/balancer.pid)         every socket at once

What ends is started again after $delay s. Ctrl-C ends all of it.

END

# --- until Ctrl-C

# Looked at and not waited for: bash forgets a process that ends just before `wait -n`.
while :; do
    sleep 0.5 &
    wait $! 2>/dev/null || true
    for name in "${!pid_of[@]}"; do
        pid=${pid_of[$name]}
        ! kill -0 "$pid" 2>/dev/null || continue
        code=0
        wait "$pid" 2>/dev/null || code=$?
        unset "pid_of[$name]"
        due[$name]=$((SECONDS + delay))
        echo "$name ended ($code); it is started again in $delay s"
    done
    for name in "${!due[@]}"; do
        [ "$SECONDS" -ge "${due[$name]}" ] || continue
        unset "due[$name]"
        ${starts[$name]}
        echo "$name is started again: pid ${pid_of[$name]}"
    done
done
