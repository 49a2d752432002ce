# The commands of the cookbook. `make help` lists them; each sets up what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Two installers in one environment would break it.
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV_VERSION := 0.13.9
PORT ?= 8000
# How a build times: quick, careful, or off.
TIMING ?= quick

VENV := .venv
BIN := $(VENV)/bin
UV := .cache/uv-$(UV_VERSION)/bin/uv
HTML := _build/html
REPORTS := reports

# Environments are stamped with the content of what they were made from, so that a new checkout,
# which only changes dates, installs nothing again.
digest = $(shell cat $(1) 2>/dev/null | sha256sum | cut -c1-16)
READERS := $(VENV)/stamps/readers-$(call digest,requirements.txt)
DEVELOPERS := $(VENV)/stamps/developers-$(call digest,requirements.txt requirements-dev.txt)
PACKAGE := $(VENV)/stamps/package-$(call digest,pyproject.toml)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Files of the collaboration that some tests also run on, where they lie beside the repository.
NANOAOD := $(abspath $(wildcard ../shared/nanoaod))
ifneq ($(NANOAOD),)
export COOKBOOK_NANOAOD ?= $(NANOAOD)
endif
# Notebooks run without a debugger attached: its warning would be noise in every log.
export PYDEVD_DISABLE_FILE_VALIDATION := 1

.PHONY: help book timing render test check recipes check-recipe test-package nbval
.PHONY: recipe new accept common faults others bench sample serve linkcheck
.PHONY: env dev compiler system lock clean distclean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

book: env ## Build the book into _build/html: execute what changed, time what changed, render
	@$(BIN)/python -m cookbook.cli execute page
	@$(MAKE) timing render
	@echo "Open $(HTML)/index.html in a browser, or run: make serve"

timing: env ## Time the recipes that changed, one after the other: [TIMING=quick|careful] [SHARD=1/4]
	@COOKBOOK_TIMING=$(TIMING) $(BIN)/python -m cookbook.cli execute timing $(if $(SHARD),--shard $(SHARD))

render: env ## Render what was executed and timed into _build/html
	@rm -rf $(HTML)/reports; \
	$(BIN)/jupyter-book build . --warningiserror --nitpick --keep-going || { \
		rm -rf _build/.doctrees; \
		find $(HTML)/reports -name '*.log' -printf 'Traceback: %p\n' 2>/dev/null; \
		echo "The book was not built: see the messages above." >&2; \
		exit 1; \
	}

