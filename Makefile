# make demo     see deskq at work, on a broker of its own
# make test     lint, types, layers, then the tests, a part of them also with the lowest versions of what deskq needs
# make test-lowest that part alone
# make versions the tests with the lowest, with the newest versions, in Debian 13 and 14: hours; PART=lowest for one
# make soak     the faults of tests/faults again and again, and 20,000 possible histories of a task: many minutes
# make bench    the benchmarks' figures and their goals; DESKQ_BENCH=short for a tenth of the sizes
# make pictures the pictures of the README, from the demo
# make package  a folder that starts without Python, in build/dist/deskq
# make clean    removes what these made
#
# The first run makes .venv and, as root on Debian and its like, installs what is missing from the system's packages.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PYTHON ?=
PYTEST ?= $(BIN)/pytest
PICTURES := build/pictures

# pip says a lot, of interest only when it fails.
pip_install = mkdir -p build $(STAMPS); $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input $(1) \
	>build/pip.log 2>&1 || { cat build/pip.log >&2; exit 1; }

.PHONY: help demo test test-lowest lint versions soak bench pictures package clean

help:
	@sed -n '/^# make/s/^# //p' Makefile

$(BIN)/python:
	@PYTHON="$(PYTHON)" .ci/venv.sh $(VENV)

$(STAMPS)/demo: pyproject.toml | $(BIN)/python
	@.ci/system-packages.sh qt
	@echo "Installing deskq into $(VENV)"
	@$(call pip_install,-e '.[gui$(,)demo]')
	@.ci/check-qt.sh $(BIN)/python
	@touch $@

$(STAMPS)/test: pyproject.toml $(STAMPS)/demo
	@.ci/system-packages.sh servers
	@echo "Installing the tools for tests into $(VENV)"
	@$(call pip_install,-e '.[gui$(,)demo$(,)dev]')
	@touch $@

$(STAMPS)/package: pyproject.toml $(STAMPS)/demo
	@$(call pip_install,-e '.[gui$(,)demo$(,)package]')
	@touch $@

$(STAMPS)/bench: pyproject.toml $(STAMPS)/test
	@$(call pip_install,-e '.[gui$(,)demo$(,)dev$(,)bench]')
	@touch $@

# A comma that does not separate arguments of $(call).
, := ,

demo: $(STAMPS)/demo
	@if [ "$$(uname)" = Linux ] && [ -z "$${DISPLAY:-}$${WAYLAND_DISPLAY:-}" ]; then \
	  $(BIN)/deskq demo --headless --seconds 20 --pictures $(PICTURES); \
	  echo "There is no screen here: the pictures are in $(PICTURES)."; \
	else \
	  $(BIN)/deskq demo; \
	fi

lint: $(STAMPS)/test
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "Run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@mkdir -p build
	@$(BIN)/lint-imports >build/layers.log || { cat build/layers.log; exit 1; }
	@echo "Lint, format, types and layers are in order."

test: lint test-lowest
	@$(PYTEST) --numprocesses=auto

# A minute: what Celery, kombu, redis, pika and the stores of schedules are called by, with real servers and workers.
LOWEST_TESTS := $(addprefix tests/unit/,actions/messages brokers protocol/test_message.py schedules/stores schedules/timing) \
  $(addprefix tests/brokers/,test_control.py test_rabbitmq.py test_real_beat_files.py test_redbeat.py test_redis.py)

$(STAMPS)/lowest: pyproject.toml .ci/lowest $(STAMPS)/test
	@.ci/lowest $(BIN)/python $(VENV)/lowest
	@touch $@

test-lowest: $(STAMPS)/lowest
	@$(VENV)/lowest/bin/python -m pytest --numprocesses=auto --quiet $(LOWEST_TESTS)

PART ?=
versions:
	@.ci/versions $(PART)

soak: $(STAMPS)/test
	@DESKQ_SOAK=1 $(PYTEST) tests/unit/protocol/test_possible_wires.py tests/faults tests/e2e/test_acting.py --timeout=0

bench: $(STAMPS)/bench
	@$(PYTEST) tests/benchmarks --timeout=0 --quiet --capture=no

pictures: $(STAMPS)/demo
	@$(BIN)/deskq demo --headless --seconds 40 --pictures $(PICTURES)

package: $(STAMPS)/package
	@$(BIN)/pyinstaller --noconfirm --log-level=WARN --distpath build/dist --workpath build/pyinstaller packaging/deskq.spec
	@build/dist/deskq/deskq --version

clean:
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache $(VENV)
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
