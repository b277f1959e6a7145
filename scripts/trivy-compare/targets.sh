#!/usr/bin/env bash
# Makes what both scanners are shown, with the real package managers: a folder for each target, and
# `targets.txt` beside them: name, command (rootfs, fs, image), path.
#
# Usage: targets.sh DIRECTORY REFERENCE
#
# A tool or registry that cannot be had leaves its target out, with a word. Nothing outside
# DIRECTORY is written. A target that is there is not made again.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$1 reference=$2
mkdir -p "$root"; root=$(cd "$root" && pwd)
export RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup} CARGO_HOME=${CARGO_HOME:-$HOME/.cargo}
export HOME=$root/.home PIP_DISABLE_PIP_VERSION_CHECK=1 NO_COLOR=1 GOFLAGS=-mod=mod
mkdir -p "$HOME"; : > "$root/targets.txt"
skip() { printf 'skipped %s: %s\n' "$1" "$2" >&2; }
have() { command -v "$1" >/dev/null; }
target() { [ -e "$root/$3" ] && printf '%s %s %s\n' "$1" "$2" "$root/$3" >> "$root/targets.txt"; }
# Moves what was made whole into place: half a target is made again.
finish() { rm -rf "${root:?}/$1" && mv "$root/.new" "$root/$1"; }
begin() { [ ! -e "$root/$1" ] && rm -rf "$root/.new" && mkdir -p "$root/.new"; }

