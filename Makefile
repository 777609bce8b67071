.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
BIN := .venv/bin
# common first: the others depend on it
SERVICES := common ingest stylizer publisher logger local
EDITABLE := $(foreach service,$(SERVICES),--editable services/$(service))
STAMP := .venv/.installed
PHOTOS := samples/photos
STYLES := samples/styles
DEMO := var/demo

.PHONY: help setup weights samples demo run test test-long servers tools chaos test-cluster lock images sbom dashboards k8s lint audit format bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with the services, their tools and the model's weights
	@$(BIN)/stylegram weights fetch

$(STAMP): constraints.txt requirements-dev.txt $(wildcard services/*/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit("Stylegram needs Python 3.11 or newer; try make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@# the build backend once for all, instead of once a service
	$(BIN)/python -m pip install --quiet --constraint constraints.txt hatchling editables
	$(BIN)/python -m pip install --quiet --no-build-isolation --constraint constraints.txt --requirement requirements-dev.txt $(EDITABLE)
	@touch $@

samples: setup ## Fetch the sample photographs and draw the sample paintings
	@$(BIN)/stylegram samples samples

demo: samples ## Run the whole daily job on sample pictures; results in var/demo
	@$(BIN)/stylegram daily --photos $(PHOTOS) --styles $(STYLES) --state $(DEMO)

PORT ?= $(or $(STYLEGRAM_HTTP_PORT),8000)
run: samples ## Serve the pages and the API on http://127.0.0.1:8000; PORT=8001 takes another port
	@$(BIN)/stylegram serve --photos $(PHOTOS) --styles $(STYLES) --state $(DEMO) --port $(PORT)

# A file of tests is one process's, with servers of its own.
TEST_PROCESSES ?= 2
PYTEST = $(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile
# Those first that take longest: at the end they would leave the other process with nothing to do.
LONG_TESTS := tests/e2e tests/browser tests/integration
test: samples servers tools ## Run the everyday tests, on two processes; six minutes
	@$(PYTEST) $(addprefix --ignore=,$(LONG_TESTS) tests/chaos tests/cluster)

test-long: samples servers tools ## Run what takes longer: services together, databases, a browser, the daily job; 25 minutes
	@$(PYTEST) --no-loadscope-reorder $(LONG_TESTS)

# RabbitMQ, PostgreSQL and OpenSSL, from which tests start servers of their own; as root they are installed where absent.
servers:
	@.ci/install-servers

# helm and kubectl, into .venv where there are none.
tools: $(STAMP)
	@.ci/install-helm

chaos: setup servers ## Break everything at random under load: jobs, syncs and posts; a quarter of an hour
	@STYLEGRAM_CHAOS_SEEDS=1,2,3 STYLEGRAM_CHAOS_JOBS=300 STYLEGRAM_CHAOS_PICTURES=20 STYLEGRAM_CHAOS_FILES=10000 STYLEGRAM_CHAOS_POSTS=1000 \
		$(BIN)/python -m pytest -s tests/chaos

# As root, with the tools that start a cluster: in CLUSTER_TOOLS, or beside the checkout.
test-cluster: samples servers ## Install the chart with its images on a real cluster, and break things there
	@tests/cluster/run

# Into the chart; a test holds that they are those of monitoring/.
dashboards: $(STAMP) ## Write the rules, alerts and dashboards for Prometheus and Grafana
	@$(BIN)/python -m monitoring.render

# A test holds that they are as the chart is.
k8s: tools ## Write the plain manifests in k8s/ and the README of the chart
	@$(BIN)/python -m helm.readme
	@$(BIN)/python -m helm.manifests "$$(PATH=$(BIN):$$PATH command -v helm)"

# After a change to constraints.txt or to what a service asks for. Needs the index.
lock: $(STAMP) ## Write what each image installs, to the digest of each file
	@$(BIN)/python docker/lock.py

# By podman, else docker. BUILD_ARGS goes to it: make images BUILD_ARGS='--network=host'; IMAGES='ingest logger' builds these alone.
TAG ?= 0.1.0
VARIANT ?= cpu
WEIGHTS ?= baked
images: ## Build the images, and say how large they are; VARIANT=cuda for GPUs, TAG=…, WEIGHTS=none
	@$(PYTHON) docker/build.py --tag $(TAG) --variant $(VARIANT) --weights $(WEIGHTS) $(IMAGES) -- $(BUILD_ARGS)

sbom: $(STAMP) ## Write the bill of materials of each image to var/sbom, as CycloneDX
	@$(BIN)/python docker/sbom.py var/sbom

lint: $(STAMP) ## Check style, types, who imports whom, scripts, images and what is YAML
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(foreach service,$(SERVICES),services/$(service)/src/stylegram/$(service)) tests bench helm monitoring
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml services helm monitoring docker
	$(BIN)/shellcheck $$(grep -rlIE '^#!.*[/ ](ba)?sh$$' .ci tests docker)
	$(BIN)/hadolint --config .hadolint.yaml docker/Dockerfile $$(find tests/cluster/images -name Dockerfile)
	$(BIN)/yamllint --strict .

# checkov knows nothing of templates: it sees what examples become. In an environment of its own.
AUDIT := .venv-audit
# All kinds of pods are in these.
AUDITED := demo production keda-job errands fetched-weights instagram
audit: tools ## Look for what could be safer in the manifests and the images
	@test -e $(AUDIT)/.installed -a ! requirements-audit.txt -nt $(AUDIT)/.installed || \
		{ $(PYTHON) -m venv $(AUDIT) && $(AUDIT)/bin/pip install --quiet --requirement requirements-audit.txt && touch $(AUDIT)/.installed; }
	@rm -rf var/audit && mkdir -p var/audit
	@for name in $(AUDITED); do PATH=$(BIN):$$PATH helm template stylegram helm/stylegram --namespace pictures \
		--values helm/stylegram/ci/$$name-values.yaml >var/audit/$$name.yaml; done
	$(AUDIT)/bin/checkov --config-file .checkov.yaml --directory var/audit --directory docker

format: $(STAMP) ## Format the code
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

# Beside other engines, whose folders STYLEGRAM_BENCH_NEURAL_STYLE_PT and STYLEGRAM_BENCH_STYLE_TRANSFER_PYTORCH name,
# loss over time and strokes are measured too: twenty minutes for each of the PAIRS. Beside Celery and dramatiq, which the
# Python that STYLEGRAM_BENCH_PEERS names has, the job pipeline is, which needs rabbitmq-server; beside MLflow, in the one
# that STYLEGRAM_BENCH_MLFLOW names, the record is, with postgresql.
PAIRS ?= 2
bench: samples ## Measure engine and pipeline; figures go to standard output and var/bench
	@$(BIN)/python -m bench.cost
	@$(if $(STYLEGRAM_BENCH_NEURAL_STYLE_PT),$(BIN)/python -m bench.equal_loss --pairs $(PAIRS))
	@$(if $(STYLEGRAM_BENCH_NEURAL_STYLE_PT),$(BIN)/python -m bench.trade_off --pairs $(PAIRS))
	@$(if $(STYLEGRAM_BENCH_PEERS),$(BIN)/python -m bench.pipeline)
	@$(if $(STYLEGRAM_BENCH_MLFLOW),$(BIN)/python -m bench.record)

clean: ## Remove the virtual environment, the samples and all state; the weights stay in their cache
	rm -rf .venv .venv-audit samples var .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
