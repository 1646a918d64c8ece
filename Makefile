# `make demo` is the whole story in a few minutes; `make test` proves it. Both install what they need into .venv first.

PYTHON ?= python3
BIN = .venv/bin
INSTALLED = .venv/.installed
# A build of torch without CUDA is enough on a machine without a GPU:
#   make demo PIP_OPTIONS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_OPTIONS ?=
BENCH ?=

BENCHES = bench bench-peers bench-profile bench-length bench-plain bench-scale bench-gpu
.PHONY: install demo story test test-long test-browser faults docs check format $(BENCHES) clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check --quiet $(PIP_OPTIONS) --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: install
	$(BIN)/translator train demo
	$(BIN)/translator evaluate runs/demo
	@echo
	$(BIN)/translator translate --run runs/demo "The old man reads a book." \
	    "My sister has opened the window because the kitchen is hot." \
	    "When the children come back from the station, our dog wants to sleep."
	@echo
	@echo 'Next: $(BIN)/translator translate "the clever farmer sells a white horse"'
	@echo '      $(BIN)/translator compare     (what attention is for: three models side by side, about 6 minutes)'

story: install
	$(BIN)/translator story

test: install
	$(BIN)/pytest --numprocesses 2

test-long: install
	$(BIN)/python -m tests.long

# The page of `translator report` in a real browser; Chromium must be installed.
test-browser: install
	$(BIN)/pip install --disable-pip-version-check --quiet $(PIP_OPTIONS) --constraint constraints.txt --editable ".[browser]"
	$(BIN)/pytest tests/browser

faults: install
	$(BIN)/python -m tests.faults

# Write configs/README.md from the settings classes.
docs: install
	$(BIN)/python -m tests.settings_page

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses 2

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install
	$(BIN)/python -m tests.benchmarks $(BENCH)

bench-peers: install
	$(if $(PEER),,$(error give the peers' benchmark: make bench-peers PEER='peers.sh work'))
	$(BIN)/python -m tests.benchmarks --repeats 3 --peer '$(PEER)'

bench-profile: install
	$(BIN)/python -m tests.benchmarks.profile $(BENCH)

bench-length: install
	$(BIN)/python -m tests.benchmarks.length

bench-plain: install
	$(BIN)/python -m tests.benchmarks.plain $(BENCH)

bench-scale: install
	$(BIN)/python -m tests.benchmarks.scale $(BENCH)

bench-gpu: install
	$(BIN)/python -m tests.benchmarks.gpu $(BENCH)

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
