# The commands of this repository. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run cluster test fmt lint gen bench soak

## run: build and start the server with the demo world (ARGS="--listen 127.0.0.1:4000" passes flags on)
run:
	@scripts/run.sh $(ARGS)

## cluster: two instances, PostgreSQL, Redis and nginx on free ports, to try faults with (Ctrl-C ends all of it)
cluster:
	@scripts/cluster.sh

## test: everything that must hold before a change is merged; installs what is missing
test:
	@scripts/test.sh

## fmt: format the source
fmt:
	cargo fmt

## lint: formatting, clippy, rustdoc, licences, what is in deploy/
lint:
	@scripts/lint.sh

## gen: write the files that are made from the code (settings, schemas, types, requirements, the demo)
gen:
	@scripts/gen.sh

## bench: measure this server and its peers on this machine
bench:
	@scripts/bench.sh $(ARGS)

## soak: the fault drills and the simulation, longer, with a release build (ROUNDS=10)
soak:
	@scripts/soak.sh $(ARGS)

help:
	@sed -n 's/^## \([a-z]*\): /  make \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'
