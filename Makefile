# Everything msgreen needs from a fresh clone: a plain Python >= 3.11, pip and make.
# Another interpreter: make test PYTHON=python3.12 (after `make clean`, if .venv exists).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
# On all cores, where pip took a third of its time for all on one. Left out is a third that is
# rarely imported, and then compiled: tests of other packages, and parts of large ones.
RARE := tests?|ase|beartype|debugpy|pip|setuptools|plotly/(graph_objs|validators)|pygments/lexers
COMPILE := -$(BIN)/python -W ignore -m compileall -qq -j 0 -x '/($(RARE))/' $(VENV)/lib

# One stamp per set of dependencies; a set is installed again when pyproject.toml is newer.
CORE := $(VENV)/.installed-core
DEV := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test test-fast annotations notebooks oldest lint types docs package bench gpu kills clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(CORE) ## compute the showcase; prints where its pictures and tables are
	$(BIN)/msgreen run

# A file stays on one process, which has compiled what its tests share.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test test-fast annotations notebooks: export OPENBLAS_NUM_THREADS = 1
# Commands and notebooks that tests start would read all sources again: a tenth of their start.
test test-fast annotations notebooks: export PYTHONDONTWRITEBYTECODE =
# Threads that compile would each keep memory of their own.
test test-fast notebooks: export MALLOC_ARENA_MAX = 2
test: $(DEV) ## run all tests, notebooks included, on two processes
	$(PYTEST) --keep-times --ignore tests/kernels
	XLA_FLAGS= $(PYTEST) --keep-times tests/kernels

# Three fifths of the tests take a fiftieth of the time. Before the first run of `test` nothing is
# known of any, and all that are not marked as slow run.
test-fast: $(DEV) ## run what took at most 0.1 s in the last run of `test`, and new tests
	$(PYTEST) -m "not slow" --within 0.1

# The checks take a second and a half of every process and 15 to 80 % of the time of short files, so
# that `test` goes without. Left out are files that only start other processes, and those in which
# functions with annotations are not what they were: arguments wrong on purpose, functions by name.
UNCHECKED := bad_calls bad_calls_io blocks docs house notebooks package signals simulation_killed \
	site spin_program_runs start
annotations: $(DEV) ## compare annotations with what all tests but the slow ones pass
	$(PYTEST) -p tests.annotations -m "not slow" \
		$(filter-out $(UNCHECKED:%=tests/test_%.py),$(wildcard tests/test_*.py))

notebooks: $(DEV) ## run the tests of the notebooks only
	$(BIN)/python -m pytest -n 2 tests/test_notebooks.py

# Extras are left out: what they need may be newer than what msgreen needs.
OLDEST := .cache/oldest
oldest: $(BIN)/python ## run all but the slow tests with the oldest versions that pyproject.toml allows
	$(BIN)/python -m venv --clear --without-pip $(OLDEST)
	sed -n '/^dependencies/,/^]/s/^ *"\(.*\)>=\(.*\)",/\1==\2/p' pyproject.toml > $(OLDEST)/versions.txt
	$(BIN)/python -m pip --python $(OLDEST)/bin/python install --quiet --disable-pip-version-check \
		-c $(OLDEST)/versions.txt -e . pytest pytest-timeout
	OPENBLAS_NUM_THREADS=1 $(OLDEST)/bin/python -m pytest -m "not slow" \
		--ignore=tests/test_notebooks.py

lint: $(DEV) ## check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV) ## check types
	$(BIN)/pyright --pythonpath $(BIN)/python

docs: $(DEV) ## build the documentation into site/
	$(BIN)/mkdocs build --strict

# In an environment of its own: what builds and checks packages is no part of msgreen.
PACKAGER := .cache/packager
package: $(BIN)/python ## build the package into dist/ and check it as an index would
	$(BIN)/python -m venv --clear --without-pip $(PACKAGER)
	$(BIN)/python -m pip --python $(PACKAGER)/bin/python install --quiet --disable-pip-version-check build twine
	$(PACKAGER)/bin/python -m build --outdir dist .
	$(PACKAGER)/bin/python -m twine check --strict dist/*

bench: $(DEV) ## run every benchmark of the kernels
	@set -e; for file in kernels/benchmarks/bench_*.py; do \
		if [ -e "$$file" ]; then echo "$$file"; $(BIN)/python "$$file"; fi; done

gpu: $(DEV) ## test and measure all kernels on a GPU, into a dated report in kernels/
	if command -v nvidia-smi > /dev/null; then $(INSTALL) -e ".[dev,cuda]"; fi
	OPENBLAS_NUM_THREADS=1 $(BIN)/python kernels/benchmarks/gpu_day.py

kills: $(DEV) ## kill a long run at 50 random moments and see whether anything is lost
	OPENBLAS_NUM_THREADS=1 $(BIN)/python tests/kills.py 50

clean: ## remove the environment, caches and build products
	rm -rf $(VENV) .cache site dist .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Some systems split the pip bootstrap off Python; the pip of PYTHON then fills the environment.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "msgreen needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(BIN)/python install --quiet pip; } || { rm -rf $(VENV); exit 1; }

$(CORE): pyproject.toml | $(BIN)/python
	$(INSTALL) -e .
	$(COMPILE)
	@touch $@

$(DEV): pyproject.toml | $(BIN)/python
	$(INSTALL) -e ".[dev,docs]"
	$(COMPILE)
	@touch $@ $(CORE)
