# Everything a developer or a curious visitor needs. Only python3 (3.11 or newer) with venv, and make, must be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
BENCH := $(VENV)-bench
SOURCES := daemon tests benchmarks examples
# Without 109 (a time limit is a parameter of ours, applied with a scope by the callee), 127 (httpx is given) and
# 124 (a test is async for the sake of its fixtures).
ASYNC_RULES := --isolated --select=ASYNC1,ASYNC2,ASYNC3,ASYNC4 --extend-ignore=ASYNC109,ASYNC124,ASYNC127 \
	--startable-in-context-manager=run,run_daemon,watch_signals

.PHONY: audit sbom dist
.PHONY: demo example test exhaust crash soak reliability simulate rehearse bench bench-quick bench-ledger fuzz fuzz-api autobahn
.PHONY: man check setup format lock coverage clean
.PHONY: install deb check-units test-systemd

demo: setup  ## Answer a phone call end to end, on this machine, with no key and no network
	@$(BIN)/callwarden demo

example: setup  ## Play a call to the appointment line in examples/, end to end, with no key and no network
	@$(BIN)/python examples/appointments/play.py

test: setup  ## Run the tests
	@$(BIN)/pytest -q -n auto --dist worksteal

exhaust: setup  ## Run what takes long: every checkpoint cancelled, frames fuzzed, 500 live calls, 1000 deliveries
	@CALLWARDEN_EXHAUSTIVE=1 $(BIN)/pytest -q -n auto tests/calls/test_cancellations.py tests/numbers/test_routing.py tests/platforms/test_frames_filter.py tests/hostile
	@$(BIN)/pytest -q -m exhaustive --deselect tests/process/test_consoles.py
	@$(BIN)/pytest -q -m exhaustive tests/process/test_consoles.py

crash: setup  ## Kill the daemon at random moments under 50 live calls, KILLS=200 times, and lose nothing
	@CALLWARDEN_KILLS=$(or $(KILLS),200) $(BIN)/pytest -q -m exhaustive tests/process/test_crashes.py

reliability: setup  ## Let every fault of the matrix strike, and write what was seen into docs/reliability.md
	@CALLWARDEN_RELIABILITY=1 $(BIN)/pytest -q -m "exhaustive or not exhaustive" tests/faults

soak: setup  ## Let people call for MINUTES=20 while the network fails and the daemon is killed, restarted and reloaded
	@$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),20) --rate $(or $(RATE),10) --seed $(or $(SEED),1)

simulate: setup  ## Run the whole daemon on a virtual clock under seeded faults: SEEDS=1000, or SEED=n to read one
	@$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000) --first $(or $(FIRST),0))

bench-ledger: setup  ## Measure claims and the journal on SQLite and PostgreSQL
	@$(BIN)/python -m benchmarks.ledger

bench: setup $(BENCH)/.set-up  ## Measure the daemon beside its peers; CASES=, SUBJECTS=, EFFORT=, FRESH=1: see benchmarks/run.py
	@$(BENCH)/bin/python -m benchmarks.run

bench-quick: setup $(BENCH)/.set-up  ## Fail if the daemon has lost more than 25 % against peers since benchmarks/ratios.json
	@$(BENCH)/bin/python -m benchmarks.quick

rehearse: setup  ## Rehearse the calls in rehearsals/ and of the example, in virtual time
	@$(BIN)/callwarden rehearse rehearsals
	@$(BIN)/callwarden rehearse --config examples/appointments/config.toml examples/appointments/rehearsals

check: setup  ## Format, lint, types, architecture
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@find $(SOURCES) -name '*.py' -print0 | xargs -0 $(BIN)/flake8 $(ASYNC_RULES)
	@$(BIN)/mypy

