# make run    the default configuration (a demo on simulated recordings), from nothing but Python >= 3.11
# make test   lint, format check, types and all tests; make test-fast: the tests that take less than two minutes
# make setup  only the virtual environment .venv, with the command .venv/bin/asd
# make lint   only lint, format check and types
# make bench  the workflow's speed beside that of a plain script, about ten minutes; BENCH='--quick training' for less
# make quality CACHES='/data/cache_{machine}/{snr}_{id}_{kind}.npy'  AUCs, spread over seeds and false alarms of all detectors,
#             from feature caches alone; QUALITY='--machines fan --calibration' for more or less
# make clean  remove what `make run` made (results, and the simulated recordings in resources/demo)

PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || echo 2)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check
WATCHED = $(PYTHON) envs/show_progress.py

.PHONY: run test test-fast setup lint bench quality clean

run: setup
	@$(BIN)/snakemake --cores $(CORES)

setup: .venv/.installed

test: .venv/.installed-dev .venv/.installed-kubernetes lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-fast: .venv/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

bench: .venv/.installed
	$(BIN)/python -m benchmarks $(BENCH)

quality: .venv/.installed
	PYTHONPATH=workflow/scripts $(BIN)/python -m benchmarks.quality --caches '$(CACHES)' $(QUALITY)

clean:
	[ ! -d results ] || find results -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
	rm -rf .test/results
	for folder in resources/demo .test/resources/demo; do \
		PYTHONPATH=workflow/scripts $(PYTHON) -m asd.demo.ownership $$folder || exit 1; \
	done

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python >= 3.11 is needed, $(PYTHON) is older. Try: make PYTHON=python3.12"; exit 1; }
	@echo "Python packages are installed into the folder .venv, once: 0.5 GB to download and 2 GB in the folder. PyTorch for"
	@echo "CUDA GPUs, which pip takes on Linux unless it is given the build for CPUs (README, \"CPU\"), is 2.5 GB more to"
	@echo "download, and more than twice that in the folder."
	@$(WATCHED) "The folder .venv" .venv $(PYTHON) -m venv .venv
	@touch $@

.venv/.installed: .venv/.python requirements.txt pyproject.toml
	@$(WATCHED) "Packages of requirements.txt" .venv $(PIP) -r requirements.txt
	@$(WATCHED) "The command asd" .venv $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.installed-dev: .venv/.installed requirements-dev.txt requirements-slurm.txt requirements-pyod.txt
	@$(WATCHED) "Packages of requirements-dev.txt" .venv $(PIP) -r requirements-dev.txt
	@touch $@

# Apart from the others: with these plugins beside it, each start of Snakemake takes a third longer
.venv/.installed-kubernetes: .venv/.installed-dev requirements-kubernetes.txt
	@$(WATCHED) "Packages of requirements-kubernetes.txt" .venv/kubernetes $(PIP) --no-deps --upgrade \
		--target .venv/kubernetes -r requirements-kubernetes.txt
	@touch $@
