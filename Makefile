# What can be done here; `make` alone lists it. All that runs, runs on the Node.js that package-lock.json pins.

NODE := node_modules/.bin/node
BIN := node_modules/.bin
CODE := runtime drivers bundle bench .ci
# For a part of the tests: make test TESTS='runtime/cli/*.test.ts'
TESTS := $(foreach dir,$(CODE),'$(dir)/**/*.test.ts')
# For the demo: make demo ARGS=--json
ARGS :=

.DEFAULT_GOAL := help
.PHONY: help setup demo test bundle check format lint clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | column -t -s '|'

setup: ## install what is needed; says nothing when all is there
	@.ci/setup.sh

demo: setup ## show a whole system on this machine
	@$(BIN)/umec demo $(ARGS)

test: check ## everything that must hold before a change goes in; ends with `N passed, N failed`
	@server="$$(bundle/nats-server.sh)" && UMEC_NATS_SERVER="$$server" \
	  NODE_COMPILE_CACHE="$${NODE_COMPILE_CACHE-$${XDG_CACHE_HOME:-$$HOME/.cache}/umec/compile}" \
	  $(NODE) --disable-warning=ExperimentalWarning --test --test-reporter=./.ci/count-reporter.ts \
	  --test-concurrency=2 $(TESTS)

bundle: setup ## what is shipped, for arm64 and x64, in dist/
	@$(NODE) bundle/make.ts

check: setup ## types, style and layers
	@$(NODE) $(BIN)/tsc -p .
	@$(NODE) $(BIN)/biome check
	@$(NODE) $(BIN)/depcruise --config .dependency-cruiser.cjs $(CODE)

lint: setup ## style alone
	@$(NODE) $(BIN)/biome check

format: setup ## bring all files into our style
	@$(NODE) $(BIN)/biome check --write

clean: ## remove what setup made here; the cache of nats-server stays
	rm -rf node_modules dist
