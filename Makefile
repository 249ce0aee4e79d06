# `make verify` and `make test` need python3 with its venv module, and nothing else: both make the
# virtual environment .venv in the checkout, and install the package into it anew when it changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
SOURCES := $(shell find rmt_rank -name '*.py' -o -name '*.cuh' -o -name py.typed)

.PHONY: verify test check pytest test-slow benchmark gpu reference docs preprint readme dist clean

verify: $(VENV)/installed
	$(BIN)/python -P -m rmt_rank.verify theorem1

test: check pytest

check: $(VENV)/developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/python -P validation/prose.py

# on the installed package, a file a process at a time, with one BLAS thread each
pytest: $(VENV)/developed $(VENV)/installed
	RMT_RANK_INSTALLED=1 OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 \
		$(BIN)/pytest -m 'not slow' -n auto --dist loadfile

test-slow: $(VENV)/developed $(VENV)/installed
	RMT_RANK_INSTALLED=1 OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 \
		$(BIN)/pytest -m slow -n auto --dist loadfile

benchmark: $(VENV)/developed $(VENV)/installed
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -P validation/benchmarks/run.py

# on a machine with a CUDA device: marked tests, benchmarks, and validation/reports/gpu.md; CuPy must
# be in .venv, and PyTorch and JAX are compared with if they are
gpu: $(VENV)/developed $(VENV)/installed
	$(BIN)/python -P validation/benchmarks/gpu.py

# the tables of validation/reference, by the reference implementation; about three minutes
reference: $(VENV)/installed
	$(BIN)/python -P validation/reference/fuss_catalan_law.py
	$(BIN)/python -P validation/reference/effective_rank.py

# the README's Python blocks, with nothing installed but the package and what it depends on
readme: $(VENV)/bare
	$(VENV)-bare/bin/python -P validation/readme_blocks.py

docs: $(VENV)/documented $(VENV)/installed
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

# what a release uploads: the source distribution and the wheel
dist: $(VENV)/packaged
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

# the paper, by Typst; a second, and nothing of the package is needed
preprint: $(VENV)/typeset
	$(BIN)/python -P -c 'import typst; typst.compile("docs/preprint/main.typ", \
		output="docs/preprint/preprint.pdf")'

$(VENV)/created:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade 'pip>=25.1'
	touch $@

# dependencies first, so that a change of the sources installs the package alone
$(VENV)/depended: pyproject.toml | $(VENV)/created
	$(PIP) install .
	touch $@

$(VENV)/installed: $(VENV)/depended $(SOURCES)
	$(PIP) install --no-deps --force-reinstall .
	touch $@

$(VENV)/developed: $(VENV)/depended
	$(PIP) install --group dev
	touch $@

$(VENV)/documented: $(VENV)/depended
	$(PIP) install --group docs
	touch $@

$(VENV)/packaged: pyproject.toml | $(VENV)/created
	$(PIP) install --group dist
	touch $@

$(VENV)/typeset: pyproject.toml | $(VENV)/created
	$(PIP) install --group preprint
	touch $@

$(VENV)/bare: pyproject.toml $(SOURCES) | $(VENV)/created
	test -d $(VENV)-bare || $(PYTHON) -m venv $(VENV)-bare
	$(VENV)-bare/bin/python -m pip --quiet --disable-pip-version-check install .
	$(VENV)-bare/bin/python -m pip --quiet --disable-pip-version-check \
		install --no-deps --force-reinstall .
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-bare build dist docs/_build docs/gallery docs/tutorials docs/reference \
		.mypy_cache .pytest_cache .ruff_cache .hypothesis
