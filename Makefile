# The commands of this project. They need Python 3.11 to 3.14, make and a C compiler; everything else is installed into
# .venv.

PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python

# The address of the service, and the pictures of the demonstration:
#   make serve PORT=9000 HOST=0.0.0.0      make demo SIZE=512 CONTENT=me.jpg STYLE=monet.jpg
# From the command line alone (:=, not ?=): shells export HOST, and other programs such short names.
PORT    :=
HOST    :=
SIZE    :=
SIZES   :=
PAIRS   :=
PRESETS :=
ONLY    :=
ROUNDS  := 20
PICTURES := 20000
MINUTES := 60
# Threads for torch in each test process, and a seed to run the tests in random order.
THREADS := 1
SEED    :=
CONTENT := examples/images/content/harbour.jpg
STYLE   := examples/images/style/swirls.jpg
BACKBONE := vgg16

export PASTICHE_PORT := $(or $(PORT),$(PASTICHE_PORT),8000)
export PASTICHE_HOST := $(or $(HOST),$(PASTICHE_HOST),127.0.0.1)

.PHONY: help demo serve check test test-fast browser node deploy-programs hosts test-cuda chaos soak weights examples pictures strips docs client javascript generate fuzz bench likeness profile lock images clean

# Two targets that install into .venv must not do so at the same time.
.NOTPARALLEL:

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/local $(VENV)/vgg16 ## Paint one picture through the whole service, into demo.png
	@$(RUN) -m local demo $(if $(SIZE),--size "$(SIZE)") --content "$(CONTENT)" --style "$(STYLE)"

serve: $(VENV)/local $(VENV)/vgg16 ## Run the service on this machine until Ctrl-C
	@$(RUN) -m local serve

# Test files run in parallel, with one torch thread each: threads that compete for cores are slower, and
# threads that spin while they wait (GOMP_SPINCOUNT) slow down the others.
PYTEST := OMP_NUM_THREADS=$(THREADS) GOMP_SPINCOUNT=1000 $(VENV)/bin/pytest -n auto --maxprocesses 4 \
	--dist loadfile --no-loadscope-reorder $(if $(SEED),--shuffle $(SEED))

SCHEMA := $(VENV)/bin/check-jsonschema --quiet --builtin-schema vendor

check: $(VENV)/dev ## Check lint, format, types, import rules and schemas (seconds, once cached)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(SCHEMA).compose-spec docker-compose.yml
	@# Without Compose's own tags, which the checker does not know.
	sed -E 's/!(reset|override) ?//' docker-compose.production.yml | \
		$(SCHEMA).compose-spec --default-filetype yaml -
	$(SCHEMA).github-workflows .github/workflows/*.yml
	$(SCHEMA).github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(SCHEMA).citation-file-format CITATION.cff

test: browser node deploy-programs hosts check $(VENV)/vgg16 ## Run `make check` and all tests (THREADS=2, SEED=1)
	$(PYTEST)

test-fast: $(VENV)/dev $(VENV)/vgg16 ## Run the tests that take no seconds and need no browser
	$(PYTEST) -m "not slow and not browser and not cuda and not containers"

browser: $(VENV)/dev ## Find the browsers that the page is tested in, or install them
	@$(RUN) -m tests.browser

node: $(VENV)/dev ## Find the Node.js that the JavaScript clients are tested with, or install it
	@$(RUN) -m tests.node

deploy-programs: $(VENV)/dev ## Find the programs that check the files in deploy, or unpack them
	@$(RUN) -m tests.deploy.programs

hosts: $(VENV)/dev ## Find what the service is tested on several hosts with, or install it (root, Linux)
	@$(RUN) -m tests.hosts.network

test-cuda: $(VENV)/dev ## Run the tests that need a CUDA device
	$(VENV)/bin/pytest -m cuda

chaos: $(VENV)/dev ## Inject faults into a whole service and check its guarantees (hours; ROUNDS=1)
	$(RUN) -m tests.chaos --rounds "$(ROUNDS)"

soak: $(VENV)/dev ## Use a whole service for an hour, with faults, and watch its memory (MINUTES=60)
	$(RUN) -m tests.soak --minutes "$(MINUTES)"

fuzz: $(VENV)/dev ## Test the API with many more requests, options and damaged pictures (PICTURES=20000)
	PASTICHE_FUZZ_EXAMPLES=500 $(VENV)/bin/pytest tests/api/http/test_openapi.py tests/api/hostile/test_options.py
	$(RUN) -m tests.api.hostile --pictures "$(PICTURES)"

weights: $(VENV)/local ## Download a backbone's weights: vgg16, vgg19 or vgg19-caffe (BACKBONE=vgg19)
	@$(RUN) -m pastiche.engine.weights "$(BACKBONE)"

examples: $(VENV)/local ## Draw the example images again
	$(RUN) -m tools.draw

pictures: $(VENV)/local ## Paint the pictures of the documentation through the service
	$(RUN) -m tools.paint gallery

strips: $(VENV)/local ## Paint what each option does, a strip each (ONLY=alpha for one)
	$(RUN) -m tools.paint strips $(if $(ONLY),--only "$(ONLY)")

docs: $(VENV)/dev ## Generate the reference pages and the alerts for Kubernetes, and build the site in .pastiche/site
	$(RUN) -m tools.documents
	$(RUN) -m tools.prometheus_rule
	$(VENV)/bin/zensical build --strict

client: $(VENV)/dev ## Generate the client's synchronous half and the types of its arguments
	$(RUN) -m tools.generate_client

javascript: node ## Generate the types of the JavaScript client
	$(RUN) -m tools.generate_javascript

generate: client javascript docs ## Generate everything that is generated from the code

bench: $(VENV)/dev ## Compare the engine with a plain implementation (an hour; SIZES="256")
	$(RUN) -m benchmarks.side_by_side $(SIZES)
	$(RUN) -m benchmarks.memory
	$(RUN) -m benchmarks.report

likeness: $(VENV)/dev $(VENV)/vgg16 ## Measure the distance of pictures to style and content (hours; PAIRS=harbour:swirls PRESETS=draft SIZES=256)
	$(RUN) -m benchmarks.likeness $(if $(PAIRS),--pairs $(PAIRS)) $(if $(PRESETS),--presets $(PRESETS)) $(if $(SIZES),--sizes $(SIZES))

profile: $(VENV)/local ## Show where the time of an iteration goes
	$(RUN) -m benchmarks.profile

images: $(VENV)/dev ## Build both container images and paint a job with them (needs root)
	$(VENV)/bin/pytest -m containers tests/containers

lock: ## Update requirements/*.txt from pyproject.toml (needs uv)
	./requirements/lock

clean: ## Remove the virtual environment and all files of the service
	rm -rf $(VENV) .pastiche demo.png

# Two stamps: `local` for the packages to run the service, `dev` for those to test it as well.
$(VENV)/local: requirements/local.txt pyproject.toml
	@./requirements/install "$(PYTHON)" "$(VENV)" local
$(VENV)/dev: requirements/dev.txt pyproject.toml
	@./requirements/install "$(PYTHON)" "$(VENV)" dev
# The default backbone's weights. If they cannot be downloaded, a message says so, the engine uses
# `whitened`, and the next call tries again.
$(VENV)/vgg16: | $(VENV)/local
	@if $(RUN) -m pastiche.engine.weights vgg16; then touch "$@"; fi
