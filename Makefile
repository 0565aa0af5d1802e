# Each target sets up what it needs, the first time from the network. `make help` lists them.
AZURITE := $(shell sed -n 's/.*"azurite": *"\([0-9.]*\)".*/\1/p' local/package.json)
BIN := .venv/bin
APP := .venv/.local-installed
VENV := .venv/.requirements-installed
STORAGE := .local/.azurite-$(AZURITE)-installed
PYTEST := $(BIN)/python -m pytest
PARALLEL := -n auto --dist loadgroup
DASHBOARD_CHECKS := .local/dashboard-checks
SITE_TOOLS := .local/site-tools
SITE := .local/site

# The Python of this shell if it fits, else the first that does.
fits = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
version = import sys; print("%d.%d" % sys.version_info[:2])
CANDIDATES := python3 python3.12 python3.13 python3.11 python
PYTHON ?= $(shell for one in $(CANDIDATES); do $$one -c '$(fits)' 2>/dev/null && echo $$one && break; done)

.PHONY: help docs site demo run upload unit integration test proof mutants screenshots check format schema lock bench bench-quick setup setup-python clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1 \2/' | \
		while read -r make target text; do printf 'make %-13s %s\n' "$$target" "$$text"; done

demo: $(STORAGE) $(APP) ## run the main job on this machine, then stop
	$(BIN)/python -m local.demo

run: $(STORAGE) $(APP) ## like demo, but keeps running
	$(BIN)/python -m local.demo --stay

upload: $(APP) ## upload FILE=… to the watched folder, or TO=container/folder
	@test -n "$(FILE)" || { echo "give a file: make upload FILE=a.csv [TO=container/folder]" >&2; exit 1; }
	@$(BIN)/python -m local.upload $(FILE) $(if $(TO),--to $(TO))

unit: $(VENV) ## run the tests that start no process: the fast loop
	$(PYTEST) -m 'not azurite and not machine and not browser and not simulation and not proof' $(PARALLEL)

integration: $(STORAGE) $(VENV) ## run the unit tests and those that need the storage emulator
	$(PYTEST) -m 'not machine and not browser and not proof' $(PARALLEL) -rs

test: $(STORAGE) $(VENV) $(SITE_TOOLS)/.installed $(DASHBOARD_CHECKS)/.installed ## run every test but the proof; list what was skipped and why
	$(PYTEST) -m 'not proof' $(PARALLEL) -rs

proof: $(STORAGE) $(VENV) ## run the long tests: every seed, long fuzzing, the mutants
	$(PYTEST) -m 'proof or hypothesis' --hypothesis-profile proof $(PARALLEL) -rs
	$(MUTANTS)

mutants: $(VENV) ## change the engine in 200 places: some test has to notice
	$(MUTANTS)
MUTANTS := $(BIN)/python tests/proof/mutants.py

