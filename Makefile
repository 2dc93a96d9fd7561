# Two commands on a fresh machine with Python 3.11: `make demo` and `make test`.
PYTHON ?= python3.11
BIN := .venv/bin
.DEFAULT_GOAL := help
# Compiled modules are kept, whatever the environment says: tests start Python many times
export PYTHONDONTWRITEBYTECODE :=

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

.venv/.installed: requirements/dev.txt requirements/torch.txt requirements/tools.txt \
  requirements/readers.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.txt
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/tools.txt requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  -r requirements/torch.txt 2>/dev/null || echo "no CPU build of torch here: its tests are skipped"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --target .venv/readers --no-deps \
	  --require-hashes -r requirements/readers.txt 2>/dev/null \
	  || { rm -rf .venv/readers; echo "not all readers of releases can be had here: their tests are skipped"; }
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

setup: .venv/.installed  ## a virtual environment with everything, from the pinned requirements

demo: setup  ## the whole journey on sample scans, ending with a report to open
	$(BIN)/echoatlas demo

# One process more than two processors can work for: some test always waits for a server or a disk
test: setup  ## all tests but the heavy ones
	$(BIN)/python -m pytest -m "not heavy" -n 3 --dist loadfile --no-loadscope-reorder

test-all: setup  ## all tests, with examples drawn anew
	HYPOTHESIS_PROFILE=new $(BIN)/python -m pytest

lint: setup  ## formatting, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: setup  ## measure, beside a peer or a limit in the same run; writes bench.json
	$(BIN)/python -m benchmarks

pins:  ## compile the requirements anew
	for set in "base:" "curate:--extra curate" "dev:--extra curate --group dev"; do \
	  $(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-annotate --no-header $${set#*:} pyproject.toml -o requirements/$${set%%:*}.txt; done
	$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header requirements/tools.in -o requirements/tools.txt
	$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --no-deps requirements/readers.in -o requirements/readers.txt

.PHONY: help setup demo test test-all lint bench pins
