# What can be done here; `make` alone lists it. All that runs, runs on the Node.js that package-lock.json pins.

NODE := node_modules/.bin/node
BIN := node_modules/.bin
CODE := runtime drivers bundle image qemu-tests bench .ci
# What is timed needs the machine for itself.
TIMED := runtime/bus/floods.test.ts qemu-tests/temperature.test.ts
# For a part of the tests: make test TESTS='runtime/cli/*.test.ts'
TESTS = $(filter-out $(TIMED),$(shell find $(filter-out qemu-tests,$(CODE)) qemu-tests/kit -name '*.test.ts'))
RUN_TESTS = server="$$(bundle/nats-server.sh)" && UMEC_NATS_SERVER="$$server" \
  NODE_COMPILE_CACHE="$${NODE_COMPILE_CACHE-$${XDG_CACHE_HOME:-$$HOME/.cache}/umec/compile}" \
  $(NODE) --disable-warning=ExperimentalWarning --test --test-reporter=./.ci/count-reporter.ts
# For the demo: make demo ARGS=--json
ARGS :=
# For the image: make image BOARD=rpi, or all
BOARD := virt

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-image test-parts test-timed test-boards addons bundle image \
  bundle-ota program qemu api check check-types check-layers format lint clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | column -t -s '|'

setup: ## install what is needed; says nothing when all is there
	@.ci/setup.sh

demo: setup ## show a whole system on this machine
	@$(BIN)/umec demo $(ARGS)

test: setup ## everything that must hold before a change goes in; ends with `N passed, N failed`
	@$(MAKE) -s -j4 check-types check-layers lint test-image
	@export UMEC_TEST_TALLY=$$(mktemp) && echo 0 0 >$$UMEC_TEST_TALLY && trap 'rm -f $$UMEC_TEST_TALLY' EXIT && \
	  $(MAKE) -s test-parts && $(MAKE) -s test-timed && $(MAKE) -s test-boards

# The image comes first, as tests of its parts take them from the cache. Most tests of parts wait for another process half
# of their time, so three files at a time keep two cores busy; and so do three boards.
test-image:
	@$(NODE) image/make.ts --fast --check virt imx8mp-evk

test-parts:
	@.ci/peers/run true
	@$(RUN_TESTS) --test-concurrency=3 $(TESTS)

test-timed:
	@$(RUN_TESTS) --test-concurrency=1 --test-force-exit $(TIMED)

test-boards:
	@$(RUN_TESTS) --test-concurrency=3 --test-force-exit $(filter-out $(TIMED),$(wildcard qemu-tests/*.test.ts))

addons: setup ## native addons for running drivers from this clone
	@$(NODE) bundle/install-addons.ts

bundle: setup ## what is shipped, for arm64 and x64, in dist/
	@$(NODE) bundle/make.ts

image: setup ## what is flashed to a card, in dist/: make image BOARD=virt, imx8mp-evk, rpi or all
	@$(NODE) image/make.ts $(BOARD)

bundle-ota: setup ## a signed bundle for updates over the air, in dist/: make bundle-ota BOARD=virt, imx8mp-evk, rpi or all
	@$(NODE) image/ota/make.ts $(BOARD)

program: setup ## the scripts alone, signed, in dist/: newer ones for nodes without another system
	@$(NODE) bundle/program-artifact-make.ts

qemu: setup ## boot the image on an emulated board with a sensor to play with, a shell and a live view
	@$(NODE) image/make.ts --fast $(BOARD) && $(NODE) qemu-tests/play.ts $(BOARD)

api: setup ## write docs/sdk-api.md anew, after a change of the plugin SDK
	@$(NODE) .ci/sdk-report.ts

check: setup ## types, style and layers
	@$(MAKE) -s -j3 -O check-types check-layers lint

check-types:
	@$(NODE) $(BIN)/tsc -p . --incremental --tsBuildInfoFile dist/types.tsbuildinfo

check-layers:
	@$(NODE) $(BIN)/depcruise --config .dependency-cruiser.cjs $(CODE)

lint: setup ## style alone
	@$(NODE) $(BIN)/biome check

format: setup ## bring all files into our style
	@$(NODE) $(BIN)/biome check --write

clean: ## remove what setup made here; the cache of nats-server stays
	rm -rf node_modules dist