for suite in bullseye bookworm; do
    if ! have debootstrap; then skip "$suite" "debootstrap is not installed"; continue; fi
    more=curl,openssl,libxml2,ca-certificates,busybox-static
    [ "$suite" = bullseye ] && more=$more,python3,git,nginx-light,redis-server,libpq5
    if begin $suite; then
        timeout 1500 debootstrap --variant=minbase --include=$more $suite "$root/.new" >/dev/null 2>&1 \
            && rm -rf "$root/.new"/{dev,proc,sys}/* "$root/.new/var/cache/apt/archives"/*.deb && finish $suite \
            || skip $suite "debootstrap failed"
    fi
    target $suite rootfs $suite
done

# Distroless: a file of status for each package, no dpkg and no status file.
if [ -d "$root/bookworm" ] && begin distroless; then
    mkdir -p "$root/.new/var/lib/dpkg/status.d" "$root/.new/etc"
    cp "$root/bookworm/etc/os-release" "$root/bookworm/etc/debian_version" "$root/.new/etc/"
    for name in libc6 libssl3 openssl base-files tzdata libgcc-s1 gcc-12-base ca-certificates zlib1g; do
        awk -v RS= -v name="$name" '$2 == name' "$root/bookworm/var/lib/dpkg/status" | grep -v '^Status:' \
            > "$root/.new/var/lib/dpkg/status.d/$name"
        find "$root/bookworm/var/lib/dpkg/info" -name "$name.md5sums" -o -name "$name:*.md5sums" \
            | xargs -r cat > "$root/.new/var/lib/dpkg/status.d/$name.md5sums"
        [ -d "$root/bookworm/usr/share/doc/$name" ] && mkdir -p "$root/.new/usr/share/doc" \
            && cp -r "$root/bookworm/usr/share/doc/$name" "$root/.new/usr/share/doc/"
    done
    finish distroless
fi
target distroless rootfs distroless

# Alpine and AlmaLinux: made of what their advisories speak of, just before and at each fix.
for system in alpine alma8 alma9; do
    if begin $system; then
        python3 "$here/system.py" "$reference" $system "$root/.new" && finish $system || skip $system "could not be made"
    fi
    target $system rootfs $system
done

if have npm && begin node; then
    cd "$root/.new" && printf '%s' '{"name":"app","version":"1.0.0","dependencies":{"express":"4.17.1","lodash":"4.17.20","old":"npm:minimist@1.2.0","@babel/core":"7.12.0"},"devDependencies":{"mocha":"8.0.1"}}' > package.json
    npm install --silent --ignore-scripts >/dev/null 2>&1 && finish node || skip node "npm cannot install"
fi
target node-installed rootfs node
target node-project fs node

if have pip && begin python; then
    mkdir -p "$root/.new/usr/lib/python3/site-packages" && pip -q install --no-compile --target "$root/.new/usr/lib/python3/site-packages" \
        django==3.2 requests==2.25.0 flask==1.1.2 pyyaml==5.4.1 pillow==9.0.0 sqlalchemy==1.4.0 ruamel.yaml==0.16.5 >/dev/null 2>&1 \
        || pip -q install --no-compile --target "$root/.new/usr/lib/python3/site-packages" django==3.2 requests==2.25.0 flask==1.1.2 sqlalchemy==1.4.0 zope.interface >/dev/null 2>&1
    egg=$root/.new/usr/lib/python3/dist-packages/Old_Thing-1.2.egg-info
    mkdir -p "$egg" && printf 'Metadata-Version: 1.1\nName: Old.Thing\nVersion: 1.2\nLicense: BSD\n' > "$egg/PKG-INFO"
    printf 'Metadata-Version: 1.0\nName: flat-egg\nVersion: 0.9.post1\n' > "$root/.new/usr/lib/python3/dist-packages/flat_egg-0.9.post1.egg-info"
    finish python
fi
target python-installed rootfs python

if have go && begin go; then
    mkdir -p "$root/.go/src" && cd "$root/.go/src" && export GOPATH=$root/.go/path GOCACHE=$root/.go/cache
    printf 'module example.com/app\ngo 1.21\nrequire (\n github.com/gin-gonic/gin v1.7.0\n golang.org/x/text v0.3.5\n github.com/gogo/protobuf v1.3.1\n golang.org/x/crypto v0.0.0-20200622213623-75b288015ac9\n)\nreplace golang.org/x/text => golang.org/x/text v0.3.6\n' > go.mod
    printf 'package main\nimport (\n "github.com/gin-gonic/gin"\n "golang.org/x/text/language"\n _ "github.com/gogo/protobuf/proto"\n _ "golang.org/x/crypto/ssh"\n)\nfunc main() { _ = gin.New(); _ = language.English }\n' > main.go
    if timeout 600 go mod tidy >/dev/null 2>&1; then
        mkdir -p "$root/.new/usr/bin" "$root/.new/src" && cp go.mod go.sum "$root/.new/src/"
        export CGO_ENABLED=0
        go build -o "$root/.new/usr/bin/plain" . && go build -trimpath -o "$root/.new/usr/bin/trimmed" . \
            && go build -trimpath -ldflags '-s -w' -o "$root/.new/usr/bin/stripped" . \
            && go build -buildmode=pie -ldflags "-s -w -X main.version=v1.2.3" -o "$root/.new/usr/bin/pie" . && finish go
    else skip go "modules cannot be had"; fi
fi
target go-binaries rootfs go
target go-project fs go/src

if have cargo && begin rust; then
    mkdir -p "$root/.rust/src" && cd "$root/.rust" && echo 'fn main() {}' > src/main.rs
    printf '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n[dependencies]\ntime = "=0.1.42"\nregex = "=1.5.4"\nhyper = "=0.14.10"\nsmallvec = "=1.6.0"\n' > Cargo.toml
    if cargo generate-lockfile -q 2>/dev/null; then
        mkdir -p "$root/.new/usr/bin" "$root/.new/project" && cp Cargo.lock Cargo.toml "$root/.new/project/"
        python3 "$here/auditable.py" Cargo.lock "$root/.rust/audit" \
            && objcopy --add-section .dep-v0="$root/.rust/audit" /bin/true "$root/.new/usr/bin/audited" && finish rust || skip rust "objcopy failed"
    else skip rust "the registry's index cannot be had"; fi
fi
target rust-binary rootfs rust/usr
target rust-project fs rust/project

if have mvn && begin java; then
    mkdir -p "$root/.java" && cd "$root/.java"
    cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>org.example</groupId><artifactId>app</artifactId><version>1.0</version><dependencies>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>2.14.1</version></dependency>
<dependency><groupId>com.fasterxml.jackson.core</groupId><artifactId>jackson-databind</artifactId><version>2.9.8</version></dependency>
<dependency><groupId>commons-collections</groupId><artifactId>commons-collections</artifactId><version>3.2.1</version></dependency>
<dependency><groupId>org.springframework</groupId><artifactId>spring-webmvc</artifactId><version>5.2.0.RELEASE</version></dependency>
<dependency><groupId>org.yaml</groupId><artifactId>snakeyaml</artifactId><version>1.26</version></dependency>
<dependency><groupId>com.google.guava</groupId><artifactId>guava</artifactId><version>24.1-jre</version></dependency>
<dependency><groupId>io.netty</groupId><artifactId>netty-all</artifactId><version>4.1.42.Final</version></dependency>
</dependencies></project>
POM
    timeout 300 mvn -q -B -Duser.home="$HOME" dependency:copy-dependencies -DoutputDirectory="$root/.java/lib" >/dev/null 2>&1 \
        || { mkdir -p lib; cp -L /usr/share/java/*.jar lib/ 2>/dev/null; }
    if ls lib/*.jar >/dev/null 2>&1; then
        mkdir -p "$root/.new/opt/app/lib" war/WEB-INF/lib ear && cp lib/*.jar "$root/.new/opt/app/lib/"
        cp lib/*.jar war/WEB-INF/lib/ && (cd war && python3 -m zipfile -c ../ear/site.war WEB-INF) \
            && (cd ear && python3 -m zipfile -c "$root/.new/opt/app/all.ear" site.war) && finish java
    else skip java "no jar can be had"; fi
fi
target java rootfs java

# Debian's own jars: few of them carry coordinates.
if ls /usr/share/java/*.jar >/dev/null 2>&1 && begin java-debian; then
    mkdir -p "$root/.new/app" && find /usr/share/java -maxdepth 1 -name '*.jar' -type f -exec cp {} "$root/.new/app/" \; && finish java-debian
fi
target java-debian rootfs java-debian

if have gem && begin ruby; then
    for dir in $(gem env path | tr ':' ' '); do
        [ -d "$dir/specifications" ] && mkdir -p "$root/.new/$dir" && cp -r "$dir/specifications" "$root/.new/$dir/"
    done
    finish ruby
fi
target ruby-installed rootfs ruby

if begin others; then
    cp -r "$here/others/." "$root/.new/" && finish others
fi
target others fs others

for lock in "$root"/../real/*/tree; do
    name=$(basename "$(dirname "$lock")")
    case $name in
        npm-installed|pip-target|venv|gems|npm-hidden-lock|.*) continue ;;
    esac
    [ -n "$(ls -A "$lock")" ] && printf 'lock-%s fs %s\n' "$name" "$lock" >> "$root/targets.txt"
done

# An image of three layers: the root, applications on it, and one of them deleted again.
if [ -d "$root/bookworm" ] && [ ! -e "$root/image.tar" ]; then
    python3 "$here/image.py" "$root/image.tar" "$root/bookworm" "$root/node:srv/node" "$root/python" "$root/go:opt/go" \
        --delete srv/node/node_modules/lodash || skip image "could not be made"
fi
target image image image.tar
