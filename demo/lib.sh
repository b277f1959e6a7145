# Shared by up.sh, down.sh and attack.sh: names, addresses, and one way to speak to Docker, Podman
# or plain runc. Sourced, not run.
# shellcheck shell=bash

CACHE="${RAMPART_DEMO_CACHE:-/var/cache/rampart-demo}"
RUN=/run/rampart-demo
PROJECT=shop
NETWORK=rampart-demo
BRIDGE=rampart-demo0
# A private network nobody else is likely to use; another one by RAMPART_DEMO_NET, three parts.
NET="${RAMPART_DEMO_NET:-10.213.77}"
GATEWAY="$NET.1"
# Name, address, user. The user is what the service runs as in its container.
SERVICES=(web api db load)
declare -A ADDRESS=([web]="$NET.10" [api]="$NET.11" [db]="$NET.12" [load]="$NET.13")
declare -A RUN_AS=([web]=0:0 [api]=33:0 [db]=100:100 [load]=1000:1000)
declare -A COMMAND=(
  [web]="/usr/sbin/nginx -c /etc/nginx/nginx.conf"
  [api]="/usr/bin/python3 /srv/api.py"
  [db]="/usr/bin/redis-server /etc/redis.conf"
  [load]="/bin/busybox sh /srv/load.sh"
)
# Older and smaller hosts refuse to raise limits for a container; these are within every host's.
LIMITS=(--ulimit nofile=1024:1024 --ulimit nproc=4096:4096)

say() { printf '%s\n' "$*" >&2; }
fail() { say "demo: $*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
need_root() { [ "$(id -u)" = 0 ] || fail "needs root: containers, networks and packages of the host are touched"; }

# The engine that up.sh chose, so that the other scripts use the same one.
engine() {
  [ -s "$RUN/engine" ] || fail "the demo is not running: start it with demo/up.sh"
  cat "$RUN/engine"
}

docker_cli() {
  if [ -S "$RUN/docker.sock" ]; then
    docker --host "unix://$RUN/docker.sock" "$@"
  else
    docker "$@"
  fi
}
podman_cli() { podman --runtime runc --cgroup-manager cgroupfs "$@"; }

# Runs a program in a service's container: in_container SERVICE PROGRAM ARGS...
in_container() {
  local service=$1
  shift
  case "$(engine)" in
    docker) docker_cli exec "$PROJECT-$service" "$@" ;;
    podman) podman_cli exec "$PROJECT-$service" "$@" ;;
    runc) runc exec "$PROJECT-$service" "$@" ;;
  esac
}

running() {
  case "$(engine)" in
    docker) [ "$(docker_cli inspect -f '{{.State.Running}}' "$PROJECT-$1" 2>/dev/null)" = true ] ;;
    podman) [ "$(podman_cli inspect -f '{{.State.Running}}' "$PROJECT-$1" 2>/dev/null)" = true ] ;;
    runc) [ "$(runc state "$PROJECT-$1" 2>/dev/null | jq -r .status)" = running ] ;;
  esac
}

# wait_until SECONDS COMMAND...: true as soon as the command succeeds.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}
