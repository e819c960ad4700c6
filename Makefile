# berth: make build needs Go and nothing else; make run and make test do their own set-up.

SHELL   := /bin/sh
PREFIX  ?= $(HOME)/.local
IMAGE   ?= workbench
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null | sed 's/^v//')
# Size: the engine and the agent server speak HTTP/1.1, so HTTP/2 stays out (0.4 MB); nothing outside the standard
# library is inlined (0.4 MB; no start or screen is slower for it).
SMALL   := -tags nethttpomithttp2 -gcflags=all=-l
FLAGS   := -trimpath $(SMALL) -ldflags "-s -w $(if $(VERSION),-X main.version=$(VERSION))"

.PHONY: help build inside run test lint golden e2e bench engines install clean

help: ## list what make can do
	@sed -n 's/^\([a-z][a-z0-9]*\):[^#]*## /\1\t/p' Makefile | expand -t 10

build: inside ## bin/berth, with the programs for inside packed in; needs Go only
	CGO_ENABLED=0 go build $(FLAGS) -o bin/berth ./cmd/berth

inside: ## build and pack berth-inside for every architecture
	go run ./internal/inside/pack $(ARCHES)

run: ## set up an engine, build the workbench, open the example project (IMAGE=starter: in seconds)
	@IMAGE=$(IMAGE) MAKE="$(MAKE)" sh .ci/example.sh

test: ## set up what is needed, then every check: format, vet, unit, race, end to end
	@sh .ci/test.sh

lint: ## the linters of .ci/golangci.yml
	@sh .ci/lint.sh

golden: ## write the golden files again; read the difference before you commit it
	go test $$(grep -rlE --include='*_test.go' 'internal/golden"|flag.Bool\("update"' cmd hardening internal mounts network tui | xargs -n 1 dirname | sort -u | sed 's,^,./,') -update
	git --no-pager diff --stat

e2e: build ## the end-to-end tests alone, against the engine at hand
	@sh .ci/test.sh e2e

bench: build ## measure against the raw engine, docker run and compose (N=40, ARGS="-only tunnel")
	go run ./e2e/bench -berth bin/berth $(if $(N),-n $(N)) $(ARGS)

engines: ## one suite on seven container engines, each on its own; writes docs/engines.md (root, debootstrap)
	bash .ci/engines.sh

install: build ## copy bin/berth to $(PREFIX)/bin
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 bin/berth $(DESTDIR)$(PREFIX)/bin/berth

clean: ## remove what was built here; images stay
	rm -rf bin internal/inside/packed/berth-inside.*
