# One door to everything. `make` lists the targets. Set-up is part of each of them and does nothing when nothing is missing.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Queries are checked against .sqlx: no database is needed to build.
export SQLX_OFFLINE := true
# rustup's folder, for shells that have not read its file yet.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin
# Where cargo puts programs; absolute or relative to this folder.
CARGO_TARGET_DIR ?= target
# Flags for `make demo` and `make dev`: make demo ARGS='--exit --json'
ARGS ?=

.PHONY: help setup demo dev test check bench chaos openapi sqlx-prepare fmt clean-data

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | while IFS=$$'\t' read -r name text; do printf '  %-14s %s\n' "$$name" "$$text"; done

setup: ## Install what is missing (PostgreSQL, Temporal); every other target does this by itself
	@scripts/setup

demo: ## Start everything with a demo company, sync it, print its KPIs, serve until Ctrl-C (ARGS='--exit --json')
	@scripts/setup
	@cargo build --locked --package ovia-cli --bin ovia
	@exec "$(CARGO_TARGET_DIR)/debug/ovia" demo $(ARGS)

dev: ## Start PostgreSQL, Temporal, the API and a worker, serve until Ctrl-C (ARGS='--api-port 9000')
	@scripts/setup
	@cargo build --locked --package ovia-cli --bin ovia
	@exec "$(CARGO_TARGET_DIR)/debug/ovia" dev $(ARGS)

test: ## Run every test on real engines
	@scripts/setup
	@scripts/test

check: ## What CI runs
	@.ci/run

chaos: ## Kill everything at random for six minutes and compare the end state with the truth (ARGS='--seed 7 --minutes 2 --kills 20 --json')
	@scripts/setup
	@scripts/chaos $(ARGS)

bench: ## Measure the sync against plain loops
	@scripts/setup
	@scripts/bench $(ARGS)

openapi: ## Write openapi.json from the code
	@cargo build --locked --package ovia-cli --bin ovia
	@"$(CARGO_TARGET_DIR)/debug/ovia" openapi > openapi.json.new && mv openapi.json.new openapi.json

sqlx-prepare: ## Write .sqlx (what the queries' checks need) from the migrations
	@scripts/setup
	@scripts/sqlx-prepare

fmt: ## Format the code
	@cargo fmt --all

clean-data: ## Remove the engines' data of `make dev` and `make demo`
	@scripts/clean-data
