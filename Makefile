# One command each; nothing to install first but Python 3.11+, git and make.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PYTHON ?= python3
JOBS ?= 2
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
# Built without isolation: an isolated build would fetch its tools without a hash.
INSTALL := $(BIN)/python -m pip install --quiet --no-build-isolation

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup demo test check docs format lock clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(DEV) ## make the virtual environment with everything for development

demo: $(RUNTIME) ## watch a real error become a proven commit
	@$(BIN)/mendwire demo $(ARGS)

test: $(DEV) ## run the tests; ARGS="tests/unit -k name" runs some of them
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

check: $(DEV) ## all that must hold before a change lands, the tests included
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry src
	$(BIN)/python requirements/check.py
	@$(MAKE) --no-print-directory test ARGS="--cov $(ARGS)"

docs: $(DEV) ## write the generated pages anew and build the documentation into site/
	@$(BIN)/python docs/schemas/generate.py >/dev/null
	@$(BIN)/python docs/reference/generate.py >/dev/null
	@$(BIN)/mkdocs build --strict --quiet && echo "site/index.html"

format: $(DEV) ## format the code and repair what ruff can repair
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

# Only this target writes the requirement files. ARGS=--upgrade takes the newest releases,
# ARGS="--upgrade-package rich" one of them; otherwise what is pinned stays pinned.
COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-config --quiet $(ARGS)

lock: $(DEV) ## pin the dependencies of pyproject.toml again, with hashes
	$(COMPILE) pyproject.toml --extra all --group build -o requirements/runtime.txt
	$(COMPILE) pyproject.toml --extra all --group dev -c requirements/runtime.txt -o requirements/dev.txt
	$(COMPILE) --group build -c requirements/runtime.txt -o requirements/build.txt
	@$(BIN)/python requirements/check.py

clean: ## remove everything that was made, the virtual environment too
	@rm -rf $(VENV) .tools clients/node/node_modules tests/node/*/node_modules site dist .coverage .coverage.* htmlcov \
		.pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find src tests -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# --- the virtual environment: one, shared; what development needs contains what running needs ---

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Mendwire needs Python 3.11 or newer and '$(PYTHON)' is not; name one with: make PYTHON=python3.12 ..." >&2; \
		exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements/build.txt requirements/runtime.txt pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "installing what Mendwire needs into $(VENV) ..."
	@$(INSTALL) --no-deps --require-hashes -r requirements/build.txt
	@$(INSTALL) --no-deps --require-hashes -r requirements/runtime.txt
	@$(INSTALL) --no-deps -e .
	@touch $@

$(DEV): requirements/build.txt requirements/dev.txt pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "installing what development needs into $(VENV) ..."
	@$(INSTALL) --no-deps --require-hashes -r requirements/build.txt
	@$(INSTALL) --no-deps --require-hashes -r requirements/dev.txt
	@$(INSTALL) --no-deps -e .
	@touch $(RUNTIME) $@
