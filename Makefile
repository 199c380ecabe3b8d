# Each target sets up what it needs. Nothing to do is done in seconds.
#   make up      the whole site, on http://localhost:8000 (PORT=8080 for another port; ARGS="--host 0.0.0.0")
#   make test    the quick tests, in two processes more than there are cores (TESTS=1 for another number)
#   make test-slow  the others, which train and grade for minutes
#   make check   the whole gate: lint, types, contracts, migrations, deployment settings, bundle, quick tests
#   make quick   the tests that a change touches, the nearest first, for at most two minutes
#   make smoke   the main job over HTTP, on a site of its own that is thrown away
#   make bench   the eight standard shapes beside the fastest peer, within 30 minutes (ARGS="--peers all")
#   make plain-engine  the engine beside the library, with every special way of computing switched off
#   make second-python  the quick tests that need no torch, on a second Python where one is installed
#   make mutants take out one guard after another: the fault suite must notice each
#   make screenshots  a picture of every page and state (ARGS="--only challenge --width 360"; ARGS=--readme: README's)
#   make models  fetch the base models; make doctor: look over this machine

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
STAMP := $(VENV)/.installed
PORT ?= 8000
TESTS ?= auto
# Tests start hundreds of Python processes: without compiled files each would compile the project again.
unexport PYTHONDONTWRITEBYTECODE
# A process that has nothing left to do takes over half of what waits in another.
PYTEST := $(PY) -m pytest --numprocesses $(TESTS) --maxprocesses 8 --dist worksteal

# PYTHON=/path/to/python3.12 chooses another; else the first of these that is 3.11 or newer.
WANTED := import sys; sys.exit(sys.version_info < (3, 11))
NAMES := python3 python3.13 python3.12 python3.11 python3.14
ifndef PYTHON
PYTHON := $(shell for name in $(NAMES); do $$name -c "$(WANTED)" >/dev/null 2>&1 && echo $$name && break; done)
endif
ifeq ($(PYTHON),)
PYTHON := python3
endif

.DEFAULT_GOAL := help
.PHONY: help up test test-slow check quick lint style types site library second-python plain-engine smoke bench mutants openapi schema screenshots models doctor format clean-venv

help:
	@sed -n 's/^#   //p' Makefile

up: $(STAMP)
	@exec $(PY) manage.py up --port $(PORT) $(ARGS)

test: $(STAMP)
	-$(PY) manage.py fetch_models
	$(PYTEST) -m "not slow"

test-slow: $(STAMP)
	-$(PY) manage.py fetch_models
	$(PYTEST) -m slow

# Each of the long ones uses one core: two at a time, each one's output in one piece where this make can do that.
check: $(STAMP)
	@$(MAKE) --no-print-directory --jobs 2 $(if $(filter output-sync,$(.FEATURES)),--output-sync) \
		lint second-python plain-engine
	@$(MAKE) --no-print-directory test

quick: $(STAMP)
	$(PY) -m tests.touched

# What the engine computes with every special way switched off: labels, texts and adapters beside the library's. Its other
# tests compute nothing, or choose the way themselves.
plain-engine: $(STAMP)
	GRADUS_ENGINE=plain $(PY) -m pytest -q -m "not slow" $(addprefix tests/workers/engine/,test_scoring.py \
		test_generation.py tuning/test_lora.py)

second-python: $(STAMP)
	$(PY) -m tests.second_python

lint: style types library site

style: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djlint templates --check --lint
	$(BIN)/lint-imports

types: $(STAMP)
	$(BIN)/mypy

# Lengths of rows are compared in tokens of the base model. Something else has the other core: a second thread would
# spin there while it waits, for three times the computing.
library: $(STAMP)
	-$(PY) manage.py fetch_models
	OMP_NUM_THREADS=1 $(BIN)/gradus challenge lint challenges/library

site: $(STAMP)
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) -m gradus.operations.deploy_check

smoke: $(STAMP)
	$(PY) -m tests.smoke

bench: $(STAMP)
	$(PY) -m benchmarks $(ARGS)

mutants: $(STAMP)
	$(PY) -m tests.faults.mutants

openapi: $(STAMP)
	$(PY) manage.py export_openapi_schema --api gradus.api.api --sorted --indent 2 --output docs/openapi.json

# After each new migration: what a first start on SQLite loads in place of all of them.
schema: $(STAMP)
	PYTHONPATH=platform $(PY) -m tests.migrated

screenshots: $(STAMP)
	$(PY) -m tests.browser.pictures.screenshots $(ARGS)

models: $(STAMP)
	$(PY) manage.py fetch_models

doctor: $(STAMP)
	$(PY) manage.py doctor

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djlint templates --reformat --quiet

clean-venv:
	rm -rf $(VENV)

# The stamp is as new as the last install that ended well; a changed list of packages installs again. pip compiles on one
# core, and a sandbox must find compiled files. Some packages have files for other versions of Python, which do not compile.
# Until 0.3.0 the package was called `gradus`: pip takes it for another one, and would leave its commands beside ours.
$(STAMP): pyproject.toml constraints.txt | $(PY)
	@$(PY) -m pip uninstall --disable-pip-version-check --quiet --yes gradus 2>/dev/null || true
	PIP_NO_COMPILE=1 $(PY) -m pip install --disable-pip-version-check -c constraints.txt -e ".[worker,dev]"
	@$(PY) -m compileall -q -j 0 $(VENV)/lib >/dev/null 2>&1 || true
	@touch $@

# Debian splits ensurepip off: then an empty environment gets pip from the pip outside.
$(PY):
	@$(PYTHON) -c "$(WANTED)" 2>/dev/null || { \
		echo "Gradus needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
		echo "Install one, or name one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	@if $(PYTHON) -c "import ensurepip" 2>/dev/null; then \
		$(PYTHON) -m venv $(VENV); \
	else \
		$(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(PY) install pip; \
	fi || { rm -rf $(VENV); \
		echo "No virtual environment could be made. On Debian: apt-get install python3-venv python3-pip"; exit 1; }
