# `make demo` and `make test` do all of their own set-up, on a Debian machine with Python 3.11 or newer and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PURE   := rollout events routers providers notifiers explain
E2E    := tests/e2e tests/sandbox/api --ignore=tests/e2e/test_tutorial.py
# what `make test` leaves to `make e2e`: it builds the images, or takes long in real time
LATER  := tests/manifests/test_image.py $(addprefix tests/e2e/test_,dashboard.py examples.py strategies.py held.py acceptance.py)
DEBIAN := prometheus prometheus-alertmanager

.PHONY: demo test lint unit sweep e2e go parity tutorial clean tools
.DEFAULT_GOAL := test

demo: $(VENV)/.demo tools  ## one version promoted and two rolled back, on real traffic
	$(BIN)/serinus demo $(DEMO)

test: $(VENV)/.ready tools lint unit  ## everything that CI checks

lint: $(VENV)/.ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# the pure packages are measured, by their own tests and by stories of single canaries, and not by those that hypothesis
# draws, or chance would decide what is covered; all other tests are faster without
unit: $(VENV)/.ready
	$(BIN)/pytest -n 2 -m 'not hypothesis' --cov --cov-report= $(PURE:%=tests/%) tests/scenarios
	$(BIN)/coverage report --include='$(subst $(space),$(comma),$(PURE:%=handlers/%/**))' \
	  --skip-covered --show-missing --fail-under=100
	$(BIN)/pytest -n 2 -m hypothesis $(PURE:%=tests/%) tests/scenarios
	$(BIN)/pytest -n 4 --dist worksteal $(PURE:%=--ignore=tests/%) $(LATER:%=--ignore=%) \
	  --ignore=tests/scenarios --ignore=tests/controlplane --ignore=tests/e2e/test_tutorial.py

# each edit, crash and race in each situation (docs/protocol.md), and a stop of Flagger after each of its writes;
# `make test` plays a part of them
sweep: $(VENV)/.ready
	SWEEP=all $(BIN)/pytest -n 2 --dist worksteal tests/protocol/test_*_sweep.py tests/conformance/test_flagger_stops.py \
	  tests/rollout/test_invariants.py tests/rollout/test_stages.py

# the same scenarios and the conformance of the API on a real Kubernetes control plane, built from source at the first time;
# or on a cluster of yours: make e2e KUBECONFIG=... (only when it is given here: one in the environment is left alone)
e2e: $(VENV)/.ready tools
ifeq ($(origin KUBECONFIG),command line)
	SERINUS_TEST_KUBECONFIG=$(KUBECONFIG) $(BIN)/pytest $(E2E)
else
	@$(MAKE) --no-print-directory go
	$(BIN)/python -m tests.controlplane $(BIN)/pytest $(E2E)
	$(BIN)/pytest tests/controlplane tests/manifests/test_image.py
endif

# the compiler that builds the control plane, where there is none
go: $(VENV)/.ready
	@$(BIN)/python -c 'from tests.controlplane.programs import go_command as go; go()' 2>/dev/null \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[e2e]'

# Flagger and Serinus play the same scenarios on a real control plane: make parity (about 15 minutes, writes docs/parity.md),
# make parity SET=small (3 minutes, writes nothing but its report in build/)
SET ?= all

parity: $(VENV)/.ready go
	$(BIN)/python -m tests.parity --set $(SET)

# what docs/tutorial.md says to type, typed; needs kubectl, and a machine that is not busy, for it judges real latencies
tutorial: $(VENV)/.ready tools
	$(BIN)/pytest tests/e2e/test_tutorial.py

comma := ,
space := $(subst ,, )

# what the demo needs, and what all else needs, the demo included
$(VENV)/.demo: pyproject.toml | $(BIN)/pip
	$(call pip,sandbox,the sandbox's packages (about 20 s))
	@touch $@

$(VENV)/.ready: pyproject.toml | $(BIN)/pip
	$(call pip,dev,the packages for development (about 80 s))
	@touch $(VENV)/.demo $@

pip = @echo "installing $(2) ..."; $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$(1)]'

# pip comes last, so a virtual environment that has it is whole
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "serinus needs Python 3.11 or newer; say which: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "making a virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { $(call apt,python3-venv); $(PYTHON) -m venv $(VENV); }

# the sandbox's Prometheus and Alertmanager
tools:
	@command -v prometheus >/dev/null && command -v prometheus-alertmanager >/dev/null || $(call apt,$(DEBIAN))

apt = { \
  if [ "$$(id -u)" = 0 ]; then as=; elif sudo -n true 2>/dev/null; then as="sudo -n"; else as=no; fi; \
  if [ "$$as" = no ] || ! command -v apt-get >/dev/null; then \
    echo "serinus needs these Debian packages, please install them: $(1)" >&2; exit 1; fi; \
  echo "installing $(1) with apt-get ..."; \
  { $$as apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$as apt-get install -y -qq --no-install-recommends $(1); } >/dev/null \
    || { echo "apt-get could not install them, please install by hand: $(1)" >&2; exit 1; }; }

clean:
	rm -rf $(VENV) build *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
