# Every target installs what it needs; only Python >= 3.11 and make must be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Compiled once, and not again by each of the hundred processes of the tests.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: install demo docs test test-all torture lint types check clean help

install: $(READY)  ## create .venv and install cnnlab into it

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("cnnlab needs Python 3.11 or newer; try: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY)  ## train four architectures x three seeds on images of MNIST and report on them
	$(BIN)/cnnlab train -m model=alexnet,resnet8,lenet5,mlp seed=0,1,2 trainer.epochs=5 batch_size=32 \
	  sweep.name=demo hydra/launcher=joblib hydra.launcher.n_jobs=2
	$(BIN)/cnnlab compare runs/demo
	$(BIN)/cnnlab ensemble runs/demo
	$(BIN)/cnnlab report runs/demo

test: $(READY)  ## run the fast tests
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m "not slow"

test-all: $(READY)  ## all tests, including those that train for real
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder --durations=10

torture: $(READY)  ## thousands of hostile inputs and damaged files, and kills; half an hour
	@cd tests && failed=0; for name in overrides run_files two_device_kills; do \
	  ../$(BIN)/python -m torture.$$name || failed=1; done; exit $$failed

lint: $(READY)  ## check formatting and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)  ## check types strictly
	$(BIN)/mypy

docs: $(READY)  ## build docs/ into site/; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

check: $(READY)  ## run what CI runs
	$(MAKE) --no-print-directory --jobs=2 lint types docs
	$(MAKE) --no-print-directory test-all
	@command -v chromium > /dev/null || command -v chromium-browser > /dev/null || \
	  echo "make check: no chromium here: the test that opens the report in a browser was left out"

clean:  ## remove the environment and caches; runs/ stays
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12
