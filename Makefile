# Needs only Python 3.11 to 3.14 with its venv module, and make.
# The newest Python with a wheel for every package comes first; 3.14 has no wheel with a Redis yet
# (docs/platforms.md). Each is run, because a name on PATH can be a shim or lack the venv module.
PYTHONS := python3.13 python3.12 python3.11 python3.14 python3
SUPPORTED := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
PYTHON ?= $(shell for name in $(PYTHONS); do \
	$$name -c '$(SUPPORTED)' >/dev/null 2>&1 && echo $$name && break; done)
BIN := .venv/bin
# A run of the tests starts hundreds of processes, and each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install run examples dialects assets screenshots test test-extended test-all fuzz check fmt bench bench-check bench-record bench-lists faults contract constraints lock clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make .venv with everything in it, at the versions of constraints.txt

$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(BIN)/python || test -n "$(PYTHON)" || { echo "no Python 3.11 to 3.14 with its venv module" \
		"is on PATH: install one (apt install python3-venv, brew install python@3.13)" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded,dev]'
	touch $@

run: $(INSTALLED) ## Run the whole system here, with a sandbox as Stripe; Ctrl-C stops it
	@$(BIN)/billhook up

examples: $(INSTALLED) ## Run examples/ against the running system (needs node and curl)
	@examples/run

dialects: $(INSTALLED) ## Write docs/dialects.md anew from the table that the contract tests read
	$(BIN)/python -m tests.contract.dialects_page

assets: $(INSTALLED) ## Fetch the dashboard's third-party files anew, with npm, and check them
	$(BIN)/python -m service.dashboard.vendor_assets

screenshots: $(INSTALLED) ## Take the pictures of docs/dashboard/ anew, of the demo company (needs Chromium)
	@$(BIN)/python -m tests.screenshots

test: $(INSTALLED) ## Run the tests but for the extended ones, on a real PostgreSQL and Redis
	$(BIN)/python -m pytest -n 3 --dist worksteal -m "not extended"

test-extended: $(INSTALLED) ## Run the extended tests alone: large, long, and of the sandbox
	$(BIN)/python -m pytest -n 3 --dist worksteal -m extended

test-all: test test-extended ## Run every test

fuzz: $(INSTALLED) ## Look for new faults with generated inputs, more than the tests': SEED=<number>
	BILLHOOK_FUZZ_SEED=$(or $(SEED),$(shell date +%s)) $(BIN)/python -m pytest -n 3 --dist worksteal -m fuzz

check: $(INSTALLED) ## Check style, types and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(INSTALLED) ## Format the code and apply automatic fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED) ## Measure everything in docs/benchmarks.md, from acknowledgements to the dashboard
	@$(BIN)/python -m tests.benchmarks

bench-check: $(INSTALLED) ## Fail where a ratio lost more than 15 % against the recorded one; about 15 minutes, idle machine
	@$(BIN)/python -m tests.benchmarks.guard

bench-record: $(INSTALLED) ## Record the ratios that bench-check compares with
	@$(BIN)/python -m tests.benchmarks.guard --record

bench-lists: $(INSTALLED) ## Measure lists, searches, CSV and pages at ROWS=1000000 invoices of one app
	@$(BIN)/python -m tests.benchmarks lists --rows $(or $(ROWS),1000000)

faults: $(INSTALLED) ## Kill, hang, cut off and starve each part of a running system; about 10 minutes
	@$(BIN)/python -m tests.faults

contract: $(INSTALLED) ## Check every provider message against specifications: SPECS=<folder>
	@test -n "$(SPECS)" || { echo "usage: make contract SPECS=<folder with the providers' specifications>"; exit 2; }
	$(BIN)/python -m tests.contract.validate --specs $(SPECS) tests -n 2 --dist worksteal -q

constraints: ## Write constraints.txt anew, with the newest versions; keep its lines with a marker
	rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	grep ';' constraints.txt > build/with-markers.txt
	build/constraints/bin/python -m pip install --quiet --disable-pip-version-check -c build/with-markers.txt -e '.[embedded,dev]'
	build/constraints/bin/python -m pip freeze --exclude-editable > build/frozen.txt
	{ grep -E '^#|;' constraints.txt; awk -F '==' 'NR == FNR { marked[$$1]; next } !($$1 in marked)' \
		build/with-markers.txt build/frozen.txt; } > build/constraints.txt
	mv build/constraints.txt constraints.txt

lock: ## Write deploy/requirements.lock anew: the versions of constraints.txt with hashes, for the image
	rm -rf build/lock && $(PYTHON) -m venv build/lock && build/lock/bin/pip install --quiet 'uv>=0.9'
	echo 'setuptools>=75' > build/build-system.in
	sed -n '/^#/p; /^#/!q' deploy/requirements.lock > build/requirements.lock
	build/lock/bin/uv pip compile --quiet pyproject.toml build/build-system.in --generate-hashes --universal \
		--python-version 3.11 -c constraints.txt --no-header --no-annotate >> build/requirements.lock
	mv build/requirements.lock deploy/requirements.lock

clean: ## Remove .venv and caches; the data in .billhook stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
