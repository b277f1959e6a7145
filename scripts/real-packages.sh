#!/usr/bin/env bash
# Makes trees with the real package managers, and the list each of them prints, for the opt-in test
# `lang::real` of crates/vuln.
#
# Usage: scripts/real-packages.sh DIRECTORY
#        RAMPART_REAL_PACKAGES=DIRECTORY cargo test -p rampart-vuln --test it real -- --nocapture
#
# Needs python3, npm and their registries; Ruby's own gems are read where Ruby is installed. A tool
# that cannot be had is skipped with a word. Nothing outside DIRECTORY is written.
set -uo pipefail
[ $# -eq 1 ] || { echo "usage: $0 DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
root=$(cd "$1" && pwd)
export HOME=$root/home PIP_DISABLE_PIP_VERSION_CHECK=1 NO_COLOR=1
mkdir -p "$HOME"
venv=$root/.venv bin=$root/.venv/bin
skip() { printf 'skipped %s: %s\n' "$1" "$2" >&2; }
# Makes a case once: a second run goes on where the first was stopped.
new() { [ ! -s "$root/$1/list.txt" ] && mkdir -p "$root/$1/tree" && cd "$root/$1/tree"; }
pins() { sed -nE 's/^([A-Za-z0-9._-]+)(\[[^]]*\])?==([^ ;\\]+).*/\1 \3/p' | sort -u; }
flatten_npm='
const seen = new Set();
const walk = (node) => Object.entries(node.dependencies || {}).concat(
    Object.entries(node.devDependencies || {}), Object.entries(node.optionalDependencies || {})
  ).forEach(([key, child]) => {
    if (!child.version) return;
    const from = (child.resolved || "").match(/:\/\/[^/]+\/((?:@[^/]+\/)?[^/]+)\/-\//);
    const name = child.name || (from && from[1]) || child.from || key;
    seen.add(name + " " + child.version); walk(child);
  });
let text = ""; process.stdin.on("data", (d) => text += d).on("end", () => {
  const top = JSON.parse(text); [].concat(top).forEach(walk); console.log([...seen].sort().join("\n"));
});'
manifest='{"name":"app","version":"1.0.0","dependencies":{"express":"4.17.1","lodash":"4.17.20","old":"npm:minimist@1.2.0"},"devDependencies":{"mocha":"8.0.1"}}'

[ -x "$bin/pip" ] || python3 -m venv "$venv"
"$bin/pip" -q install uv poetry poetry-plugin-export pdm pipenv 2>/dev/null || skip tools "not installable"

if new pip-target; then
    "$bin/pip" -q install --target . django==3.2 requests==2.25.0 flask==1.1.2 pyyaml==6.0.1 2>/dev/null
    "$bin/pip" list --path . --format freeze | pins > ../list.txt
fi

if new venv; then
    python3 -m venv v && v/bin/pip -q install celery==5.2.0 sqlalchemy==1.4.0 setuptools 2>/dev/null
    v/bin/pip list --format freeze | pins > ../list.txt
fi

if new pip-freeze; then
    "$root/venv/tree/v/bin/pip" list --format freeze > requirements.txt
    pins < requirements.txt > ../list.txt
fi

index=${PIP_INDEX_URL:-$("$bin/pip" config get global.index-url 2>/dev/null || echo https://pypi.org/simple)}
project='[project]
name = "app"
version = "0.1.0"
requires-python = ">=3.9"
dependencies = ["flask==2.0.3", "requests[socks]==2.27.1"]
[dependency-groups]
dev = ["pytest==7.0.0"]'

if new uv; then
    printf '%s\n' "$project" > pyproject.toml
    "$bin/uv" -q lock && "$bin/uv" -q export --no-hashes --all-groups --no-emit-project | pins > ../list.txt
    mkdir -p "$root/pylock/tree"
    "$bin/uv" -q export --format pylock.toml --all-groups --no-emit-project -o "$root/pylock/tree/pylock.toml" > /dev/null
    cp ../list.txt "$root/pylock/list.txt"
fi

if new poetry; then
    printf '%s\n[[tool.poetry.source]]\nname = "index"\nurl = "%s"\n[tool.poetry]\npackage-mode = false\n' "$project" "$index" > pyproject.toml
    timeout 120 "$bin/poetry" -q lock && "$bin/poetry" show --no-ansi --all 2>/dev/null | sed -E 's/^([A-Za-z0-9._-]+) +(\(!\) +)?([^ ]+) .*/\1 \3/' | sort -u > ../list.txt
fi

if new pdm; then
    printf '%s\n[[tool.pdm.source]]\nname = "pypi"\nurl = "%s"\n' "$project" "$index" > pyproject.toml
    timeout 20 "$bin/pdm" -q lock 2>/dev/null && "$bin/pdm" export --without-hashes 2>/dev/null | pins > ../list.txt
fi

if new pipenv; then
    printf '[[source]]\nurl = "%s"\nverify_ssl = true\nname = "pypi"\n[packages]\nflask = "==2.0.3"\n[dev-packages]\npytest = "==7.0.0"\n' "$index" > Pipfile
    PIPENV_QUIET=1 "$bin/pipenv" lock >/dev/null 2>&1 && "$bin/pipenv" requirements --dev 2>/dev/null | pins > ../list.txt
fi

if new npm-installed; then
    printf '%s' "$manifest" > package.json
    npm install --silent --ignore-scripts --no-package-lock >/dev/null 2>&1
    { npm ls --all --json 2>/dev/null | node -e "$flatten_npm"; echo "app 1.0.0"; } > ../list.txt
    rm -f node_modules/.package-lock.json
fi

for version in 1 2 3; do
    new "npm-lock-$version" || continue
    printf '%s' "$manifest" > package.json
    npm install --silent --ignore-scripts --package-lock-only --lockfile-version "$version" >/dev/null 2>&1
    mkdir -p "$root/scratch-$version" && cp package.json package-lock.json "$root/scratch-$version"
    (cd "$root/scratch-$version" && npm ci --silent --ignore-scripts >/dev/null 2>&1 && npm ls --all --json 2>/dev/null | node -e "$flatten_npm") > ../list.txt
    # A lock file names what other systems need too; what is installed here does not show it.
    node -e 'for (const [p, e] of Object.entries(require("./package-lock.json").packages || {})) if (e.os && !e.os.includes(process.platform)) console.log(p.split("node_modules/").pop() + " " + e.version)' > foreign.txt
    if [ "$version" = 1 ]; then echo "fsevents $(node -p 'require("./package-lock.json").dependencies.fsevents?.version || ""')" > foreign.txt; fi
    cat foreign.txt >> ../list.txt
    rm -f package.json foreign.txt
done

if new npm-hidden-lock; then
    mkdir -p node_modules
    cp "$root/scratch-3/node_modules/.package-lock.json" node_modules/
    cp "$root/npm-lock-3/list.txt" ../list.txt
fi

npm install --silent --prefix "$root/tools" yarn@1.22.22 @yarnpkg/cli-dist@4.5.0 pnpm9@npm:pnpm@9.15.0 pnpm8@npm:pnpm@8.15.0 pnpm7@npm:pnpm@7.33.0 >/dev/null 2>&1 || skip yarn "not installable"
tools=$root/tools/node_modules

if new yarn-1; then
    printf '%s' "$manifest" > package.json
    node "$tools/yarn/bin/yarn.js" install --silent --ignore-scripts >/dev/null 2>&1
    { find node_modules -name package.json -path '*node_modules/*' | grep -E 'node_modules/(@[^/]+/)?[^/]+/package.json$' | while read -r f; do node -p 'const p=require(require("path").resolve(process.argv[1])); p.name+" "+p.version' "$f"; done; } | sort -u > ../list.txt
    # Left out of an install here, but locked.
    grep '^fsevents ' "$root/npm-lock-3/list.txt" >> ../list.txt
    rm -rf node_modules package.json
fi

if new yarn-berry; then
    printf '%s' "$manifest" > package.json
    printf 'nodeLinker: node-modules\nenableTelemetry: false\nenableScripts: false\nnpmRegistryServer: "%s"\n' "$(npm config get registry)" > .yarnrc.yml
    node "$tools/@yarnpkg/cli-dist/bin/yarn.js" install >/dev/null 2>&1 || skip yarn-berry "install failed"
    node "$tools/@yarnpkg/cli-dist/bin/yarn.js" info --all --recursive --json 2>/dev/null \
        | node -e 'require("readline").createInterface({input:process.stdin}).on("line",(l)=>{const v=JSON.parse(l).value;const m=v.match(/^(@?[^@]+)@npm:(.+)$/);if(m)console.log(m[1]+" "+m[2])})' | sort -u > ../list.txt
    rm -rf node_modules package.json .yarnrc.yml .yarn
fi

for version in 7 8 9; do
    new "pnpm-$version" || continue
    printf '%s' "$manifest" > package.json
    node "$tools/pnpm$version/bin/pnpm.cjs" install --silent --ignore-scripts --store-dir "$root/pnpm-store" >/dev/null 2>&1 || skip "pnpm-$version" "install failed"
    { find node_modules/.pnpm -name package.json | grep -E '/\.pnpm/[^/]+/node_modules/(@[^/]+/)?[^/]+/package.json$' | while read -r f; do node -p 'const p=require(require("path").resolve(process.argv[1])); p.name+" "+p.version' "$f"; done; } | sort -u > ../list.txt
    grep '^fsevents ' "$root/npm-lock-3/list.txt" >> ../list.txt
    rm -rf node_modules package.json
done

if command -v gem >/dev/null && new gems; then
    gem env path | tr ':' '\n' | while read -r dir; do
        [ -d "$dir/specifications" ] && mkdir -p "./$dir" && cp -r "$dir/specifications" "./$dir/"
    done
    gem list --all 2>/dev/null | sed -nE 's/^([^ ]+) \((.*)\)$/\1|\2/p' | while IFS='|' read -r name versions; do
        tr ',' '\n' <<<"$versions" | sed -E "s/^ *(default: *)?([^ ]+).*/$name \2/"
    done | sort -u > ../list.txt
fi
