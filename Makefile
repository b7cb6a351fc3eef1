# Pastiche: what one types. Everything here works on a machine that has Python 3.11+ and make.

PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python

# What the service listens on, and what the demonstration paints:
#   make serve PORT=9000 HOST=0.0.0.0      make demo SIZE=512 CONTENT=me.jpg STYLE=monet.jpg
PORT    ?=
HOST    ?=
SIZE    ?= 256
SIZES   ?=
PAIRS   ?=
PRESETS ?=
ROUNDS  ?= 20
PICTURES ?= 20000
# Threads that torch has in each process of the tests, and a seed to run them in random order.
THREADS ?= 1
SEED    ?=
CONTENT ?= examples/images/content/harbour.jpg
STYLE   ?= examples/images/style/swirls.jpg
BACKBONE ?= vgg16

export PASTICHE_PORT := $(or $(PORT),$(PASTICHE_PORT),8000)
export PASTICHE_HOST := $(or $(HOST),$(PASTICHE_HOST),127.0.0.1)

.PHONY: help demo serve test test-fast lint browser test-cuda chaos weights examples pictures strips docs fuzz bench likeness profile lock images clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/local $(VENV)/vgg16 ## Paint one picture through the whole service
	@$(RUN) -m local demo --size "$(SIZE)" --content "$(CONTENT)" --style "$(STYLE)"

serve: $(VENV)/local $(VENV)/vgg16 ## Run the service on this machine until Ctrl-C
	@$(RUN) -m local serve

# Several files of tests at once, and torch with a thread for each: threads that contend are slower,
# and where there are several, those that spin while they wait slow the others down.
PYTEST := OMP_NUM_THREADS=$(THREADS) GOMP_SPINCOUNT=1000 $(VENV)/bin/pytest -n auto --maxprocesses 4 \
	--dist loadfile --no-loadscope-reorder $(if $(SEED),--shuffle $(SEED))

test: browser lint $(VENV)/vgg16 ## Lint, format, types, import rules and all tests (THREADS=2, SEED=1)
	$(PYTEST)

test-fast: lint $(VENV)/vgg16 ## The same without the tests that take seconds or need a browser
	$(PYTEST) -m "not slow and not browser and not cuda and not containers"

lint: $(VENV)/dev ## Lint, format, types and import rules alone
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

browser: $(VENV)/dev ## Find the Chromium that the page is tested in, or install it
	@$(RUN) -m tests.browser

test-cuda: $(VENV)/dev ## The tests that need a CUDA card
	$(VENV)/bin/pytest -m cuda

chaos: $(VENV)/dev ## Throw faults at a whole service and check its promises (hours; ROUNDS=1)
	$(RUN) -m tests.chaos --rounds "$(ROUNDS)"

fuzz: $(VENV)/dev ## Try the API with many more requests, options and damaged pictures (PICTURES=20000)
	PASTICHE_FUZZ_EXAMPLES=500 $(VENV)/bin/pytest tests/api/test_openapi.py tests/api/hostile/test_options.py
	$(RUN) -m tests.api.hostile --pictures "$(PICTURES)"

weights: $(VENV)/local ## Fetch a backbone's weights: vgg16, vgg19 or vgg19-caffe (BACKBONE=vgg19)
	@$(RUN) -m pastiche.engine.weights "$(BACKBONE)"

examples: $(VENV)/local ## Draw the example images again
	$(RUN) -m tools.draw

pictures: $(VENV)/local ## Paint the pictures of the documentation through the service
	$(RUN) -m tools.paint gallery

strips: $(VENV)/local ## Paint what each option does, a strip each (ONLY=alpha for one)
	$(RUN) -m tools.paint strips $(if $(ONLY),--only "$(ONLY)")

docs: $(VENV)/dev ## Write the pages that the code knows, and build the site in .pastiche/site
	$(RUN) -m tools.documents
	$(VENV)/bin/zensical build --strict

bench: $(VENV)/dev ## Race the engine against a plain implementation (an hour; SIZES="256")
	$(RUN) -m benchmarks.side_by_side $(SIZES)
	$(RUN) -m benchmarks.memory
	$(RUN) -m benchmarks.report

likeness: $(VENV)/dev $(VENV)/vgg16 ## Measure how near pictures are to style and content (hours; PAIRS=harbour:swirls PRESETS=draft SIZES=256)
	$(RUN) -m benchmarks.likeness $(if $(PAIRS),--pairs $(PAIRS)) $(if $(PRESETS),--presets $(PRESETS)) $(if $(SIZES),--sizes $(SIZES))

profile: $(VENV)/local ## Say where an iteration's time goes
	$(RUN) -m benchmarks.profile

images: $(VENV)/dev ## Build both container images and paint a job through them (root)
	$(VENV)/bin/pytest -m containers tests/containers

lock: ## Write requirements/*.txt anew from pyproject.toml (needs uv)
	./requirements/lock

clean: ## Remove what was installed and kept here
	rm -rf $(VENV) .pastiche demo.png

# One stamp for what running needs, one for what testing needs on top.
$(VENV)/local: requirements/local.txt pyproject.toml
	@./requirements/install "$(PYTHON)" "$(VENV)" local
$(VENV)/dev: requirements/dev.txt pyproject.toml
	@./requirements/install "$(PYTHON)" "$(VENV)" dev
# The weights that the engine paints with. Without them it paints less well, so that they cannot be
# had is said, tried again the next time, and no reason to stop.
$(VENV)/vgg16: | $(VENV)/local
	@if $(RUN) -m pastiche.engine.weights vgg16; then touch "$@"; fi
