# Each of these two commands also installs what it needs, on a machine with git, make and Python 3.11 to 3.13:
#   make demo    a control on drawn data: attention must help, its placebo must not; prints the path of the report
#   make test    the tests
# `make install` is the set-up alone.
# TORCH_BACKEND=cpu (or auto, cu126, ...: the values of uv's --torch-backend) chooses the build of PyTorch, as
# UV_TORCH_BACKEND does. Without a GPU, cpu saves 5 GB. To change it later, run `make clean` first.
# `make check` is what CI runs.

VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/lock.txt
DEMO := runs/demo

# One thread for each process: the tests run in parallel, and competing threads would make them slower.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# uv leaves packages uncompiled. Where PYTHONDONTWRITEBYTECODE is set, each of the dozen interpreters that the
# tests start would compile all it imports: seconds of CPU each.
KEEP_BYTECODE := PYTHONDONTWRITEBYTECODE=

.DELETE_ON_ERROR:
.PHONY: install demo test check format docs clean

install: $(VENV)/.ready-base

demo: $(VENV)/.ready-base
	$(BIN)/foveate compare synthetic:search --seeds 3 --out $(DEMO)

test: $(VENV)/.ready-test
	$(ONE_THREAD) $(KEEP_BYTECODE) $(BIN)/python -m pytest -q -n logical --maxprocesses 8 --max-worker-restart 0 \
	  --dist loadfile --no-loadscope-reorder $(TESTS)

check: $(VENV)/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory docs
	$(MAKE) --no-print-directory test

format: $(VENV)/.ready-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.ready-dev
	$(BIN)/mkdocs build --strict --quiet

clean:
	rm -rf $(VENV) site runs/demo

# --- set-up -----------------------------------------------------------------------------------------------------

$(VENV)/.made:
	@for name in $(PYTHON) python3.11 python3.12 python3.13 python3 python; do \
	  if "$$name" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	    >/dev/null 2>&1; then \
	    echo "Making $(VENV) with $$("$$name" --version)"; "$$name" -m venv $(VENV) && touch $@ && exit 0; exit 1; \
	  fi; \
	done; \
	echo "make: no Python 3.11, 3.12 or 3.13 (with venv) was found on the PATH." >&2; \
	echo "      Install one, for instance 'apt-get install python3.11 python3.11-venv', or name it:" >&2; \
	echo "      make PYTHON=/path/to/python3.11 demo" >&2; \
	exit 1

# If TORCH_BACKEND is set, pip does not replace uv, because it would install another build.
TORCH_BACKEND ?= $(UV_TORCH_BACKEND)
BACKEND = $(if $(TORCH_BACKEND),--torch-backend $(TORCH_BACKEND))

# uv needs half a minute, pip a minute and a half. pip is used if uv cannot be installed.
INSTALL = echo "Installing $(1) (PyTorch brings several gigabytes; this happens once)"; \
	{ $(BIN)/uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install -q uv || true; } \
	&& { $(BIN)/uv pip install -q -p $(BIN)/python $(BACKEND) -c $(LOCK) -e '$(1)' \
	  $(if $(BACKEND),,|| $(BIN)/python -m pip install -q -c $(LOCK) -e '$(1)'); } \
	&& touch $@

$(VENV)/.ready-base: $(VENV)/.made pyproject.toml $(LOCK)
	@$(call INSTALL,.)

$(VENV)/.ready-test: $(VENV)/.made pyproject.toml $(LOCK)
	@$(call INSTALL,.[test])

$(VENV)/.ready-dev: $(VENV)/.made pyproject.toml $(LOCK)
	@$(call INSTALL,.[dev])
