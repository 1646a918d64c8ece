# `make demo` trains, evaluates and translates in a few minutes; `make test` runs the tests. Both first install into .venv.

PYTHON ?= python3
BIN = .venv/bin
INSTALLED = .venv/.installed
# Options for pip. On a machine without a GPU, the CPU build of torch is smaller:
#   make demo PIP_OPTIONS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_OPTIONS ?=
# Tests run side by side, as many as the machine has cores.
SIDE_BY_SIDE = --numprocesses logical --maxprocesses 4 --dist worksteal
# Arguments of a benchmark: make bench BENCH="--repeats 3"
BENCH ?=

BENCHES = bench bench-peers bench-profile bench-length bench-plain bench-scale bench-gpu
.PHONY: install demo story test test-long test-browser faults picture docs check format ablation $(BENCHES) clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is required: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	@echo "installing into .venv; torch and other libraries take a few minutes"
	$(BIN)/pip install --disable-pip-version-check $$(test -t 1 || echo --quiet) $(PIP_OPTIONS) --constraint constraints.txt --editable ".[dev]"
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
	@echo '      $(BIN)/translator compare     (trains two more models and compares all three; about 6 minutes)'

# Train fifteen models from no attention to efficient attention and write runs/story/story.html; about half an hour.
story: install
	$(BIN)/translator story

test: install
	$(BIN)/pytest $(SIDE_BY_SIDE)

# Kill training at random moments, damage run folders, translate random strings; up to an hour.
test-long: install
	$(BIN)/python -m tests.long

# Test the pages of `translator report` and `serve` in Chromium, which must be installed.
test-browser: install
	$(BIN)/pip install --disable-pip-version-check --quiet $(PIP_OPTIONS) --constraint constraints.txt --editable ".[browser]"
	$(BIN)/pytest tests/browser

# Run the fault catalogue and print one line per row.
faults: install
	$(BIN)/python -m tests.faults

# Draw the attention map of the README with the demo's model, which is trained first if it does not exist.
picture: install
	$(BIN)/translator train demo
	$(BIN)/translator translate --run runs/demo "My sister has opened the window because the kitchen is hot." \
	    --attention .github/attention.png --force

# Write configs/README.md from the settings classes.
docs: install
	$(BIN)/python -m tests.settings_page

# What continuous integration runs.
check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest $(SIDE_BY_SIDE)

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install
	$(BIN)/python -m tests.benchmarks $(BENCH)

bench-peers: install
	$(if $(PEER),,$(error name the benchmark of the other program: make bench-peers PEER='peers.sh work'))
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

# Train a shipped config on Multi30k once per seed and print a row for the table of results: make result-transformer
result-%: install
	$(BIN)/python -m tests.benchmarks.results $* $(BENCH)

# Measure what each training method gains on Multi30k; takes hours.
ablation: install
	$(BIN)/python -m tests.benchmarks.ablation $(BENCH)

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
