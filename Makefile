# Everything here works on a fresh clone: it makes .venv from constraints.txt first.

PYTHON ?= python3
# Processes of the tests. Many tests wait for something, so there is room for one more than a small machine has cores.
PROCESSES ?= 3
# Of `make chaos`: how many iterations, of which campaign; ONLY=17 does that one alone.
N ?= 20
SEED ?= 1
ONLY ?=
# Of `make fuzz`: for how long.
SECONDS ?= 300
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help install install-dev demo test faults chaos fuzz bench bench-learning bench-large lint format types coverage pictures clean

help:  ## What can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Spotter needs Python 3.11 or newer; run make PYTHON=python3.12, say")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

install: $(VENV)/installed  ## Install Spotter into .venv

install-dev: $(VENV)/installed-dev  ## Install what the tests and checks need, too

demo: $(VENV)/installed  ## Train a model in a Discord-like chat on this machine
	$(BIN)/spotter demo

test: $(VENV)/installed-dev  ## Run all tests
	$(BIN)/python -m pytest -n $(PROCESSES) --dist worksteal

faults: $(VENV)/installed-dev  ## Run the fault tests only
	$(BIN)/python -m pytest -n $(PROCESSES) --dist worksteal tests/faults

chaos: $(VENV)/installed-dev  ## Kill processes at random and look whether anything is lost: N=200 SEED=1
	$(BIN)/python -m tests.faults.campaign -n $(N) --seed $(SEED) $(if $(ONLY),--only $(ONLY))

fuzz: $(VENV)/installed-dev  ## Give the readers of data files that nobody would write: SECONDS=600 SEED=1
	$(BIN)/python -m tests.fuzz.campaign --seconds $(SECONDS) --seed $(SEED)

bench: $(VENV)/installed-dev  ## Measure how fast it trains and starts, reads journals, sends messages, and makes tokens of text
	$(BIN)/python benchmarks/train.py
	$(BIN)/python benchmarks/first_step.py
	$(BIN)/python benchmarks/journal.py
	$(BIN)/python benchmarks/fleet.py
	$(BIN)/python benchmarks/vocabularies.py
	$(BIN)/python benchmarks/tokens.py

bench-learning: $(VENV)/installed-dev  ## Compare what is learnt in 5 minutes with the HF Trainer and nanoGPT's recipe; a quarter of an hour
	$(BIN)/python benchmarks/learning.py --out docs/images/learning.png

bench-large: $(VENV)/installed-dev  ## Measure the memory that tokenizing 2 GB takes; needs 8 GB of disk, and an hour at worst
	$(BIN)/python benchmarks/tokens.py --large

lint: $(VENV)/installed-dev  ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/installed-dev  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/installed-dev  ## Check types, strictly
	$(BIN)/mypy

coverage: $(VENV)/installed-dev  ## Run all tests and report branch coverage, the workers' processes included
	$(BIN)/coverage erase
	-$(BIN)/coverage run -m pytest -n $(PROCESSES) --dist worksteal
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

pictures: $(VENV)/installed-dev  ## Take the pictures of the README anew; needs Chromium
	$(BIN)/python docs/take_pictures.py

clean:  ## Remove what was installed and cached
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
