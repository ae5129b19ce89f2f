# Two commands matter: `cargo run --release -- dev` and `make test`.
# `make test` sets up what it needs (a Python virtual environment, npm packages) and runs everything; nothing is
# skipped: what cannot run fails.

.PHONY: test test-rust test-loom test-clients setup setup-python setup-node clean

PYTHON ?= python3
VENV := .venv
STAMPS := target/setup

test: test-rust test-loom test-clients

test-rust:
	cargo test --locked

# A model checker's build of the fan-out ring; a configuration and a folder of its own.
test-loom:
	RUSTFLAGS="--cfg walras_loom" cargo test --locked --release --no-default-features \
		--target-dir target/loom --test fanout_loom

# The clients of the guide, its text unchanged, against a real server.
test-clients: setup
	cargo build --locked
	$(VENV)/bin/python -m pytest -q tests/clients

setup: setup-python setup-node

setup-python: $(STAMPS)/python
$(STAMPS)/python: tests/clients/requirements.txt
	@mkdir -p $(STAMPS)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

setup-node: $(STAMPS)/node
$(STAMPS)/node: tests/clients/node/package.json tests/clients/node/package-lock.json
	@mkdir -p $(STAMPS)
	cd tests/clients/node && npm ci --no-fund --no-audit --loglevel=error
	@touch $@

clean:
	cargo clean
	rm -rf $(VENV) tests/clients/node/node_modules
