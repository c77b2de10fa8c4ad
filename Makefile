# What a person types; CI types the same. `make` alone says what there is.

SHELL := /bin/bash
.DEFAULT_GOAL := help
# Built without optimisation, as pyenv does, Python takes a fifth more of everybody's time: the system's is then taken, if it
# is new enough.
IS_OPTIMISED := import sysconfig as s, sys; sys.exit("--enable-optimizations" not in (s.get_config_var("CONFIG_ARGS") or ""))
IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell { python3 -c '$(IS_OPTIMISED)' || ! /usr/bin/python3 -c '$(IS_NEW_ENOUGH)'; } 2>/dev/null \
  && echo python3 || echo /usr/bin/python3)
VENV := .venv
BIN := $(VENV)/bin
# How many stacks (API server, Azure simulator, operator) the integration tests run on at the same time.
STACKS ?= 6
# On how many processes other tests run: somewhat more than two cores, since some wait for others that they start.
PROCESSES ?= 4
# The tests of a file by one process; the files in the order of tests/conftest.py, not by how many tests they have.
BY_FILE := --dist loadfile --no-loadscope-reorder
# The API servers, kubectl and Helm of tests and demo collect garbage a quarter as often: memory for a third of their time.
GENEROUS := GOGC=400
# Where `make plugin` puts what it makes.
DIST ?= dist
# What was made once for all checkouts.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/azdiskbackup
UV_VERSION := $(shell awk -F '"' '/^name = "uv"$$/ {getline; print $$2}' uv.lock)
UV := $(CACHE)/uv/uv-$(UV_VERSION)
export MYPY_CACHE_DIR := $(CACHE)/mypy
READY := $(VENV)/.ready
DEMO_READY := $(VENV)/.ready-for-the-demo
HAS_PYTHON = $(PYTHON) -c '$(IS_NEW_ENOUGH)' 2>/dev/null \
	  || { echo "Python 3.11 or newer is missing: install it, or name it with PYTHON=…"; exit 1; }
comma := ,
export PYTHONPATH := operator:tests
# Modules, and the assertions that pytest rewrites, are compiled once, and not by each of dozens of processes.
export PYTHONDONTWRITEBYTECODE :=
# Everything here talks to this machine only; a proxy of the environment must not stand between.
export NO_PROXY := localhost,127.0.0.1,$(NO_PROXY)
export no_proxy := $(NO_PROXY)

.PHONY: help
help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# uv comes from PyPI, once for all checkouts: a virtual environment with pip takes ten seconds, one without it none. What uv.lock
# says is then in .venv, and nothing else.
$(UV):
	@$(HAS_PYTHON)
	@mkdir -p $(@D) || { echo "$(@D) cannot be written to: name another cache folder with XDG_CACHE_HOME=…"; exit 1; }
	@# Whole or not at all, whoever else does the same.
	@place=$$(mktemp -d) && trap 'rm -rf "$$place"' EXIT && { $(PYTHON) -m venv "$$place" \
	  || { echo "Python's venv module is missing: install it (Debian: apt-get install python3-venv)"; exit 1; }; } \
	  && "$$place/bin/python" -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) \
	  && cp "$$place/bin/uv" "$@.$$$$" && mv "$@.$$$$" "$@"

$(DEMO_READY): pyproject.toml uv.lock | $(UV)
	@$(HAS_PYTHON)
	@test -x $(BIN)/python || $(UV) venv --quiet --python $$(command -v $(PYTHON)) $(VENV)
	@VIRTUAL_ENV=$(VENV) $(UV) sync --quiet --frozen --inexact --no-default-groups --group demo
	@touch $@

# What lints, tests and documents comes on top.
$(READY): $(DEMO_READY)
	@VIRTUAL_ENV=$(VENV) $(UV) sync --quiet --frozen --inexact
	@touch $@

.PHONY: setup
setup: $(READY) ## Install what the other targets need into .venv

# Compiled before: the pods of the tests may not write what they compile, and would do it at each start. Of libraries
# only what is imported, which is a tenth of them.
.PHONY: compiled
compiled: $(DEMO_READY)
	@$(BIN)/python -m compileall -q operator tests
	@$(BIN)/python -c 'import azdiskbackup.app.replica, azdiskbackup.app.uninstall, azdiskbackup.azure.client.preflight'

