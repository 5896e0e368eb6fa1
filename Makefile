# Every target makes .venv when it is missing. PYTHON chooses the interpreter: make test PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(os.cpu_count() or 1)')
PEERS := .venv-peers
PEERS_READY := $(PEERS)/.ready

.PHONY: audit quick study test browser-test docs lint bench agreement soundness invariance clean help

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[models,test,lint]'
	touch $(READY)

audit: $(READY)  ## the whole catalogue on exact instances and trained models, with a report in out/
	$(BIN)/lmlaws audit --workers $(WORKERS)

quick: $(READY)  ## the audit's short form: small models, fewer instances
	$(BIN)/lmlaws audit --quick --workers $(WORKERS)

study: $(READY)  ## claims that can only be measured, on models trained here, with intervals and nulls; writes out/study
	$(BIN)/python -m lmlaws.study

test: $(READY)  ## the tests, on all cores
	$(BIN)/python -m pytest -n auto --dist loadscope

browser-test: $(READY)  ## the report in a real browser: needs Chromium on the path (Debian: apt-get install chromium)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[browser]'
	$(BIN)/python -m pytest tests/browser

docs: $(READY)  ## the documentation as a site, in out/docs
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -q docs out/docs

lint: $(READY)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(PEERS_READY): pyproject.toml constraints.txt bench/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	echo '*' > $(PEERS)/.gitignore
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[models]' --requirement bench/requirements.txt
	# without what it asks for: its lark-parser ships the same package as lark, and it runs without torch
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps psitip==1.1.7
	touch $(PEERS_READY)

bench: $(PEERS_READY)  ## work timed beside its peers, about 8 minutes; writes docs/benchmarks.md
	$(PEERS)/bin/python -m bench

agreement: $(PEERS_READY)  ## values on 1,000 random laws against mpmath, scipy and dit
	$(PEERS)/bin/python -m bench.agreement

soundness: $(READY)  ## 2,000 random statements of up to 5 variables, true and false: no wrong verdict (about 10 minutes)
	$(BIN)/python -m bench.soundness 2000

invariance: $(READY)  ## every name of the catalogue replaced, also in the opposite order: the same verdicts (about 3 minutes)
	$(BIN)/python -m bench.invariance

clean:  ## remove the environments and what was computed
	rm -rf $(VENV) $(PEERS) out build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
