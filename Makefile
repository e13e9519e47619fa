# Needs only python3 >= 3.11 (with venv) and make.
PY      ?= python3
STUDY   ?= demo
CLAIM   ?= A04
RAW     ?=
CORES   ?= all
VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.ready-$(shell $(PY) -c 'import hashlib; print(hashlib.sha256(open("requirements.lock","rb").read()).hexdigest()[:12])' 2>/dev/null)
ASKED   := --cores $(CORES) --config study=$(STUDY) $(if $(RAW),raw_dir=$(RAW))
RUN     := $(BIN)/snakemake
DATA    := data/processed/$(STUDY)
RESULTS := results/$(STUDY)

.DEFAULT_GOAL := run
.PHONY: claims-page run setup slurm test bench monte-carlo estimators dry-run dag networks panel report multiverse whatif freeze multiverse-page power worlds faults clean lock demo-data data-section templates check format picture help

run: setup            ## set up and run a study to its report: make STUDY=demo [RAW=folder] [CORES=2]
	@PYTHONPATH=scripts $(BIN)/python -m tertius.unchanged $(DATA)/.last_run.json $(ASKED) || $(RUN) $(ASKED)
	@echo "open $(RESULTS)/report/index.html"

setup: $(STAMP)       ## the environment only

slurm: setup          ## add what profiles/slurm needs, for a cluster
	@( $(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements-slurm.lock ) 2>/dev/null \
	  || $(BIN)/python -m pip install -q --require-hashes -r requirements-slurm.lock

test: setup           ## set up, check style and types, run all tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --dist loadfile

bench: setup          ## time the kernels against other packages; writes docs/benchmarks (about two hours)
	@( $(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements-bench.lock ) 2>/dev/null \
	  || $(BIN)/python -m pip install -q --require-hashes -r requirements-bench.lock
	for page in networks ties identity readers variables estimators inference; do \
	  env -u OPENBLAS_CORETYPE $(BIN)/python benchmarks/$$page.py || exit 1; done

monte-carlo: setup    ## check the estimators on planted worlds; writes docs/monte_carlo (about 30 minutes): [FAMILY=counts] [DRAWS=200]
	$(BIN)/python -m benchmarks.monte_carlo.harness $(if $(FAMILY),--family $(FAMILY)) $(if $(DRAWS),--draws $(DRAWS))

estimators: setup     ## renew the list of estimators in docs/estimators.md
	PYTHONPATH=scripts $(BIN)/python scripts/write_estimators.py

claims-page: setup    ## renew the list of shapes in docs/claims.md
	PYTHONPATH=scripts $(BIN)/python scripts/write_claims.py

dry-run: setup        ## what would run, and why
	$(RUN) --dry-run $(ASKED)

dag: setup            ## the graph of rules as mermaid text
	@$(RUN) --rulegraph mermaid-js --quiet all $(ASKED)

networks: setup       ## ties and measures only
	$(RUN) networks $(ASKED)

panel: setup          ## up to the firm-year panel
	$(RUN) panel $(ASKED)

report: setup         ## the report only, with what it needs
	$(RUN) report $(ASKED)

multiverse: setup     ## a claim under every choice of construction and estimation: make multiverse CLAIM="A04 A11"
	$(RUN) $(foreach claim,$(CLAIM),$(RESULTS)/figures/multiverse_$(claim).svg) $(ASKED)

whatif: setup         ## remove nodes from the focal network: what it and its firms keep
	$(RUN) $(RESULTS)/whatif/firms.csv $(ASKED)

freeze: setup         ## write the hashes of a study's specifications once: config/studies/$(STUDY).lock
	$(BIN)/python scripts/freeze_specs.py --study $(STUDY)

clean:                ## remove what a study's run made
	rm -rf $(DATA) $(RESULTS)

lock: setup           ## renew requirements.lock and environment.yml from pyproject.toml
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml --group test -o requirements.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml --group bench -c requirements.lock -o requirements-bench.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml --group slurm -c requirements.lock -o requirements-slurm.lock
	$(BIN)/python scripts/write_environment.py

format: setup         ## put all code into its standard form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

demo-data: setup      ## simulate the demo study's raw files anew
	$(BIN)/python scripts/simulate_world.py
	PYTHONPATH=scripts $(BIN)/python -m tertius.sources.registry_hash config/sources.yaml data/raw

power: SEEDS ?= 20
power: setup          ## power of every claim's test at the demo's size; writes docs/power (a seed a few minutes; goes on): [SEEDS=20]
	$(BIN)/python scripts/run_worlds.py --worlds demo --firms 1100 --seeds $(SEEDS) --draws 499 --folder docs/power
	$(BIN)/python scripts/write_power.py

worlds: SEEDS ?= 40
worlds: setup         ## judge seeds of all worlds of 2,000 firms; writes docs/worlds (goes on where it stopped): [SEEDS=40]
	$(BIN)/python scripts/run_worlds.py --firms 2000 --seeds $(SEEDS) --folder docs/worlds
	$(BIN)/python scripts/write_worlds.py

faults: SEEDS ?= 10
faults: setup         ## verdicts of the demo's world with faults in its records; writes docs/faults (a seed about 25 minutes; goes on): [SEEDS=10]
	$(BIN)/python scripts/run_worlds.py --worlds demo --firms 1100 --seeds $(SEEDS) --folder docs/faults --faults all
	$(BIN)/python scripts/write_faults.py

data-section: setup   ## write the README's sections on data from config/sources.yaml
	$(BIN)/python scripts/write_data_section.py

templates: setup      ## write docs/templates: an empty workbook for every typed table
	$(BIN)/python scripts/write_templates.py

multiverse-page: setup ## renew the example of docs/multiverse.md from results/$(STUDY)
	$(BIN)/python scripts/write_multiverse_page.py --study $(STUDY)

check: setup          ## look at a study's settings and raw files without running anything
	$(BIN)/python scripts/check_study.py --study $(STUDY) $(if $(RAW),--raw $(RAW))

picture: run          ## photograph the demo's report for the README (needs chromium)
	chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run --disable-background-networking \
	  --disable-component-update --disable-sync --window-size=1280,1580 \
	  --screenshot=docs/report.png file://$(CURDIR)/results/demo/report/index.html

help:                 ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): requirements.lock
	@$(PY) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else f"tertius needs Python 3.11, 3.12 or 3.13; {sys.executable} is {v[0]}.{v[1]}. Name another one: make PY=python3.12")'
	$(PY) -m venv $(VENV)
	@( $(BIN)/python -m pip install -q uv && $(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock ) \
	  || { echo "uv is not available: falling back to pip"; $(BIN)/python -m pip install -q --require-hashes -r requirements.lock; }
	@rm -f $(VENV)/.ready-*
	@touch $@
