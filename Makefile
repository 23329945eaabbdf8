# `make demo` shows the whole loop, `make test` checks everything. Both need only Python 3.11+, make and git.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv pip
UV_VERSION := 0.13.9

.PHONY: help install demo up test test-fast test-soak lint bench docs lock clean
.DEFAULT_GOAL := help

help:
	@echo "make install    .venv with the pinned packages and dropforge in it; the others do that first, if need be"
	@echo "make demo       the whole loop, once, in a temporary project"
	@echo "make up         a stack to look at, in this folder"
	@echo "make test       everything that is checked (25 minutes on two cores)"
	@echo "make test-fast  the unit tests that take no second each (a minute)"
	@echo "make test-soak  everybody is killed everywhere, for hours (docs/reliability.md)"
	@echo "make lint       format, lint, types, import rules, generated files"
	@echo "make bench      the figures of docs/performance.md, measured here (ONLY=drop,tick: some of them)"
	@echo "make docs       the parts of docs/ that are made from the code, and the pages as a site, in site/"
	@echo "make clean      remove .venv and caches; models and history stay in .dropforge"
	@echo "make lock       resolve requirements.lock anew"

.venv/.ready: requirements.lock pyproject.toml
	@echo "setting up .venv (once; a minute or two)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(UV) install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@$(UV) install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

install: .venv/.ready

demo: .venv/.ready
	@$(BIN)/python demo/run.py

up: .venv/.ready
	@$(BIN)/dropforge up

# Two processes; in one, or a part: make test PYTEST="tests/generator"
PYTEST ?= --numprocesses 2

test: lint
	$(BIN)/python -m pytest $(PYTEST)

test-fast: .venv/.ready
	$(BIN)/python -m pytest -m "not stack and not slow" -q --numprocesses 2

# For longer: make test-soak SOAK="--repetitions 10 --minutes 600"
test-soak: .venv/.ready
	$(BIN)/python -m tests.stack.soak --write $(SOAK)

lint: .venv/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/dropforge generate --check

bench: .venv/.ready
	@$(BIN)/python -m benchmarks $(ONLY)

docs: .venv/.ready
	@$(BIN)/python -m docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "site/index.html"

lock: .venv/.ready
	$(UV) compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --group dev pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
