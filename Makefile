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

.PHONY: help setup weights samples demo run test servers chaos lint format bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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
test: samples servers ## Run all tests but the chaos, on two processes
	@$(BIN)/python -m pytest --ignore=tests/chaos --numprocesses $(TEST_PROCESSES) --dist loadfile

# RabbitMQ, PostgreSQL and OpenSSL, from which tests start servers of their own; as root they are installed where absent.
servers:
	@.ci/install-servers

chaos: setup servers ## Break everything at random under load: jobs, syncs and posts; a quarter of an hour
	@STYLEGRAM_CHAOS_SEEDS=1,2,3 STYLEGRAM_CHAOS_JOBS=300 STYLEGRAM_CHAOS_PICTURES=20 STYLEGRAM_CHAOS_FILES=10000 STYLEGRAM_CHAOS_POSTS=1000 \
		$(BIN)/python -m pytest -s tests/chaos

lint: $(STAMP) ## Check style, types and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(foreach service,$(SERVICES),services/$(service)/src/stylegram/$(service)) tests bench
	$(BIN)/lint-imports

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
	rm -rf .venv samples var .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
