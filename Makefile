# `make help` lists what can be done. Each command first makes or refreshes .venv, which needs
# Python 3.10 or later and nothing else; PYTHON=/path/to/python3.12 chooses the Python.
BIN = .venv/bin

# Compiled once and kept here, also where the environment wants no __pycache__: the tests start
# hundreds of Pythons, and compiling what LiveKit imports takes each of them more than a second.
PYTHONPYCACHEPREFIX = $(CURDIR)/.bytecode_cache
export PYTHONPYCACHEPREFIX
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test chaos test-versions compat lint format types docs bench lock setup clean
.DEFAULT_GOAL := help

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo: setup ## Talk to an avatar in the browser; without one: demo.mp4 (ARGS="--say 'Hello'")
	@if [ -t 0 ] && [ -t 2 ]; then $(BIN)/python -m scripts.demo_page; fi
	@$(BIN)/avatar demo $(ARGS)

test: setup ## Run the whole test suite on a real LiveKit server (ARGS="-k name", JOBS=4)
	@sh scripts/test.sh $(ARGS)

chaos: setup ## Let things go wrong in 200 calls and write reports/chaos (ARGS="--calls 50 --seed 2")
	@sh scripts/chaos.sh $(ARGS)

test-versions: setup ## Run the fast tests and one real call on every Python 3.10-3.13 found
	@$(BIN)/python scripts/test_versions.py

compat: setup ## Run LiveKit's avatar plugins, oldest and newest versions (ARGS="tavus bey")
	@$(BIN)/python -m scripts.compat $(ARGS)

lint: setup ## Check style, import rules and formatting
	@sh scripts/lint.sh

format: setup ## Put code into the project's format
	@$(BIN)/ruff check --fix --quiet . && $(BIN)/ruff format .

types: setup ## Check types, strictly
	@sh scripts/types.sh

docs: setup ## Build the documentation into site/, warnings are errors (ARGS=serve shows it)
	@sh scripts/docs.sh $(ARGS)

bench: setup ## Measure what the documentation's benchmark page claims
	@$(BIN)/python benchmarks $(ARGS)

lock: setup ## Refresh the locked requirements from pyproject.toml (ARGS=--upgrade: newest)
	@sh scripts/lock.sh $(ARGS)

setup: ## Make or refresh .venv; every other command does it by itself
	@command -v "$${PYTHON:-python3}" >/dev/null 2>&1 || { echo "error: $${PYTHON:-python3} is not \
	on PATH: install Python 3.10 or later, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$${PYTHON:-python3}" scripts/setup.py

clean: ## Remove .venv and everything the commands wrote
	@rm -rf .venv node_modules dist site reports htmlcov .coverage .coverage.* .*_cache demo-out
