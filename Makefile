# Each verb does the set-up it needs. `make help` lists them, from the comments after `##`.
.DEFAULT_GOAL := help
# Empty: the first of python3.11 to python3.14 that is there.
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
DATA ?= data
# Each process gets half of the files, whose tests share what is costly to start; who has finished takes from the other.
PYTEST := -n 2 --dist worksteal
# Tests start many processes: each would compile every module anew where this is set.
unexport PYTHONDONTWRITEBYTECODE
CONSOLE := src/tollway/gateway/console/index.html

help:  ## list the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.dev  ## install everything into .venv

up: $(VENV)/.run $(CONSOLE)  ## start the whole business on this machine (DATA=folder, ARGS=more options)
	@$(BIN)/tollway up --data $(DATA) $(ARGS)

demo: $(VENV)/.run $(CONSOLE) $(if $(filter postgres,$(STORE)),$(VENV)/.dev)  ## play a customer's story against it (SPLIT=1: a process per service, STORE=postgres)
	@$(BIN)/tollway demo $(if $(SPLIT),--split) $(if $(STORE),--store $(STORE)) $(ARGS)

check: $(VENV)/.dev $(VENV)/.node  ## style, types, imports, generated files
	@$(BIN)/ruff format --check --quiet . || { echo "run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/ruff check .
	@$(BIN)/python tools/tidy.py
	@$(BIN)/python tools/walls.py
	@$(BIN)/python tools/names.py
	@$(BIN)/python tools/migrations.py --check
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tools/generate.py --check
	@$(BIN)/python tools/architecture.py --check
	@$(BIN)/python tools/openapi.py --check
	@$(BIN)/python tools/routes.py --check
	@$(BIN)/python tools/docs_decisions.py --check
	@$(BIN)/python tools/changelog.py --check
	@$(BIN)/buf lint
	@$(BIN)/buf breaking --against tools/contracts.binpb
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/pyright
	@$(BIN)/python tools/console.py check

test: check $(CONSOLE)  ## every check and every test that is not slow
	@$(BIN)/python -m pytest $(PYTEST) -m "not slow" $(ARGS)
	@$(BIN)/python tools/console.py test

slow: $(VENV)/.dev $(CONSOLE)  ## the tests that take long and seldom fail, which `make test` leaves out
	@$(BIN)/python -m pytest $(PYTEST) -m slow $(ARGS)

coverage: $(VENV)/.dev $(CONSOLE)  ## all tests, and the part of the code that they reach, which may only rise
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m pytest $(PYTEST) $(ARGS)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python tools/coverage_floor.py

matrix: $(VENV)/.dev  ## the quick tests with every Python from 3.11 to 3.14 that is here
	@$(BIN)/python tools/matrix.py

console: $(CONSOLE)  ## build the web console

docs: $(VENV)/.dev  ## build the documentation site into build/docs
	@$(BIN)/python -m mkdocs build --strict --quiet
	@echo "build/docs/index.html"

bench: $(VENV)/.dev  ## performance beside squid, haproxy and pgbench
	@$(BIN)/python -m bench $(ARGS)

# ── what the verbs are made of ──────────────────────────────────────────────────────────────────────────

# Runtime libraries alone are enough to run; the development ones come on top of them.
$(VENV)/.run: requirements/run.txt pyproject.toml
	@sh tools/venv.sh $(VENV) $(PYTHON)
	@echo "installing what Tollway runs on"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "installing what Tollway is tested with"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

# The console is built with a Node of its own, whatever the machine has.
$(VENV)/.node: requirements/console.txt $(VENV)/.run
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/console.txt
	@touch $@

$(CONSOLE): $(VENV)/.node $(shell find web -name node_modules -prune -o -type f -print)
	@echo "building the console"
	@$(BIN)/python tools/console.py build

.PHONY: help setup up demo test slow check coverage matrix docs bench console
