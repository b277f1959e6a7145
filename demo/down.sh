#!/bin/bash
# Undoes demo/up.sh: containers, network, and the daemon if the demo started one. With --images also
# the images and what was built for them. Safe to run twice, or when nothing runs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=demo/lib.sh
. "$here/lib.sh"
need_root
images=no
[ "${1:-}" != --images ] || images=yes

remove_by() {
  local cli=$1 prefix=$2 service
  for service in "${SERVICES[@]}"; do
    "$cli" rm -f "$PROJECT-$service" >/dev/null 2>&1 || true
  done
  "$cli" network rm "$NETWORK" >/dev/null 2>&1 || true
  if [ $images = yes ]; then
    for service in "${SERVICES[@]}"; do
      "$cli" rmi "$prefix$PROJECT-$service:demo" >/dev/null 2>&1 || true
    done
  fi
}

# Only the daemon the demo started, by the pid it wrote.
stop_docker() {
  local pid
  pid=$(cat "$RUN/docker.pid" 2>/dev/null) || return 0
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] || return 0
  kill "$pid"
  wait_until 20 test ! -e "/proc/$pid" || say "demo: dockerd (pid $pid) does not stop"
  # Docker leaves its parent control groups and the mark of its namespace.
  umount /run/docker/netns/default 2>/dev/null || true
  local group
  for group in /sys/fs/cgroup/docker /sys/fs/cgroup/*/docker; do
    [ ! -d "$group" ] || rmdir "$group" 2>/dev/null || true
  done
}

stop_podman_service() {
  local pid
  pid=$(cat "$RUN/podman.pid" 2>/dev/null) || return 0
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = podman ] || return 0
  kill "$pid"
  wait_until 10 test ! -e "/proc/$pid" || true
  rm -f /run/podman/podman.sock
}

remove_runc() {
  local service
  for service in "${SERVICES[@]}"; do
    runc delete --force "$PROJECT-$service" >/dev/null 2>&1 || true
    ip netns del "$PROJECT-$service" 2>/dev/null || true
    umount "$RUN/$service/rootfs" 2>/dev/null || true
  done
}

restore_host() {
  local forward
  forward=$(cat "$RUN/ip_forward" 2>/dev/null) || return 0
  # A Docker or Podman of the host's own may have come to need it since.
  if [ "$forward" = 0 ] && ! docker info >/dev/null 2>&1; then
    echo 0 >/proc/sys/net/ipv4/ip_forward
  fi
  [ -e "$RUN/no-cni-rules" ] || return 0
  # Empty chains of the CNI plugins, if nobody else's containers use them by now.
  [ "$(iptables -w -S CNI-FORWARD 2>/dev/null | wc -l)" = 2 ] || return 0
  iptables -w -D FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD || true
  iptables -w -F CNI-FORWARD && iptables -w -X CNI-FORWARD || true
  iptables -w -F CNI-ADMIN && iptables -w -X CNI-ADMIN || true
}

case "$(cat "$RUN/engine" 2>/dev/null || true)" in
  docker)
    if docker_cli info >/dev/null 2>&1; then remove_by docker_cli ""; fi
    stop_docker
    ;;
  podman)
    remove_by podman_cli localhost/
    stop_podman_service
    ;;
  runc) remove_runc ;;
  *) say "demo: nothing runs" ;;
esac
restore_host
ip link del "$BRIDGE" 2>/dev/null || true
rm -rf "$RUN"
[ $images = no ] || rm -rf "$CACHE"
say "demo: down"