fuzz: setup  ## Fuzz what strangers, the platform and operators write: SECONDS=70 in all, TARGETS="frames ..." or all of them
	@test -d $(VENV)-atheris || $(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		--target $(VENV)-atheris -r requirements/atheris.txt || echo "Atheris is not to be had here: fuzzing by chance."
	@PYTHONPATH=$(VENV)-atheris $(BIN)/python -m tests.hostile $(or $(SECONDS),70) $(TARGETS)

fuzz-api: setup  ## Fuzz the control API by its own description, with Schemathesis in an environment of its own
	@test -x $(VENV)-fuzz/bin/schemathesis || { $(PYTHON) -m venv --clear $(VENV)-fuzz && $(VENV)-fuzz/bin/python -m pip \
		install --quiet --disable-pip-version-check --require-hashes -r requirements/fuzz.txt; }
	@$(BIN)/python -m tests.fuzzing $(VENV)-fuzz/bin/schemathesis

autobahn: setup  ## Hold the calls' WebSocket against the Autobahn test suite, audio filtered and not; needs PYTHON2=python2.7
	@test -x $(VENV)-autobahn/bin/wstest || { $(or $(PYTHON2),python2.7) -m virtualenv --quiet $(VENV)-autobahn && \
		$(VENV)-autobahn/bin/python -m pip install --quiet -r requirements/autobahn.txt; } || \
		{ echo "skipped: the suite needs a Python 2.7 with virtualenv, and a compiler; see docs/conformance.md"; exit 0; }
	@test ! -x $(VENV)-autobahn/bin/wstest || $(BIN)/python -m tests.autobahn $(VENV)-autobahn/bin/wstest $(CASES)

man: setup  ## Write the manual page: build/man/callwarden.1
	@mkdir -p build/man && $(BIN)/callwarden man > build/man/callwarden.1 && echo build/man/callwarden.1

coverage: setup  ## Run the tests and fail under 95 % of lines and branches of daemon/
	@$(BIN)/coverage erase && $(BIN)/coverage run -m pytest -q -n auto && $(BIN)/coverage combine -q && $(BIN)/coverage report

setup: $(STAMP)  ## Build .venv from the hash-locked requirements

$(STAMP): requirements/dev.txt pyproject.toml
	@echo "Setting up $(VENV): hash-locked packages, once ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Callwarden needs Python 3.11 or newer; try: make PYTHON=python3.12")'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)
	@echo "Ready: $(BIN)/callwarden"

$(BENCH)/.set-up: requirements/bench.txt
	@echo "Setting up $(BENCH): the peers, hash-locked, once ..."
	@$(PYTHON) -m venv --clear $(BENCH)
	@$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

format: setup  ## Rewrite the sources in the house format
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix --quiet $(SOURCES)

lock:  ## Renew requirements/ from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes pyproject.toml -o requirements/runtime.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes pyproject.toml --group dev -o requirements/dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes pyproject.toml --group bench -o requirements/bench.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group fuzz -o requirements/fuzz.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group atheris -o requirements/atheris.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group audit -o requirements/audit.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group release -o requirements/release.txt

install: setup  ## Install into PREFIX (/opt/callwarden) below DESTDIR, with units, configuration, man page, completion
	@PYTHON=$(PYTHON) DESTDIR=$(DESTDIR) PREFIX=$(or $(PREFIX),/opt/callwarden) packaging/stage
	@echo "Installed. Next: systemd-sysusers; systemd-tmpfiles --create; systemctl daemon-reload; docs/install.md"

deb: setup  ## Build dist/callwarden_VERSION_ARCH.deb for the Debian whose python3 has the version of PYTHON
	@PYTHON=$(PYTHON) packaging/deb

audit: $(VENV)-audit/.set-up  ## Hold the locked requirements against published vulnerabilities; fails if none can be asked
	@packaging/audit $(VENV)-audit/bin/pip-audit requirements/runtime.txt requirements/dev.txt

sbom: $(VENV)-release/.set-up  ## Write build/sbom.cdx.json (CycloneDX) and build/licenses.*, of the locked requirements
	@PYTHON=$(PYTHON) packaging/sbom $(VENV)-release/bin build

dist: setup  ## Build wheel and sdist into dist/, twice; fails unless both builds are the same bytes
	@packaging/dist "$(CURDIR)/$(BIN)/python" dist

$(VENV)-audit/.set-up $(VENV)-release/.set-up: $(VENV)-%/.set-up: requirements/%.txt
	@$(PYTHON) -m venv --clear $(VENV)-$*
	@$(VENV)-$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

test-systemd: setup  ## Boot machines with a systemd of their own and run the service there; as root, takes some minutes
	@$(BIN)/pytest -q -m systemd -o faulthandler_timeout=900 tests/systemd

check-units:  ## Hold the unit files against systemd: verify, and an exposure of at most 1.2; TREE= for another Debian's
	@packaging/check-units $(TREE)

clean:  ## Remove what the other targets made
	rm -rf $(VENV) $(VENV)-fuzz $(VENV)-atheris $(VENV)-autobahn $(VENV)-audit $(VENV)-release $(BENCH) build .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
