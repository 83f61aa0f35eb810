# Everything a developer or a visitor can run; `make` alone lists it.
# Variables: PYTHON (python 3.11 or newer), VENV (where the environment is made), ARGS (passed on), NAME (of a benchmark),
# EXAMPLES and SEED (of `make fuzz`).

PYTHON ?= python3.11
VENV   ?= .venv
ARGS   ?=
NAME   ?= detox
EXAMPLES ?= 30
SEED   ?= 2
BIN    := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
# Suites that talk to the database; `make test` runs them a second time, on MariaDB.
DATABASE_SUITES ?= $(wildcard tests/inventory tests/scheduler tests/registry tests/fileops tests/detox tests/dealer tests/consistency)
PARALLEL ?= -n 3

.DEFAULT_GOAL := help
.PHONY: help setup demo screenshots test test-fast test-mariadb soak load fuzz lint types security security-code security-packages bench performance docs client requirements packages clean

help: ## list what there is
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.stamp-run ## make the Python environment (wheels only, no compiler)

demo: setup ## a whole Dynamo with real storage sites on this machine; ARGS=--check goes through it once
	$(BIN)/python -m testbed $(ARGS)

screenshots: $(VENV)/.stamp-dev ## pictures of a running demo's pages for docs/images; ARGS="--home DIRECTORY"
	$(BIN)/python -m testbed.screenshots $(ARGS)

test: packages $(VENV)/.stamp-dev ## install what is tested against (apt), then run all tests, also on MariaDB
	$(PYTEST) $(PARALLEL) $(ARGS)
	DYNAMO_TEST_DATABASE=mariadb $(PYTEST) $(PARALLEL) -m "not slow" $(ARGS) $(DATABASE_SUITES)

test-fast: $(VENV)/.stamp-dev ## tests that take less than a second each and need no server
	$(PYTEST) $(PARALLEL) -m "not slow and not services" $(ARGS)

test-mariadb: $(VENV)/.stamp-dev ## the database suites on MariaDB only
	DYNAMO_TEST_DATABASE=mariadb $(PYTEST) $(PARALLEL) $(ARGS) $(DATABASE_SUITES)

soak: $(VENV)/.stamp-dev ## ten thousand schedules of faults in the inventory, for hours; ARGS="--seeds 0:500"
	$(BIN)/python -m tests.inventory.faults --seeds 0:10000 --workers $$(nproc) $(ARGS)

load: $(VENV)/.stamp-dev ## mixed traffic for minutes while parts of it all are killed; ARGS="--seconds 600 --clients 16"
	$(BIN)/python -m tests.load $(ARGS)

fuzz: $(VENV)/.stamp-dev ## calls of API and classic interface with anything in them; EXAMPLES=200 (of each) SEED=7 ARGS="-k locks"
	DYNAMO_API_EXAMPLES=$(EXAMPLES) DYNAMO_API_SEED=$(SEED) $(PYTEST) $(PARALLEL) --timeout 3600 --hypothesis-seed $(SEED) $(ARGS) \
		tests/api/test_any_call.py tests/registry/classic/test_any_parameters.py

lint: $(VENV)/.stamp-dev ## style and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.stamp-dev ## type hints
	$(BIN)/mypy

security: security-code security-packages ## weaknesses in our code (bandit), in the settings, in the packages (pip-audit)

security-code: $(VENV)/.stamp-dev ## what of that needs no network
	$(BIN)/bandit -q -c pyproject.toml -r inventory scheduler registry fileops detox dealer consistency dynamo_site dynamo_client
	DYNAMO_HOME=$$(mktemp -d) DYNAMO_BEHIND_TLS=1 $(BIN)/python manage.py check --deploy --fail-level WARNING

security-packages: $(VENV)/.stamp-dev ## known weaknesses of the pinned packages; says so when no index answers
	@tools/audit-packages $(BIN)/python

bench: $(VENV)/.stamp-dev ## one measurement; NAME=detox ARGS="--datasets 43000 --json"
	$(BIN)/python -m benchmarks.$(NAME) $(ARGS)

performance: $(VENV)/.stamp-dev ## all measurements, written to docs/performance.md; ARGS="detox --datasets 43000"
	$(BIN)/python -m benchmarks.report $(ARGS)

docs: setup ## write the generated pages of docs/ again
	$(BIN)/python manage.py write_docs

client: setup ## the wheel of the dynamo command alone, in dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist ./dynamo_client

packages: ## install the servers and headers that the tests need (root or sudo), or say what is missing
	@tools/system-packages

requirements: $(VENV)/.stamp-dev ## compile requirements*.txt from pyproject.toml again
	@tools/compile-requirements $(BIN)/pip-compile

clean: ## remove what was made, but not var/ (data) nor the environment
	rm -rf build dist dynamo_client/build dynamo_client/*.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(BIN)/python:
	@tools/make-environment $(PYTHON) $(VENV)

$(VENV)/.stamp-run: requirements.txt requirements-xrootd.txt | $(BIN)/python
	@tools/install-requirements $(BIN)/python
	@tools/try-xrootd $(BIN)/python
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.stamp-dev: $(VENV)/.stamp-run requirements-production.txt requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --requirement requirements-production.txt --requirement requirements-dev.txt || \
		{ echo "If a compiler or headers are missing: make packages installs them, or says what an administrator must install." >&2; exit 1; }
	@touch $@
