# Everything by two commands on a fresh Debian 12 machine, as root or with sudo: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
# Who has it set would have each process compile all modules anew: eight seconds for each of the tests' workers.
unexport PYTHONDONTWRITEBYTECODE
# The fleet's namespaces and disks need root.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo -E)

# What the suite and the demo call on this machine; the fleet installs its own needs (fleet/requirements.py).
PACKAGES := python3-venv postgresql mariadb-server php8.2-cli php8.2-mysql php8.2-mbstring php8.2-gd php8.2-xml php8.2-curl \
  openssh-client curl chromium fonts-dejavu-core nftables iproute2 distro-info-data

# These want servers without btrfs, as `tests/tracks.py` gives them.
WITHOUT_SUBVOLUMES := tests/flows/test_backups_without_subvolumes.py tests/flows/test_move_without_subvolumes.py \
  tests/flows/test_update_without_subvolumes.py

# This one wants three servers.
ON_THREE := tests/flows/test_evacuation_by_itself.py

.PHONY: help demo test check soak setup packages vectors lock lint types imports pure bench-provision bench-backup bench-import fuzz bench-move bench-names bench-probe bench-update raid-outputs images clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

demo: setup packages  ## the whole story on a local fleet: order, payment, an open instance
	@$(AS_ROOT) $(BIN)/phm demo

test: setup packages vectors  ## the whole suite, with the fleet
	@start=$$SECONDS; $(MAKE) --no-print-directory lint types imports; \
	$(AS_ROOT) $(PYTEST) -n 2 -m "not fleet and not prefect and not soak and not slow" tests; \
	$(AS_ROOT) $(BIN)/python -m tests.tracks; \
	echo "make test took $$((SECONDS - start)) s"

check: setup vectors lint  ## lint, types, imports, pure tests
	@$(MAKE) --no-print-directory types imports > .make/beside.log 2>&1 & beside=$$!; \
	pure=0; $(MAKE) --no-print-directory pure || pure=$$?; \
	wait $$beside || { cat .make/beside.log >&2; exit 1; }; exit $$pure

soak: setup packages vectors  ## every size and every fault that the issues state (long; by hand)
	@all=0; \
	$(AS_ROOT) env PHM_HYPOTHESIS=search $(PYTEST) --timeout 1800 $(patsubst %,--ignore=%,$(WITHOUT_SUBVOLUMES) $(ON_THREE)) tests || all=$$?; \
	$(AS_ROOT) env PHM_TEST_HOSTS="app6 app10 app9" $(PYTEST) --timeout 1800 $(WITHOUT_SUBVOLUMES) || all=$$?; \
	$(AS_ROOT) env PHM_TEST_HOSTS="app11 app12 app13" $(PYTEST) --timeout 7200 $(ON_THREE) || all=$$?; \
	exit $$all

bench-provision: setup packages  ## the flow beside a plain script, the whole way, and twenty orders at once
	@$(AS_ROOT) $(BIN)/python -m tests.bench.provision

bench-backup: setup packages  ## backups and restores beside plain scripts and borgmatic
	@$(AS_ROOT) $(BIN)/python -m tests.bench.backup

bench-names: setup packages  ## one name more on a server that has five hundred, while others work; domains of customers' own, too
	@$(AS_ROOT) $(BIN)/python -m tests.bench.names
	@$(AS_ROOT) $(BIN)/python -m tests.bench.names --domains

bench-probe: setup packages  ## two thousand instances probed from one process: interval, CPU, memory
	@$(AS_ROOT) $(BIN)/python -m tests.bench.probe

bench-update: setup packages  ## how long an instance is closed by a product update, beside the plain way
	@$(AS_ROOT) $(BIN)/python -m tests.bench.update

SECONDS ?= 300
fuzz: setup packages  ## readers of strangers' archives, dumps and settings, for SECONDS
	@nice $(BIN)/python -m tests.on_server.fuzz_readers --seconds $(SECONDS)

bench-import: setup packages  ## a 1 GB archive of an old installation taken over, beside curl, unzip and mariadb
	@$(AS_ROOT) $(BIN)/python -m tests.bench.import_installation

bench-move: setup packages  ## how long an instance is closed while it moves, beside a plain offline move
	@$(AS_ROOT) $(BIN)/python -m tests.bench.move

raid-outputs: setup packages  ## what a real kernel says of arrays and disks, recorded anew in a QEMU guest for the tests
	@command -v qemu-system-x86_64 > /dev/null && command -v mmdebstrap > /dev/null \
	  || $(AS_ROOT) apt-get -qq -y --no-install-recommends install qemu-system-x86 mmdebstrap > .make/guest.log 2>&1
	@$(AS_ROOT) nice -n 19 $(BIN)/python -m tests.bench.raid_outputs

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

vectors: .make/idna/IdnaTestV2.txt .make/axe/axe.min.js  ## Unicode's vectors for IDNA and axe-core, from the package index, by their hash

.make/idna/IdnaTestV2.txt: tests/policy/data/idna-vectors.txt | .make/venv
	@mkdir -p $(@D)
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-binary :all: --require-hashes -r $< -d $(@D)
	@tar -xzOf $(@D)/idna-*.tar.gz --wildcards '*/tests/IdnaTestV2.txt' > $@

.make/axe/axe.min.js: tests/service/axe.txt | .make/venv
	@mkdir -p $(@D)
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes -r $< -d $(@D)
	@$(BIN)/python -m zipfile -e $(@D)/axe_playwright_python-*.whl $(@D)/wheel
	@cp $(@D)/wheel/axe_playwright_python/axe.min.js $@

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