.PHONY: controlplane
controlplane: $(DEMO_READY) ## Provide etcd, Kubernetes, kubectl and Helm: found, downloaded or compiled, once
	@$(BIN)/python -m controlplane.binaries >/dev/null

.PHONY: tools
tools: $(READY) ## Compile what checks the chart, and Helm 3, once
	@$(BIN)/python -m controlplane.tools >/dev/null

# installed(program, package, what for): bring a program from Debian's packages where that is allowed; else say so.
define installed
	@command -v $(1) >/dev/null || if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing Debian's package $(2), $(3)"; \
	  { apt-get install -y -qq --no-install-recommends $(2) || \
	    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $(2); }; } \
	    >/dev/null 2>&1 || echo "$(2) could not be installed"; \
	fi
endef

# Holds the chart's pods to their security contexts. Without it they run as plain processes, and say so.
.PHONY: sandbox
sandbox:
	$(call installed,bwrap,bubblewrap,in which the tests run pods)

# Tries the alerts, and answers the queries of the dashboard. Without it both are skipped, and say so.
.PHONY: prometheus
prometheus:
	$(call installed,promtool,prometheus,which tries the alerts and answers the queries of the dashboard)

# In it the tests type what a person types, and see what a person sees. Without it that is skipped, and says so.
.PHONY: terminal
terminal:
	$(call installed,tmux,tmux,in which the tests use the command as a person does)

# By which the page about moving to another cluster changes what it takes along. Without it that is skipped, and says so.
.PHONY: json
json:
	$(call installed,jq,jq,by which a page of the documentation changes manifests)

# In it the tests look at the documentation. Without it that is skipped, and says so.
.PHONY: browser
browser:
	$(call installed,chromedriver,chromium-driver,in which the tests look at the documentation)

.PHONY: demo
demo: $(DEMO_READY) controlplane ## Watch a disk being lost and restored (STORY=namespace: a whole namespace; STORY=fleet: a rule for forty PVCs; DEMO_ARGS=--once ends afterwards)
	@# While the API server starts, what the pods import is compiled; who comes first compiles by itself.
	@$(MAKE) -s compiled & $(GENEROUS) $(BIN)/python -m demo $(if $(STORY),--story='$(STORY)') $(DEMO_ARGS); ended=$$?; wait; exit $$ended

.PHONY: up
up: compiled controlplane ## Start the demo's world in the background, for you to try things in (make shell)
	@$(BIN)/python -m demo.playground up .run

.PHONY: shell
shell: ## Open a shell in the world that `make up` started
	@test -x .run/shell || { echo "It is not up. Start it with: make up"; exit 1; }
	@.run/shell

.PHONY: plugin
plugin: $(READY) ## Make `kubectl azdiskbackup` as a single file and as a wheel, in dist/
	@$(BIN)/python -m release.plugin $(DIST)

# By which name the image is built, and for which processor.
IMAGE ?= localhost/azdiskbackup
PLATFORM ?= linux/$(if $(filter aarch64 arm64,$(shell uname -m)),arm64,amd64)

.PHONY: image
image: $(READY) ## Build the image IMAGE=… for PLATFORM=linux/amd64 or linux/arm64, with docker, podman or buildah
	@$(BIN)/python -m release.image --image '$(IMAGE)' --platform '$(PLATFORM)' $(IMAGE_ARGS)

