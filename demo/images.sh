#!/bin/bash
# Builds the root file systems of the demo's images from the packages installed on this machine:
# the real programs, the libraries they are linked with, and their configuration. No registry, no
# download except of Debian packages that are missing. The result is kept in $CACHE.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=demo/lib.sh
. "$here/lib.sh"
need_root

PACKAGES=(nginx-light redis-server python3-minimal busybox-static findutils jq)

install_packages() {
  local missing=() package
  for package in "${PACKAGES[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  have apt-get || fail "needs Debian's packages: ${missing[*]}"
  say "demo: installing ${missing[*]}"
  # Debian starts services on installation; the demo wants the files only.
  local policy=/usr/sbin/policy-rc.d made=no
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made=yes
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >&2 || {
    [ $made = no ] || rm -f "$policy"
    fail "apt-get could not install ${missing[*]}"
  }
  [ $made = no ] || rm -f "$policy"
}

# put ROOT FILE...: copies programs with every library they are linked with.
put() {
  local root=$1 file real library
  shift
  for file in "$@"; do
    real=$(readlink -f "$file")
    install -D "$real" "$root/$file"
    # A file that is no dynamic program has no such list, and needs none.
    while read -r library; do
      [ -e "$root/$library" ] || install -D "$(readlink -f "$library")" "$root/$library"
    done < <(ldd "$real" 2>/dev/null | grep -o '/[^ ]*' || true)
  done
}

# What every image has: a shell and the tools an intruder hopes for.
base() {
  local root=$1
  mkdir -p "$root"/{etc,proc,sys,dev,run,tmp,var/tmp,root,bin,srv}
  chmod 1777 "$root/tmp" "$root/var/tmp"
  put "$root" /bin/dash /bin/bash /bin/cat /bin/ls /bin/cp /bin/chmod /usr/bin/id /bin/busybox /usr/bin/find
  ln -sf dash "$root/bin/sh"
  local applet
  for applet in nc wget ps vi telnet; do ln -sf busybox "$root/bin/$applet"; done
  # Left setuid by mistake, as is found in the wild: it runs anything as root.
  chmod 4755 "$root/usr/bin/find"
  cat >"$root/etc/passwd" <<'EOF'
root:x:0:0:root:/root:/bin/sh
redis:x:100:100:redis:/var/lib/redis:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/sh
shopper:x:1000:1000:shopper:/tmp:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
EOF
  printf 'root:x:0:\nwww-data:x:33:\nredis:x:100:\nshopper:x:1000:\nadm:x:4:\nnogroup:x:65534:\n' >"$root/etc/group"
  # Writable by the group root, as images for arbitrary users often have it.
  chmod 664 "$root/etc/passwd"
  printf 'passwd: files\ngroup: files\nhosts: files\n' >"$root/etc/nsswitch.conf"
}

build_web() {
  put "$1" /usr/sbin/nginx
  mkdir -p "$1"/{etc/nginx,var/www,var/lib/nginx,var/log/nginx}
  cp /etc/nginx/mime.types "$1/etc/nginx/"
  sed "s/@API@/${ADDRESS[api]}/" "$here/app/nginx.conf" >"$1/etc/nginx/nginx.conf"
  cp "$here/app/index.html" "$1/var/www/"
}

build_api() {
  local lib version
  version=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  put "$1" /usr/bin/python3
  lib=/usr/lib/python$version
  mkdir -p "$1$lib"
  tar -C "$lib" --exclude=__pycache__ --exclude=test --exclude=idlelib --exclude=ensurepip \
    --exclude=lib2to3 --exclude='config-*' -cf - . | tar -C "$1$lib" -xf -
  [ ! -d "$lib/lib-dynload" ] || put "$1" "$lib"/lib-dynload/*.so
  cp "$here/app/api.py" "$1/srv/"
}

build_db() {
  put "$1" /usr/bin/redis-server /usr/bin/redis-cli
  mkdir -p "$1/var/lib/redis"
  chown 100:100 "$1/var/lib/redis"
  cp "$here/app/redis.conf" "$1/etc/"
}

build_load() { cp "$here/app/load.sh" "$1/srv/"; }

# The same inputs give the same images: built again only when something they are made of changed.
fingerprint() {
  {
    cat "$here/images.sh" "$here"/app/*
    printf '%s\n' "$NET"
    dpkg-query -W "${PACKAGES[@]}" libc6 openssl 2>/dev/null || true
  } | sha256sum | cut -d' ' -f1
}

install_packages
mkdir -p "$CACHE"
wanted=$(fingerprint)
if [ "$(cat "$CACHE/fingerprint" 2>/dev/null || true)" = "$wanted" ]; then
  say "demo: images are built already, in $CACHE"
  exit 0
fi
rm -rf "$CACHE/rootfs" "$CACHE/fingerprint"
for service in "${SERVICES[@]}"; do
  say "demo: building image $PROJECT-$service"
  base "$CACHE/rootfs/$service"
  "build_$service" "$CACHE/rootfs/$service"
done
printf '%s\n' "$wanted" >"$CACHE/fingerprint"
