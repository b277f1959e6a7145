# Rampart. `make help` lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.cache/node/bin:$(HOME)/.cargo/bin:$(PATH)

DATA    ?= /var/lib/rampart
ARGS    ?=
RAMPART := target/release/rampart

.PHONY: help run build ui demo test unit e2e check fmt bench fuzz vm conformance setup clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | expand -t 14

run: build ## install what is missing, build, and start the all-in-one with its console
	@if [ "$$(id -u)" -eq 0 ] || ! command -v sudo >/dev/null; then exec $(RAMPART) up --data $(DATA) $(ARGS); \
	else exec sudo --preserve-env=RAMPART_BOOTSTRAP_PASSWORD $(RAMPART) up --data $(DATA) $(ARGS); fi

build: ui ## release build of the one program
	@scripts/setup.sh build
	cargo build --release --locked -p rampart

ui: ui/dist/index.html ## build the console

ui/dist/index.html: $(shell find ui/src ui/index.html ui/package-lock.json ui/vite.config.ts -type f 2>/dev/null)
	@scripts/setup.sh ui
	cd ui && npm ci --no-audit --no-fund --loglevel=error && npm run build

demo: build ## real containers: learn them, protect them, attack them, show what was stopped
	@scripts/setup.sh demo
	$(RAMPART) demo $(ARGS)

test: ui ## unit, store conformance, API contract, real-container and browser tests
	@scripts/setup.sh build test
	scripts/test.sh

unit: ## tests that need no root and no containers
	@scripts/setup.sh build
	cargo test --locked --workspace --lib

e2e: build ## the whole product: attacks on real containers, the console in a browser, 100 kills
	@scripts/setup.sh test demo
	scripts/e2e.sh

check: ## format, lints, tidy, types of the console
	@scripts/setup.sh build ui
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo xtask tidy
	cd ui && { [ -d node_modules ] || npm ci --no-audit --no-fund --loglevel=error; } && npm run typecheck

fmt: ## format everything
	cargo fmt --all

bench: build ## event rate, exec and open overhead, memory, time to enforced, event queries
	@scripts/setup.sh bench
	scripts/bench.sh

vm: ## the kernel tests on stock Debian kernels 6.1 and 6.12 in QEMU
	@scripts/setup.sh build vm
	scripts/vm.sh 6.1 6.12

fuzz: ## fuzz every parser for SECONDS each (default 60)
	@scripts/setup.sh build
	scripts/fuzz.sh $(or $(SECONDS_EACH),60)

conformance: ## the REST contract and version vectors against the reference, versions against real tools
	@scripts/setup.sh build conformance
	RAMPART_VERSION_TOOLS=1 cargo test --locked -p rampart-vuln --test it version -- --nocapture
	cargo test --locked -p rampart-controller --test it -- --nocapture
	@if [ -n "$(TRIVY_COMPARE)" ]; then scripts/trivy-compare.sh; else echo "skipped: the comparison with Trivy (make conformance TRIVY_COMPARE=1)"; fi

clean: ## remove build output
	cargo clean
	rm -rf ui/dist ui/node_modules
