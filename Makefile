# Everything by two commands on a fresh Debian 12 machine, as root or with sudo: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
# The fleet's namespaces and disks need root.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo -E)

# What the suite and the demo call on this machine; the fleet installs its own needs (fleet/requirements.py).
PACKAGES := python3-venv postgresql mariadb-server php8.2-cli php8.2-mysql php8.2-mbstring php8.2-gd php8.2-xml php8.2-curl \
  openssh-client curl chromium fonts-dejavu-core nftables iproute2

.PHONY: help demo test check soak setup packages lock lint types imports pure bench-provision bench-backup bench-move bench-names bench-update images clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

demo: setup packages  ## the whole story on a local fleet: order, payment, an open instance
	@$(AS_ROOT) $(BIN)/phm demo

test: setup packages  ## the whole suite, with the fleet
	@start=$$SECONDS; $(MAKE) --no-print-directory lint types imports; \
	$(AS_ROOT) $(PYTEST) -n 2 -m "not fleet and not prefect and not soak and not slow" tests; \
	$(AS_ROOT) $(BIN)/python -m tests.tracks; \
	echo "make test took $$((SECONDS - start)) s"

check: setup lint types imports pure  ## lint, types, imports, pure tests

soak: setup packages  ## every size and every fault that the issues state (long; by hand)
	@$(AS_ROOT) env PHM_HYPOTHESIS=search $(PYTEST) --timeout 1800 tests

bench-provision: setup packages  ## the flow beside a plain script, the whole way, and twenty orders at once
	@$(AS_ROOT) $(BIN)/python -m tests.bench.provision

bench-backup: setup packages  ## backups and restores beside plain scripts and borgmatic
	@$(AS_ROOT) $(BIN)/python -m tests.bench.backup

bench-names: setup packages  ## one name more on a server that has five hundred, while others work; domains of customers' own, too
	@$(AS_ROOT) $(BIN)/python -m tests.bench.names
	@$(AS_ROOT) $(BIN)/python -m tests.bench.names --domains

bench-update: setup packages  ## how long an instance is closed by a product update, beside the plain way
	@$(AS_ROOT) $(BIN)/python -m tests.bench.update

bench-move: setup packages  ## how long an instance is closed while it moves, beside a plain offline move
	@$(AS_ROOT) $(BIN)/python -m tests.bench.move

images: setup packages  ## the screenshots in docs/images, from a real run
	@$(AS_ROOT) $(BIN)/python -m tests.images

lint:
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/djlint --lint --quiet -e html.j2 hosting/templates

types:
	@$(BIN)/mypy

imports:
	@$(BIN)/lint-imports --no-cache > .make/imports.log 2>&1 || { cat .make/imports.log; exit 1; }

pure:
	@$(PYTEST) -q -n 2 -m "not fleet and not prefect and not soak and not slow" tests


setup: .make/venv  ## the project's own virtual environment, from requirements.lock

.make/venv: requirements.lock pyproject.toml
	@mkdir -p .make
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed ($$($(PYTHON) --version) is here): set PYTHON=." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv 2> .make/venv.log || { $(MAKE) --no-print-directory packages && $(PYTHON) -m venv .venv; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip install --quiet --compile-bytecode --no-config --no-deps --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

packages: .make/packages

.make/packages: Makefile
	@mkdir -p .make
	@command -v apt-get > /dev/null || { echo "This needs Debian 12 (apt). Install by hand: $(PACKAGES)." >&2; exit 1; }
	@missing=$$(for p in $(PACKAGES); do dpkg -s "$$p" > /dev/null 2>&1 || echo "$$p"; done | xargs); \
	if [ -n "$$missing" ]; then \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; command -v sudo > /dev/null || [ -z "$$sudo" ] || { echo "Run as root, or install sudo." >&2; exit 1; }; \
	  echo "installing $$missing"; \
	  { $$sudo apt-get -qq update && $$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -y --no-install-recommends install $$missing; } > .make/packages.log 2>&1 \
	    || { tail -n 5 .make/packages.log >&2; echo "apt-get failed: see .make/packages.log." >&2; exit 1; }; \
	fi
	@touch $@

lock:  ## pin all dependencies anew, with hashes and without addresses
	@$(BIN)/uv pip compile pyproject.toml --group dev --extra postgresql --universal --generate-hashes --no-emit-index-url --no-header --quiet --upgrade -o requirements.lock

clean:  ## the environment and its stamps (not the fleet: phm fleet down)
	@rm -rf .venv .make
