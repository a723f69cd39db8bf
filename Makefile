# Everything sets itself up: the virtual environment in .venv, the programs of the clusters in the user's cache.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PY := .venv/bin/python
LOCKS = requirements.lock hack/go.lock $(wildcard hack/*/go.mod hack/*/go.sum package-lock.json */package-lock.json)
WHOLE = -n 2 --dist loadscope# one process has the environment of the behaviour tests, the other all that needs none
newest-python = $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.PHONY: help venv build demo up down start stop status test conformance isolation replay bench lint fmt crds check lock

help: ## This list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

venv: .venv/stamp ## The virtual environment, made again only when pyproject.toml or the lock changes
.venv/stamp: pyproject.toml requirements.lock
	@test -n "$(newest-python)" || { echo "error: Python 3.11 or newer is needed, and none is on PATH" >&2; exit 1; }
	@test -x $(PY) || { echo "Making .venv with $(newest-python) …"; $(newest-python) -m venv .venv; } \
		|| { echo "error: $(newest-python) -m venv failed; Debian and Ubuntu have it in the package python3-venv" >&2; exit 1; }
	@echo "Installing the locked packages into .venv (about a minute) …"
	@$(PY) -m pip install --disable-pip-version-check --quiet --no-input --require-hashes -r requirements.lock
	@$(PY) -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

build: venv ## The programs of the clusters, built once into the user's cache
	@$(PY) -m hack build

demo: build ## The way of one commit on two real clusters, each step checked; leaves the system running
	@$(PY) -m hack demo

up: build ## Hub, members east and west, Git server and agents; see .local/env.json; with a cluster of your own: make up A=--kubeconfig=east=FILE
	@$(PY) -m hack up $(A)

down: venv ## End all of it
	@$(PY) -m hack down

start: venv ## Start one process again: make start P=agent-east
	@$(PY) -m hack start $(or $(P),$(error say which process, for example: make start P=agent-east))

stop: venv ## End one process: make stop P=agent-east
	@$(PY) -m hack stop $(or $(P),$(error say which process, for example: make stop P=agent-east))

status: venv ## Which processes run
	@$(PY) -m hack status

test: build ## All tests, on clusters of their own; some of them: make test T=tests/unit
	@$(PY) -m pytest $(or $(T),$(WHOLE))

conformance: venv ## The cases of Argo CD, Flux, kstatus, kustomize and others: a table of how many agree, by family
	@CONTROLPLANE_REQUIRE_TESTDATA=1 $(PY) -m pytest -q tests/conformance

isolation: build ## Attacks on real clusters: a table of each, the wall that stopped it, and the result (part of make test, too)
	@$(PY) -m pytest -q tests/isolation

replay: build ## Hundreds of real commits of two monorepos on a hub alone; make test replays the smaller one
	@CONTROLPLANE_REPLAY=all $(PY) -m pytest -q tests/behaviour/test_hub_replay.py

bench: build ## Measure against a bare apply loop; results in bench/results
	@$(PY) -m bench $(B)

lint: venv ## Style, types, layers, locks
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@! grep -nF '://' $(LOCKS) || { echo "error: a lock names an address; it must not (see make lock)" >&2; exit 1; }

fmt: venv ## Put the code into form
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

crds: venv ## Write crds/ anew from the models
	@$(PY) -m controlplane.api.crd crds/

check: lint test ## What CI runs

lock: ## Write requirements.lock anew from pyproject.toml, with hashes and without addresses
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT \
		&& $(newest-python) -m venv $$scratch && $$scratch/bin/pip install --quiet --disable-pip-version-check uv \
		&& $$scratch/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--no-header --extra dev pyproject.toml -o requirements.lock
