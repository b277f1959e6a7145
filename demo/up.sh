#!/bin/bash
# Starts the demo: a shop of a web server, an API, a database and its customers, as real containers
# on a private network. Uses the Docker that runs; else Podman's or Docker's programs without a
# daemon of yours; else plain runc. RAMPART_DEMO_ENGINE=docker|podman|runc chooses.
# Safe to run twice. demo/down.sh undoes everything.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=demo/lib.sh
. "$here/lib.sh"
need_root

choose_engine() {
  if [ -n "${RAMPART_DEMO_ENGINE:-}" ]; then
    echo "$RAMPART_DEMO_ENGINE"
  elif have docker && docker info >/dev/null 2>&1; then
    echo docker
  elif have docker && have dockerd && have containerd; then
    echo docker
  elif have podman; then
    echo podman
  elif have runc; then
    echo runc
  else
    fail "needs docker, podman or runc: apt-get install runc is enough"
  fi
}

network_is_free() {
  ip -4 -o addr show | grep -q "inet $NET\." && ! ip link show "$BRIDGE" >/dev/null 2>&1 &&
    fail "network $NET.0/24 is in use: choose another by RAMPART_DEMO_NET=10.x.y"
  return 0
}

# What the engines change on the host's network and leave behind; down.sh puts it back.
remember_host() {
  [ -e "$RUN/ip_forward" ] && return 0
  cat /proc/sys/net/ipv4/ip_forward >"$RUN/ip_forward"
  if have iptables && ! iptables -w -S CNI-FORWARD >/dev/null 2>&1; then touch "$RUN/no-cni-rules"; fi
}

all_running() {
  local service
  for service in "${SERVICES[@]}"; do running "$service" || return 1; done
}

