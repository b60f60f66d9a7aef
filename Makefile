# Trunkline. `make help` lists what a developer can do; README.md tells the story.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME_STAMP := $(VENV)/.runtime-stamp
DEVELOP_STAMP := $(VENV)/.develop-stamp
BROWSER_STAMP := $(VENV)/.browser-stamp
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

.PHONY: help run setup develop test browser node fuzz kills check bench format requirements clean anew

# An environment that was moved, or whose Python is another one now, is set up again.
ifneq ($(file <$(VENV)/.place),$(realpath .) $(realpath $(BIN)/python))
$(RUNTIME_STAMP) $(DEVELOP_STAMP): anew
endif

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | sort | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

run: setup ## set everything up, then serve (http://127.0.0.1:8000)
	@exec $(BIN)/trunkline serve

setup: $(RUNTIME_STAMP) ## set up only: .venv with everything a server needs

develop: $(DEVELOP_STAMP) ## set up for tests and checks too

$(RUNTIME_STAMP): requirements/runtime.txt requirements/embedded.txt pyproject.toml setup.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh setup.sh runtime
	@touch $@

$(DEVELOP_STAMP): requirements/develop.txt requirements/embedded.txt pyproject.toml setup.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh setup.sh develop
	@touch $@ $(RUNTIME_STAMP)

test: develop ## run every test that needs only Python, git and make
	@$(BIN)/python -m pytest

browser: develop ## try the HAL explorer in Chromium (CHROMIUM=/path/to/it when it is not on the PATH)
	@[ -n "$(CHROMIUM)" ] || { echo "make browser needs Chromium: apt install chromium, or name one with make browser CHROMIUM=/path/to/it" >&2; exit 1; }
	@$(MAKE) --no-print-directory $(BROWSER_STAMP)
	@CHROMIUM="$(CHROMIUM)" $(BIN)/python -m pytest tests/browser

$(BROWSER_STAMP): requirements/browser.txt $(DEVELOP_STAMP)
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh setup.sh browser
	@touch $@

node: develop ## walk the Network API with HAL clients of Node (needs Node 20 or newer with npm)
	@command -v npm >/dev/null || { echo "make node needs Node.js with npm: apt install nodejs npm" >&2; exit 1; }
	@npm --prefix tests/node ci --no-audit --no-fund --ignore-scripts --loglevel=error
	@$(BIN)/python -m pytest tests/node

fuzz: develop ## try the API from its own document for some minutes (FUZZ_EXAMPLES=200 requests per operation and more)
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-200} FUZZ_SECONDS=3600 $(BIN)/python -m pytest tests/dialects/test_fuzz.py

kills: develop ## kill API, worker and PostgreSQL 30 times while webhooks go out (WEBHOOK_KILLS=100 for more)
	@WEBHOOK_KILLS=$${WEBHOOK_KILLS:-30} $(BIN)/python -m pytest tests/faults/test_webhooks.py

check: develop ## lint, types, the arrows between layers, formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: develop ## format and mend what a machine can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: develop ## measure; rewrites the tables in bench/README.md (ARGS=--quick only prints)
	@$(BIN)/python -m bench $(ARGS)

requirements: ## pin all dependencies anew (needs uv)
	@sh requirements/lock.sh

clean: ## remove the virtual environment and caches; never the data
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build src/*.egg-info