# Whatever fails, the steps after it run, so that one call shows everything that is wrong. A timing has the machine for
# itself, so the gate times an eighth of the recipes, another one each week; a published book times all.
EIGHTH = $$((10\#$$(date +%V) % 8 + 1))/8
test: dev system ## The whole gate: lint, types, every recipe, timing, the rendered book, every other test
	@mkdir -p $(REPORTS); : > $(REPORTS)/steps.tsv; status=0; export COOKBOOK_TIMED=$(EIGHTH); \
	for step in check recipes "timing SHARD=$$COOKBOOK_TIMED" render test-package; do \
		before=$$SECONDS; \
		$(MAKE) $$step || status=1; \
		printf '%s\t%s\n' $${step%% *} $$((SECONDS - before)) >> $(REPORTS)/steps.tsv; \
	done; \
	$(BIN)/python tests/minutes.py $(REPORTS); \
	exit $$status

PYTEST = $(BIN)/python -m pytest --junitxml=$(REPORTS)/$@.xml
# Files of tests, or recipes, go to workers one by one.
SIDE_BY_SIDE = --numprocesses=logical --maxprocesses=4 --no-loadscope-reorder

recipes: dev ## Check every recipe as check-recipe does, side by side: [SHARD=1/4]
	@$(PYTEST) tests/recipes $(if $(SHARD),--shard=$(SHARD)) $(SIDE_BY_SIDE) --dist=loadscope

check-recipe: dev ## Check one recipe from the contract to its faults: NAME=…
	@: $(if $(NAME),,$(error Give the recipe: make check-recipe NAME=dimuon-spectrum))
	@$(PYTEST) tests/recipes $(NAME:%=--recipe=%)

test-package: dev system ## Every test but those of the recipes, a look at the rendered book with a browser included
	@$(PYTEST) tests --ignore=tests/recipes $(SIDE_BY_SIDE) --dist=loadfile

nbval: dev ## Execute every notebook once more, with plain pytest and nbval
	@$(PYTEST) recipes --nbval-lax --nbval-cell-timeout=1800 $(SIDE_BY_SIDE) --dist=loadfile

check: dev ## Lint and types only
	@status=0; \
	$(BIN)/ruff check . || status=1; \
	$(BIN)/ruff format --check . || status=1; \
	git ls-files -z | xargs -0 $(BIN)/codespell || status=1; \
	find recipes -name '*.ipynb' -not -path '*/.*' -print0 | xargs -0 -r $(BIN)/nbstripout --keep-id --keep-count --verify || status=1; \
	$(BIN)/mypy || status=1; \
	exit $$status

# What a reader gives reaches Python through the environment, unexpanded: a shell would cut an address at its "&", and make
# would run what is in "$(...)" to export it under its own name.
unexport NAME FILES JOB SET ERA OUT
recipe: export RECIPE_NAME := $(value NAME)
recipe: export RECIPE_FILES := $(value FILES)
recipe: export RECIPE_JOB := $(value JOB)
recipe: export RECIPE_SET := $(value SET)
recipe: export RECIPE_ERA := $(value ERA)
recipe: export RECIPE_OUT := $(value OUT)
recipe: env ## Run one recipe on your files: NAME=… FILES="…" or JOB=… (JOB=new writes one) [SET=…] [ERA=…] [OUT=…]
	@: $(if $(and $(value NAME),$(or $(value FILES),$(value JOB))),,$(error Give the recipe and the files: make recipe NAME=dimuon-spectrum FILES="a.root b.root", or a job file: JOB=job.yaml (JOB=new writes one)))
	@$(BIN)/python -m cookbook.cli recipe

new: env ## Start a recipe: NAME=…
	@: $(if $(NAME),,$(error Give the new recipe a name: make new NAME=pileup-weights))
	@$(BIN)/python -m cookbook.cli new $(NAME)

faults: dev ## Judge every fault of a recipe and write its ledger: NAME=…
	@: $(if $(NAME),,$(error Give the recipe: make faults NAME=dimuon-spectrum))
	@PYTHONPATH=tests $(BIN)/python -m faults $(NAME)

others: env ## Run recipes on other files where they changed, and keep what became of them: [NAME=…]
	@$(BIN)/python -m cookbook.cli others $(NAME)

common: env ## Write the cells of recipes/common into every notebook that copies them
	@$(BIN)/python -m cookbook.cli common

accept: env ## Store the output of the check cells of a recipe anew: NAME=…
	@: $(if $(NAME),,$(error Give the recipe: make accept NAME=dimuon-spectrum))
	@$(BIN)/python -m cookbook.cli accept $(NAME)

bench: env ## Time every recipe carefully into benchmarks/: [RESUME=1] what the newest result lacks or did not resolve
	@$(BIN)/python -m cookbook.cli bench $(if $(RESUME),--resume)

sample: dev ## Make the sample anew from its seeds: [EVENTS=…] [OUT=…]
	@$(BIN)/python -m cookbook.simulation $(if $(EVENTS),--events $(EVENTS)) $(if $(OUT),--out $(OUT))

serve: ## Show the built book at http://127.0.0.1:8000/: [PORT=…]
	@test -e $(HTML)/index.html || { echo "There is no book yet: run make book first." >&2; exit 1; }
	@echo "The book is at http://127.0.0.1:$(PORT)/ (stop with Ctrl-C)"
	@$(PYTHON) -m http.server --bind 127.0.0.1 --directory $(HTML) $(PORT)

linkcheck: env ## Check every link to other sites, executing nothing
	@mkdir -p _build; \
	sed 's/execute_notebooks: force/execute_notebooks: "off"/' _config.yml > _build/links.yml; \
	$(BIN)/jupyter-book build . --config _build/links.yml --path-output _build/links --builder linkcheck --keep-going

env: compiler $(READERS) $(PACKAGE) ## Make the environment for readers (.venv)

dev: compiler $(DEVELOPERS) $(READERS) $(PACKAGE) ## Add to it what the tests and the simulation need

compiler: ## Install the C++ compiler whose headers ROOT needs, where that is allowed
	@command -v g++ >/dev/null || { $(call apt-install,g++); } || { \
		echo "ROOT compiles C++ as it runs and finds no g++: install it first (apt-get install g++)" >&2; \
		exit 1; \
	}

system: ## Install the system packages that the tests use, where that is allowed
	@missing=; \
	for tool in chromium rsync xrootd:xrootd-server slurmd:slurm-wlm munged:munge; do \
		command -v $${tool%:*} >/dev/null || missing="$$missing $${tool#*:}"; \
	done; \
	[ -z "$$missing" ] || { $(call apt-install,$$missing); } || \
		echo "Missing:$$missing. The tests that need them are skipped (apt-get install$$missing)"

apt-install = [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq </dev/null && \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1) </dev/null

lock: $(UV) ## Resolve pyproject.toml anew into the two lock files: [UPGRADE=1]
	@$(compile) --extra book --extra install --output-file requirements.txt
	@$(compile) --extra dev --constraint requirements.txt --output-file requirements-dev.txt

# Wheels only (a source build of pythia8mc takes ten minutes), and no address of an index in the lock.
compile = $(UV) pip compile pyproject.toml --quiet $(if $(UPGRADE),--upgrade) --generate-hashes \
	--only-binary :all: --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	--python-version 3.11 --python-platform x86_64-manylinux_2_28

clean: ## Remove the built book and the reports
	rm -rf _build $(REPORTS)

distclean: clean ## Remove the environment and the caches as well
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "The lock is made for Python 3.11 and $(PYTHON) is another version: use make PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	}
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# Python's own pip checks the hashes and follows the mirror that the reader configured.
$(READERS): | $(BIN)/python
	@echo "Installing the environment of the book (a few minutes, once)"
	$(INSTALL) --require-hashes --only-binary :all: --requirement requirements.txt
	@mkdir -p $(@D) && touch $@

# The developers' lock contains the readers' one.
$(DEVELOPERS): | $(BIN)/python
	@echo "Installing the environment of the tests (a few minutes, once)"
	$(INSTALL) --require-hashes --only-binary :all: --requirement requirements-dev.txt
	@mkdir -p $(@D) && touch $@ $(READERS)

$(PACKAGE): | $(READERS)
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@mkdir -p $(@D) && touch $@

$(UV):
	$(PYTHON) -m venv .cache/uv-$(UV_VERSION)
	.cache/uv-$(UV_VERSION)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