check: $(DASHBOARD_CHECKS)/.installed $(VENV) ## check format, lint, types, templates, pipelines, as CI does
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(DASHBOARD_CHECKS)/node_modules/.bin/biome check --error-on-warnings --config-path=local/dashboard-checks/lint.json triggers/web/dashboard
	$(DASHBOARD_CHECKS)/node_modules/.bin/tsc --project local/dashboard-checks
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.azure-pipelines --regex-variant python infra/azure-devops/*.yml
	$(BIN)/zizmor --offline --quiet .github/workflows

format: $(DASHBOARD_CHECKS)/.installed $(VENV) ## format the code and fix what the linters can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(DASHBOARD_CHECKS)/node_modules/.bin/biome check --write --config-path=local/dashboard-checks/lint.json triggers/web/dashboard

docs: $(VENV) ## write the generated parts of docs/, then build the site
	$(BIN)/python -m local.pages
	$(BIN)/python -m local.pictures
	@$(MAKE) --no-print-directory site

site: $(SITE_TOOLS)/.installed ## build the site of all pages; a warning is an error
	@rm -rf $(SITE)
	@$(SITE_TOOLS)/bin/python -m sphinx --fail-on-warning --quiet --conf-dir local/site --doctree-dir $(SITE)/read . $(SITE)/html
	@echo "Open $(SITE)/html/index.html"

schema: $(VENV) ## write schedules.schema.json and the dashboard's types
	$(BIN)/python -m local.schema > schedules.schema.json
	$(BIN)/python -m local.holiday_codes > triggers/scheduling/times/holiday_codes.json
	$(BIN)/python -m local.api_types > triggers/web/dashboard/api_types.js

lock: $(VENV) ## resolve requirements*.in into requirements*.txt, with hashes
	$(BIN)/uv pip compile $(LOCK) requirements.in --output-file requirements.txt
	$(BIN)/uv pip compile $(LOCK) requirements-local.in --output-file requirements-local.txt
	$(BIN)/uv pip compile $(LOCK) requirements-dev.in --output-file requirements-dev.txt
	$(BIN)/uv pip compile $(LOCK) requirements-site.in --output-file requirements-site.txt
LOCK := --universal --generate-hashes --python-version 3.11 --quiet --custom-compile-command 'make lock'

screenshots: $(STORAGE) $(VENV) ## write docs/images from the dashboard itself; needs Chromium
	$(BIN)/python -m local.screenshots

bench: $(STORAGE) $(VENV) ## measure everything beside its alternatives, in 40 minutes
	$(BIN)/python -m bench.submission
	$(BIN)/python -m bench.fire
	$(BIN)/python -m bench.functions
	$(BIN)/python -m bench.cold_start
	$(BIN)/python -m bench.sweep
	$(BIN)/python -m bench.changes
	$(BIN)/python -m bench.reconciler
	$(BIN)/python -m bench.page
	$(BIN)/python -m bench.backlog
	$(BIN)/python -m bench.fairness
	$(BIN)/python -m bench.peers bench.next_occurrence
	$(BIN)/python -m bench.costs
	-$(BIN)/python -m bench.results worse

bench-quick: $(STORAGE) $(VENV) ## run only the short measurements, in two minutes
	$(BIN)/python -m bench.submission 2
	$(BIN)/python -m bench.fire 3
	$(BIN)/python -m bench.page 3
	$(BIN)/python -m bench.time_rules next
	$(BIN)/python -m bench.peers bench.next_occurrence 3
	$(BIN)/python -m bench.costs

setup: $(STORAGE) $(DASHBOARD_CHECKS)/.installed $(VENV) $(SITE_TOOLS)/.installed ## install everything into .venv and .local, to work offline

setup-python: $(APP) ## install Python packages alone: command line, deployment

# A Python that is asked for replaces another one.
ifneq ($(filter command environment,$(origin PYTHON)),)
ifneq ($(shell $(PYTHON) -c '$(version)' 2>/dev/null),$(shell $(BIN)/python -c '$(version)' 2>/dev/null))
.PHONY: $(APP)
endif
endif

INSTALL := -m pip install --disable-pip-version-check --quiet --require-hashes
PIP := $(BIN)/python $(INSTALL)
CHECK_PYTHON = $(or $(PYTHON),false) -c '$(fits)' 2>/dev/null || { \
	echo "Python 3.11, 3.12 or 3.13 is needed, but $(or $(PYTHON),$(firstword $(CANDIDATES))) is none of these:" \
		"install one, and if make does not find it, name it: make PYTHON=/path/to/python3.12 …" >&2; exit 1; }

CHECK_NODE = { command -v npm && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; } >/dev/null 2>&1 || { \
	echo "$(1) needs Node.js 20 or newer, with npm: install it (https://nodejs.org)." \
		"make setup-python and make unit need no Node.js." >&2; exit 1; }

$(APP): requirements-local.txt
	@$(CHECK_PYTHON)
	@$(PYTHON) -c 'import sys; print("Using Python", sys.version.split()[0], "from", sys.executable)'
	@$(PYTHON) -m venv --clear .venv
	@echo "Installing Python packages into .venv (80 MB) …"
	@$(PIP) -r requirements-local.txt
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV): $(APP) requirements-dev.txt
	@echo "Installing the tools for tests and checks into .venv (450 MB more) …"
	@$(PIP) -r requirements-dev.txt
	@touch $@

# What only debuggers, compilers and people read is half of it.
$(STORAGE):
	@$(call CHECK_NODE,Azurite)
	@echo "Installing Azurite, the storage emulator, into .local (150 MB, of which 70 MB are downloaded) …"
	@npm install --prefix .local --no-save --no-audit --no-fund --loglevel=error --prefer-dedupe --omit=optional azurite@$(AZURITE)
	@find .local/node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.md' \) -delete
	@touch $@

$(DASHBOARD_CHECKS)/.installed: local/dashboard-checks/package.json local/dashboard-checks/package-lock.json
	@$(call CHECK_NODE,The check of the dashboard)
	@mkdir -p $(DASHBOARD_CHECKS)
	@cp local/dashboard-checks/package.json local/dashboard-checks/package-lock.json $(DASHBOARD_CHECKS)
	@echo "Installing the checks of the dashboard into $(DASHBOARD_CHECKS) (120 MB) …"
	@cd $(DASHBOARD_CHECKS) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# Sphinx and its theme are no part of what is tested or deployed.
$(SITE_TOOLS)/.installed: requirements-site.txt
	@$(CHECK_PYTHON)
	@$(PYTHON) -m venv --clear $(SITE_TOOLS)
	@echo "Installing the tools for the documentation's site into $(SITE_TOOLS) (120 MB) …"
	@$(SITE_TOOLS)/bin/python $(INSTALL) -r requirements-site.txt
	@touch $@

clean: ## delete .venv and .local
	rm -rf .venv .local