# Whose files the pods of the tests run. Without it they run those of the checkout, and say so.
.PHONY: image-under-test
image-under-test: $(READY)
	$(call installed,buildah,buildah,by which the tests build the image)
	$(call installed,mmdebstrap,mmdebstrap,of whose archive the image's base is made)
	@$(BIN)/python -m release.built

.PHONY: debug
debug: compiled controlplane ## The same without an operator, for one that you start in a debugger (.run/operator.env)
	@$(BIN)/python -m demo.playground up .run --without-operator

.PHONY: down
down: ## End what `make up` or `make debug` started
	@$(BIN)/python -m demo.playground down .run

.PHONY: test
test: test-fast test-slow ## Run everything that proves it works

.PHONY: test-fast
test-fast: check test-unit test-reconcile ## Run what needs neither cluster nor network: checks, rules, stories in one process

.PHONY: test-unit
test-unit: $(READY) ## Run the fast tests: rules, models, engine
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest tests/unit -n 2 --dist worksteal $(TEST_ARGS)
	@test -n "$(TEST_ARGS)" || { $(BIN)/coverage combine --quiet && $(BIN)/coverage report; }

.PHONY: test-reconcile
test-reconcile: $(READY) ## Run stories: the whole operator in one process, with Azure and an API server in memory
	@$(BIN)/pytest tests/reconcile -n 2 --dist worksteal $(TEST_ARGS)

.PHONY: test-simulation
test-simulation: $(READY) ## Tell stories that nobody thought of: those that found something, and some new ones
	@$(BIN)/pytest tests/simulation -n 2 --dist worksteal $(TEST_ARGS)

# How many stories, from which seed on, in how many processes.
SEEDS ?= 50
FROM ?= 0
JOBS ?= 2

.PHONY: simulate
simulate: $(READY) ## Tell SEEDS=… stories at random FROM=…, in JOBS=… processes; a bad end is cut down and printed
	@PYTHONHASHSEED=0 $(BIN)/python -m simulation --seeds $(SEEDS) --from $(FROM) --jobs $(JOBS)

.PHONY: simulate-mutants
simulate-mutants: $(READY) ## Plant one bug after the other, and see that the stories find each
	@PYTHONHASHSEED=0 $(BIN)/python -m simulation --mutants --seeds $(SEEDS) --from $(FROM) --jobs $(JOBS)

# In one run: what computes fills the time in which the integration tests wait, and each process begins only once.
.PHONY: test-slow
test-slow: $(READY) compiled controlplane tools sandbox prometheus terminal json browser image-under-test ## Run the next five, and test-simulation, in one go
	@$(GENEROUS) $(BIN)/pytest tests/integration tests/simulation tests/plugin tests/contract tests/chart tests/pages \
	  -n $(STACKS) $(BY_FILE) $(TEST_ARGS)

.PHONY: test-plugin
test-plugin: $(READY) compiled prometheus ## Run what needs no cluster of `kubectl azdiskbackup`: its output, its mistakes
	@$(BIN)/pytest tests/plugin -n $(PROCESSES) $(BY_FILE) $(TEST_ARGS)

.PHONY: test-contract
test-contract: $(READY) compiled controlplane ## Run gateways against the simulator, simulator and API server in memory against the real things
	@$(GENEROUS) $(BIN)/pytest tests/contract -n $(PROCESSES) $(BY_FILE) $(TEST_ARGS)

.PHONY: test-chart
test-chart: $(READY) controlplane tools sandbox prometheus image-under-test ## Run what needs no cluster of the chart and of deploy/: rendering, linting, drift
	@$(GENEROUS) $(BIN)/pytest tests/chart -n $(PROCESSES) $(BY_FILE) $(TEST_ARGS)

.PHONY: test-pages
test-pages: $(READY) browser ## Look at the documentation in a browser: links, widths, contrast, search
	@$(BIN)/pytest tests/pages $(TEST_ARGS)

.PHONY: test-integration
test-integration: $(READY) compiled controlplane tools sandbox prometheus terminal json image-under-test ## Run the operator on a real API server against the simulator
	@$(GENEROUS) $(BIN)/pytest tests/integration -n $(STACKS) $(BY_FILE) $(TEST_ARGS)

.PHONY: bench
bench: $(READY) compiled controlplane sandbox ## Measure what protection costs with 100, 500 and 2,000 disks (BENCH_N=… for others); minutes
	@VIRTUAL_ENV=$(VENV) $(UV) sync --quiet --frozen --inexact --group bench
	@$(BIN)/python -m bench $(if $(BENCH_N),--sizes $(BENCH_N)) $(BENCH_ARGS)

.PHONY: house
house: $(READY) controlplane ## Measure what it is like to work here: times, coverage, distances; HOUSE_ARGS=--full runs `make test`, too
	@$(BIN)/python -m bench.house $(HOUSE_ARGS)

.PHONY: picture
picture: $(READY) compiled controlplane sandbox prometheus browser ## Draw docs/dashboard.png, a fleet's two days by the dashboard's queries, and docs/report.png; minutes
	@VIRTUAL_ENV=$(VENV) $(UV) sync --quiet --frozen --inexact --group bench
	@$(BIN)/python -m bench.report_picture docs/report.png
	@$(BIN)/python -m bench.picture

.PHONY: bench-peers
bench-peers: $(READY) compiled controlplane sandbox ## Measure Terraform beside it: TERRAFORM=program AZURERM=its provider
	@VIRTUAL_ENV=$(VENV) $(UV) sync --quiet --frozen --inexact --group bench
	@$(BIN)/python -m bench.peers --terraform=$(TERRAFORM) --azurerm=$(AZURERM) $(BENCH_ARGS)

# The benchmark of the other revision runs in a worktree of its own, with its own code and tests.
.PHONY: bench-compare
bench-compare: $(READY) controlplane ## Measure another revision as well and compare: BASE=rev, BENCH_N=100,500
	@test -n "$(BASE)" || { echo "say with what to compare: make bench-compare BASE=rev"; exit 1; }
	@rm -rf .bench && git worktree prune && git worktree add --quiet --detach .bench/base $(BASE)
	@$(MAKE) -s -C .bench/base bench BENCH_N=$(or $(BENCH_N),100$(comma)500) BENCH_ARGS="--out $(CURDIR)/.bench/before" || true
	@$(MAKE) -s bench BENCH_N=$(or $(BENCH_N),100$(comma)500) BENCH_ARGS="--out $(CURDIR)/.bench/after" || true
	@git worktree remove --force .bench/base
	@$(BIN)/python -m bench --compare .bench/before/results.json .bench/after/results.json

.PHONY: check
check: $(READY) ## Lint, types, import rules, format, drift of what is generated, links of the documentation: seconds
	@$(BIN)/ruff check --quiet operator tests
	@$(BIN)/ruff format --quiet --check operator tests || { echo "not formatted: run 'make format'"; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache >.lint-imports.log || { cat .lint-imports.log; exit 1; }
	@$(BIN)/python -m azdiskbackup.api.crd --check crds
	@$(BIN)/python -m generated --check
	@$(call strictly_built,$(VENV)/site)
	@test ! -e operator/__init__.py || { echo "operator/__init__.py shadows the standard library: remove it"; exit 1; }
	@echo "check: all good"

# strictly_built(folder): the site; --quiet would silence the very warnings that strict counts.
define strictly_built
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --site-dir $(1) >.mkdocs.log 2>&1 || { cat .mkdocs.log; exit 1; }
endef

.PHONY: docs
docs: $(READY) ## Build the documentation into site/, strictly
	@$(call strictly_built,site)
	@echo "site/index.html"

.PHONY: format
format: $(READY) ## Format the code and sort its imports
	@$(BIN)/ruff check --quiet --fix operator tests || true
	@$(BIN)/ruff format --quiet operator tests

.PHONY: crds
crds: $(READY) ## Generate crds/ from the models
	@$(BIN)/python -m azdiskbackup.api.crd crds

.PHONY: chart
chart: $(READY) controlplane tools crds ## Generate what follows from the chart's values and the CRDs: its README, its CRDs, the kustomize base
	@$(BIN)/python -m generated

# Neither database of weaknesses is reachable everywhere; what could not be asked is a failure, never a "none found".
.PHONY: audit
audit: $(READY) ## Ask for known weaknesses of what the image installs (needs the internet)
	@VIRTUAL_ENV=$(VENV) $(UV) sync --quiet --frozen --inexact --group audit
	@$(BIN)/pip-audit --strict --disable-pip --requirement deploy/requirements.txt

.PHONY: sbom
sbom: $(READY) ## Write sbom.json: what the image installs, with licences (CycloneDX)
	@VIRTUAL_ENV=$(VENV) $(UV) sync --quiet --frozen --inexact --group audit
	@$(BIN)/python -m release.sbom sbom.json

.PHONY: release
release: $(READY) controlplane tools ## Make all that a release is, in dist/: VERSION=0.2.0; commits and tags the version, pushes nothing
	@VIRTUAL_ENV=$(VENV) $(UV) sync --quiet --frozen --inexact --group audit
	@$(BIN)/python -m release --version '$(VERSION)' --out $(DIST) $(RELEASE_ARGS)

.PHONY: clean
clean: ## Remove what the other targets made in this folder
	@rm -rf $(VENV) sbom.json .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* .lint-imports.log .mkdocs.log .run site dist
