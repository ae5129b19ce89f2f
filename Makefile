# Two commands matter: `cargo run --release -- dev` and `make test`.
# `make test` sets up what it needs (a Python virtual environment, npm packages) and runs everything; nothing is
# skipped: what cannot run fails.

.PHONY: test test-rust test-loom test-clients test-c test-python test-julia autobahn setup setup-python setup-node setup-julia clean

PYTHON ?= python3
VENV := .venv
STAMPS := target/setup

test: test-rust test-loom test-clients test-c test-python test-julia

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

# The C interface as C and C++ programs meet it, under valgrind too, and the library without its server.
test-c:
	bindings/c/run_tests.sh

# The Python package from its wheel, with this Python and with the oldest and the newest that the machine has.
test-python:
	$(PYTHON) bindings/python/run_tests.py target/python-package

# The library as the package builds it, then Julia's own way to test a package, on two threads. A proxy that nobody listens
# on shows that the tests need no network.
JULIA_RUN = JULIA_DEPOT_PATH=$(CURDIR)/.julia/depot: JULIA_NUM_THREADS=2 WALRAS_LIBRARY= \
	$$(cat $(STAMPS)/julia) --startup-file=no --project=bindings/julia
test-julia: setup-julia setup-python
	$(JULIA_RUN) bindings/julia/deps/build.jl
	http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 no_proxy=127.0.0.1 \
		WALRAS_PYTHON=$(CURDIR)/$(VENV)/bin/python $(JULIA_RUN) -e 'import Pkg; Pkg.test()'

# Autobahn's conformance suite against the connection layer. Apart from `test`, since its Python 2 comes from an old
# Debian's packages: what a fresh machine of another kind cannot install.
autobahn:
	tests/autobahn/install.sh target/autobahn/suite
	cargo build --locked --release --example echo
	tests/autobahn/run.py target/autobahn/suite target/release/examples/echo target/autobahn/report

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

# The stamp holds the path of the executable: the machine's own Julia, or one that is set up in .julia.
setup-julia: $(STAMPS)/julia
$(STAMPS)/julia: bindings/julia/setup/julia.py
	@mkdir -p $(STAMPS)
	$(PYTHON) bindings/julia/setup/julia.py .julia > $@.new
	@mv $@.new $@

clean:
	cargo clean
	rm -rf .julia $(VENV) tests/clients/node/node_modules
