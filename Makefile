SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Everything lives in .venv; Python 3.11+ with venv and pip is all that must be there before.
PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
READY := .venv/.ready
export UV_PYTHON_DOWNLOADS := never
# What is imported is compiled once, not at each start of a program, whatever this machine is told otherwise.
export PYTHONDONTWRITEBYTECODE :=

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Buy, capture, refund and cancel against a simulated Amazon Pay and Saleor
	$(BIN)/saleor-amazonpay demo

test: $(READY) ## Run the whole suite, on SQLite and PostgreSQL, browser included
	./tests/system-packages.sh
	$(BIN)/pytest -n 2 --dist worksteal -m "not soak"

check: $(READY) ## Format, lint, types, import rules, dependencies, lock file
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/uv lock --check
	$(BIN)/hadolint Dockerfile
	$(BIN)/python -m tests.audit

bench: $(READY) ## Measure webhooks, overload, replicas, growth; prints tables, writes JSON beside them
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.overload
	$(BIN)/python -m benchmarks.replicas
	$(BIN)/python -m benchmarks.flat

soak: $(READY) ## The long versions of crash, browser and fuzz tests
	./tests/system-packages.sh
	$(BIN)/pytest -n 2 --dist worksteal -m soak

docs: $(READY) ## Build the documentation site into build/site
	$(BIN)/sphinx-build --fresh-env --quiet --fail-on-warning --keep-going docs build/site
	@echo "build/site/index.html"

audit: $(READY) ## Look for known vulnerabilities in what is locked, where the package index tells them
	$(BIN)/python -m tests.audit

sbom: $(READY) ## Write what the app is made of into build/sbom.json (CycloneDX)
	@mkdir -p build
	$(BIN)/uv export --frozen --quiet --no-dev --all-extras --format cyclonedx1.5 --output-file build/sbom.json

format: $(READY) ## Format and repair what can be repaired
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(READY) ## Write uv.lock anew after a change of dependencies
	$(BIN)/uv lock

clean: ## Remove everything that was made here, .venv included; data/ stays
	rm -rf .venv build dist artifacts .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(READY): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv \
		|| { rm -rf .venv; echo "Python lacks venv; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv sync --frozen --quiet
	@touch $@

.PHONY: help demo test check bench soak docs audit sbom format lock clean
