# make demo · make run · make test · make check · make screenshots: each sets up what it needs, the first time from the network.
PYTHON ?= python3
AZURITE := 3.37.0
BIN := .venv/bin
VENV := .venv/.requirements-installed
STORAGE := .local/.azurite-$(AZURITE)-installed
DASHBOARD_CHECKS := .local/dashboard-checks

.PHONY: demo run test screenshots check format schema bench setup setup-python clean

demo: setup ## the main job on this machine, then stop
	$(BIN)/python -m local.demo

run: setup ## as demo, but stay up
	$(BIN)/python -m local.demo --stay

test: setup ## every test
	$(BIN)/python -m pytest -rs # and says what it left out, and why

screenshots: setup ## docs/images from the dashboard itself; needs Chromium
	$(BIN)/python -m local.screenshots

check: $(VENV) $(DASHBOARD_CHECKS)/.installed ## format, lint, types, the templates and pipelines
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(DASHBOARD_CHECKS)/node_modules/.bin/biome check --error-on-warnings --config-path=local/dashboard-checks/lint.json triggers/web/dashboard
	$(DASHBOARD_CHECKS)/node_modules/.bin/tsc --project local/dashboard-checks
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.azure-pipelines --regex-variant python infra/azure-devops/*.yml
	$(BIN)/zizmor --offline --quiet .github/workflows
	$(BIN)/python -m pytest tests/test_infrastructure.py tests/test_documentation.py

format: $(VENV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schema: $(VENV) ## schedules.schema.json from the types it describes
	$(BIN)/python -m local.schema > schedules.schema.json

bench: setup
	$(BIN)/python -m bench.indexing
	$(BIN)/python -m bench.submission
	$(BIN)/python -m bench.time_rules
	$(BIN)/python -m bench.sweep
	$(BIN)/python -m bench.reconciler

setup: $(VENV) $(STORAGE)

setup-python: $(VENV) ## without Azurite, which a deployment does not need

$(VENV): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(STORAGE):
	@command -v npm >/dev/null || { echo "Node.js 20 or newer, with npm, is needed for Azurite"; exit 1; }
	npm install --prefix .local --no-save --no-audit --no-fund --loglevel=error azurite@$(AZURITE)
	@touch $@

$(DASHBOARD_CHECKS)/.installed: local/dashboard-checks/package.json local/dashboard-checks/package-lock.json
	@command -v npm >/dev/null || { echo "Node.js 20 or newer, with npm, is needed for the dashboard's checks"; exit 1; }
	@mkdir -p $(DASHBOARD_CHECKS)
	@cp local/dashboard-checks/package.json local/dashboard-checks/package-lock.json $(DASHBOARD_CHECKS)
	npm ci --prefix $(DASHBOARD_CHECKS) --no-audit --no-fund --loglevel=error
	@touch $@

clean:
	rm -rf .venv .local
