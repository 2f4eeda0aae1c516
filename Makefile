# Every target makes what it needs. Tools run as `python -m …`, because the scripts of a virtual environment
# break in a directory whose path has a space. Kept to what GNU make 3.81 (macOS) understands.
#
#   make demo              the whole story on generated data
#   make test              all tests (arguments for pytest: make test ARGS='-k capture -x')
#   make lint types layers static checks
#   make soak              the full counts of the fault and calibration trials (half an hour)
#   make vllm-source       vLLM's released sources, for the tests of integrations/vllm (350 MB)
#   make libreoffice       LibreOffice's spreadsheet, for the tests of the damages workbook (Debian, 250 MB)
#   make wheel             wheel and sdist under dist/
#   make clean             removes what make made

PYTHON  = python3
VENV    = .venv
PACKAGE = .
PY      = $(VENV)/bin/python
PIP     = $(PY) -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
PYTEST  = COUNTERMARK_VLLM_SOURCE="$${COUNTERMARK_VLLM_SOURCE:-$$(cd $(VLLM) 2>/dev/null && pwd)}" OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist worksteal
ARGS    =
AS_ROOT = $(shell [ "$$(id -u)" = 0 ] || echo sudo -n)
# The source tree is installed so that edits show at once; anything else (a wheel) as it is.
EDITABLE = $(if $(filter .,$(PACKAGE)),--editable)

.PHONY: help demo test vllm-source libreoffice lint format types layers soak wheel clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   //p' Makefile

demo: $(VENV)/core.stamp
	$(PY) -m countermark demo --out demo

test: $(VENV)/dev.stamp
	$(PYTEST) $(ARGS)

soak: $(VENV)/dev.stamp
	$(PYTEST) -m soak $(ARGS)

lint: $(VENV)/dev.stamp
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: $(VENV)/dev.stamp
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

types: $(VENV)/dev.stamp
	$(PY) -m mypy

layers: $(VENV)/dev.stamp
	$(PY) -c 'from importlinter.cli import lint_imports_command as main; main()'

wheel: $(VENV)/dev.stamp
	rm -rf dist
	$(PY) -m build --no-isolation --outdir dist

# Only the Python sources are kept; on a machine without such a wheel the tests say so and are skipped.
VLLM = .cache/vllm-0.33.0
vllm-source: $(VENV)/made.stamp
	@test -d $(VLLM)/vllm || { mkdir -p $(VLLM).part && \
	  $(PY) -m pip --disable-pip-version-check download --quiet --no-deps --only-binary :all: --dest $(VLLM).part vllm==0.33.0 && \
	  $(PY) -c 'import sys, zipfile, glob; z = zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0]); \
z.extractall(sys.argv[1], [n for n in z.namelist() if n.endswith(".py")])' $(VLLM).part && \
	  rm -f $(VLLM).part/*.whl && mv $(VLLM).part $(VLLM); }

# Recalculates the damages workbook in its tests; on a machine without it they say so and are skipped.
libreoffice:
	@if command -v soffice >/dev/null; then echo "LibreOffice is here: $$(command -v soffice)"; \
	elif ! command -v apt-get >/dev/null; then echo 'no soffice and no apt-get: install LibreOffice Calc by hand' >&2; \
	else echo 'installing libreoffice-calc-nogui (LibreOffice Calc without windows, some 250 MB) by apt-get'; \
	  $(AS_ROOT) apt-get update -qq && \
	  $(AS_ROOT) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libreoffice-calc-nogui; fi

clean:
	rm -rf .venv .venv-wheel build dist demo .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp says that the environment was made or filled, so that a second run starts at once.
$(VENV)/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'countermark needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/core.stamp: $(VENV)/made.stamp pyproject.toml constraints.txt
	$(PIP) $(EDITABLE) '$(PACKAGE)'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/core.stamp
	$(PIP) $(EDITABLE) '$(PACKAGE)[dev]'
	@touch $@