# A daemon of the demo's own, where none runs: no rules on the host's network, data in the cache.
start_docker() {
  docker info >/dev/null 2>&1 && return 0
  [ -S "$RUN/docker.sock" ] && docker_cli info >/dev/null 2>&1 && return 0
  local hosts=(--host "unix://$RUN/docker.sock")
  [ -e /run/docker.sock ] || hosts+=(--host unix:///run/docker.sock)
  say "demo: no Docker runs; starting one for the demo"
  mkdir -p "$CACHE/docker"
  setsid dockerd "${hosts[@]}" --data-root "$CACHE/docker" --exec-root /run/docker \
    --pidfile "$RUN/docker.pid" --storage-driver overlay2 \
    --exec-opt native.cgroupdriver=cgroupfs --bridge none --iptables=false --ip6tables=false \
    --ip-masq=false --ip-forward=false </dev/null >"$RUN/dockerd.log" 2>&1 &
  wait_until 30 test -S "$RUN/docker.sock" || fail "dockerd did not start: $(tail -5 "$RUN/dockerd.log")"
  wait_until 30 docker_cli info || fail "dockerd does not answer: $(tail -5 "$RUN/dockerd.log")"
}

# Podman has no daemon; its service is what tells Rampart of labels.
start_podman_service() {
  [ -S /run/podman/podman.sock ] && curl -sf --max-time 5 --unix-socket /run/podman/podman.sock http://d/_ping >/dev/null 2>&1 && return 0
  mkdir -p /run/podman
  rm -f /run/podman/podman.sock
  setsid podman --runtime runc --cgroup-manager cgroupfs system service --time=0 \
    unix:///run/podman/podman.sock </dev/null >"$RUN/podman.log" 2>&1 &
  echo $! >"$RUN/podman.pid"
  wait_until 10 test -S /run/podman/podman.sock || say "demo: podman's service did not start; labels will be missing"
}

# Images are imported again only when they changed.
import_images() {
  local cli=$1 prefix=$2 service image wanted
  wanted=$(cat "$CACHE/fingerprint")
  for service in "${SERVICES[@]}"; do
    image="$prefix$PROJECT-$service:demo"
    [ "$("$cli" image inspect -f '{{index .Config.Labels "rampart.demo"}}' "$image" 2>/dev/null)" = "$wanted" ] && continue
    say "demo: importing image $image"
    tar -C "$CACHE/rootfs/$service" -c . |
      "$cli" import --change "LABEL rampart.demo=$wanted" - "$image" >/dev/null
  done
}

# Docker and Podman take the same words.
run_services() {
  local cli=$1 prefix=$2 service
  "$cli" network inspect "$NETWORK" >/dev/null 2>&1 ||
    "$cli" network create --subnet "$NET.0/24" --gateway "$GATEWAY" "${NETWORK_OPTIONS[@]}" "$NETWORK" >/dev/null
  for service in db api web load; do
    "$cli" rm -f "$PROJECT-$service" >/dev/null 2>&1 || true
    # The command is several words on purpose.
    # shellcheck disable=SC2086
    "$cli" run -d --name "$PROJECT-$service" --hostname "$service" \
      --label "com.docker.compose.project=$PROJECT" --label "com.docker.compose.service=$service" \
      --network "$NETWORK" --ip "${ADDRESS[$service]}" --user "${RUN_AS[$service]}" \
      --env "WEB=${ADDRESS[web]}" --env "DB=${ADDRESS[db]}" "${LIMITS[@]}" \
      "$prefix$PROJECT-$service:demo" ${COMMAND[$service]} >/dev/null 2> >(grep -v "IPv4 forwarding is disabled" >&2 || true)
    say "demo: started $PROJECT-$service at ${ADDRESS[$service]}"
  done
}

run_services_runc() {
  local service
  if ! ip link show "$BRIDGE" >/dev/null 2>&1; then
    ip link add "$BRIDGE" type bridge
    ip addr add "$GATEWAY/24" dev "$BRIDGE"
    ip link set "$BRIDGE" up
  fi
  for service in db api web load; do
    stop_runc "$service"
    join_bridge "$service"
    make_bundle "$service"
    local folder="$RUN/$service"
    runc run --detach --bundle "$folder" --pid-file "$folder/pid" "$PROJECT-$service" \
      </dev/null >"$folder/log" 2>&1 || fail "runc: $(cat "$folder/log")"
    say "demo: started $PROJECT-$service at ${ADDRESS[$service]}"
  done
}

stop_runc() {
  runc delete --force "$PROJECT-$1" >/dev/null 2>&1 || true
  ip netns del "$PROJECT-$1" 2>/dev/null || true
  umount "$RUN/$1/rootfs" 2>/dev/null || true
  rm -rf "${RUN:?}/$1"
}

join_bridge() {
  local ns="$PROJECT-$1" veth="demo-$1"
  ip netns add "$ns"
  ip link add "$veth" type veth peer name eth0 netns "$ns"
  ip link set "$veth" master "$BRIDGE" up
  ip -n "$ns" link set lo up
  ip -n "$ns" addr add "${ADDRESS[$1]}/24" dev eth0
  ip -n "$ns" link set eth0 up
  ip -n "$ns" route add default via "$GATEWAY"
}

make_bundle() {
  local service=$1 folder="$RUN/$1"
  mkdir -p "$folder"/{upper,work,rootfs}
  mount -t overlay overlay -o "lowerdir=$CACHE/rootfs/$service,upperdir=$folder/upper,workdir=$folder/work" "$folder/rootfs"
  jq -n --arg service "$service" --arg project "$PROJECT" --arg command "${COMMAND[$service]}" \
    --arg user "${RUN_AS[$service]}" --arg web "${ADDRESS[web]}" --arg db "${ADDRESS[db]}" \
    -f "$here/app/bundle.jq" >"$folder/config.json"
}

answers() {
  in_container load /bin/wget -q -O - "http://${ADDRESS[web]}:80/api/items" | grep -q sold
}

network_is_free
mkdir -p "$RUN"
chosen=$(choose_engine)
if [ -s "$RUN/engine" ] && [ "$(cat "$RUN/engine")" != "$chosen" ]; then
  "$here/down.sh"
  mkdir -p "$RUN"
fi
echo "$chosen" >"$RUN/engine"
remember_host
"$here/images.sh"
case "$chosen" in
  docker)
    start_docker
    if all_running; then say "demo: already running"; else
      NETWORK_OPTIONS=(-o "com.docker.network.bridge.name=$BRIDGE")
      import_images docker_cli ""
      run_services docker_cli ""
    fi
    ;;
  podman)
    start_podman_service
    if all_running; then say "demo: already running"; else
      NETWORK_OPTIONS=()
      import_images podman_cli localhost/
      run_services podman_cli localhost/
    fi
    ;;
  runc)
    if all_running; then say "demo: already running"; else run_services_runc; fi
    ;;
  *) fail "RAMPART_DEMO_ENGINE is docker, podman or runc" ;;
esac
wait_until 20 answers || fail "the shop does not answer; see the logs of its containers"
say "demo: the shop is up by $chosen: http://${ADDRESS[web]}/ (from this host)"
jq -nc --arg engine "$chosen" --arg web "${ADDRESS[web]}" --arg gateway "$GATEWAY" \
  '{ready: true, engine: $engine, web: $web, gateway: $gateway, project: "shop", services: ["web", "api", "db", "load"]}'
