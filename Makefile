# Everything that is done with this project, by name. "make help" lists it.

GO      ?= go
FUZZTIME ?= 10s
BENCH   ?= .
COUNT   ?= 1
CLIENTS   ?= 1000000
TRANSPORT ?= long-poll
MINUTES   ?= 30
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LINT     = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2
VULNDB  ?= https://vuln.go.dev

.DEFAULT_GOAL := help
.PHONY: help run script build test lint fuzz bench bench-peers bench-million chaos soak restart-trial storm-trial check clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build rootsd and serve with the defaults and a demo; prints the URLs (ARGS="--push-open 'public/**'" adds flags)
	./bin/rootsd serve --demo $(ARGS)

script: ## build clients/js/dist out of clients/js/src
	$(GO) run ./clients/js/build

build: ## build bin/rootsd
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/rootsd ./cmd/rootsd

test: ## run the tests of all languages (SUITES="go javascript" for some); names what is skipped and how to get it
	$(GO) run ./.ci/test $(SUITES)

check: ## what has to be right before a commit: format, vet, tests
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(MAKE) test

lint: ## run golangci-lint with .golangci.yml, and govulncheck; fetches both the first time
	$(LINT) run
	@GO='$(GO)' VULNDB='$(VULNDB)' .ci/vulnerabilities

fuzz: ## run every fuzz target for FUZZTIME (10s, or 1000x for so many inputs); KEEP=1 keeps what it finds in .ci/corpus.tar.gz
	@GO='$(GO)' FUZZTIME='$(FUZZTIME)' .ci/fuzz

bench: ## run the Go benchmarks for benchstat: make bench BENCH=Match COUNT=10
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./...

bench-peers: ## measure rootsd beside nchan and others (installs them), for about an hour; ARGS=--quick tries it
	$(GO) run ./cmd/benchpeers $(ARGS)

bench-million: ## park a million clients in one process, on a stand-in for the sockets (CLIENTS=100000 TRANSPORT=sse)
	$(GO) test -run '^$$' -bench Crowd -benchtime 1x -timeout 30m ./transport/push -clients $(CLIENTS) -transport $(TRANSPORT)

chaos: ## break what can break around rootsd, and check what every client saw: make chaos SEEDS=200, SEED=17, PLANTED=all
	$(GO) run ./cmd/chaos $(if $(SEED),-seed $(SEED)) $(if $(SEEDS),-seeds $(SEEDS)) $(if $(PLANTED),-planted $(PLANTED)) $(ARGS)

soak: CLIENTS = 15000
soak: ## have clients come and go for MINUTES under a memory ceiling: make soak MINUTES=30 CLIENTS=15000 ARGS="--plot soak.svg"
	$(GO) run ./cmd/soak --minutes $(MINUTES) --clients $(CLIENTS) $(ARGS)

restart-trial: ## restart rootsd under 10,000 clients that wait and 1,000 updates a second; nothing may be refused or lost
	$(GO) run ./cmd/soak restart $(ARGS)

storm-trial: ## kill rootsd under 15,000 clients that wait, which all come back at once
	$(GO) run ./cmd/soak storm $(ARGS)

clean: ## remove what was built
	rm -rf bin
