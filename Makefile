# The two commands of the README are `make demo` and `make test`; `make check` adds lint, types and architecture.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
EXTRAS ?=

.PHONY: demo test check lint types architecture format install clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet -c constraints.txt --editable ".$(EXTRAS)" --group dev
	$(BIN)/python -m tocsin.warm
	touch $@

demo: install
	$(BIN)/tocsin demo

test: install
	$(BIN)/pytest -n auto --dist loadfile

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: install
	$(BIN)/mypy

architecture: install
	$(BIN)/lint-imports

check: lint types architecture test

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist demo
