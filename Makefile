# Tests come in three sizes, told apart by build tags (integration/doc.go):
#   test-short   no tag         Go alone: unit tests and the embedded broker
#   test         tag servers    besides, real MySQL and MariaDB and millrace workers, with -race
#   test-real    tag real       Apache Kafka, Java Connect workers and other people's clients
# `test` and `test-real` install what they need first and say so (integration/setup).

GO       ?= go
CACHE    ?= $(or $(MILLRACE_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/millrace)
FUZZTIME ?= 10s
ROWS     ?= 200000
SIDE_ROWS ?= $(ROWS)
RUNS     ?= 3
WORKERS  ?= java,millrace
OUT      ?= out/profiles
MINUTES  ?= 30
STATEMENTS ?= 2000
KILLS    ?= 200
GB       ?= 10
ROUNDS   ?= 10
ALL_TAGS := servers,real

GOLANGCI_VERSION := v2.15.0
GOLANGCI         := $(CACHE)/bin/golangci-lint-$(GOLANGCI_VERSION)

LDFLAGS  := -s -w $(if $(VERSION),-X main.millraceVersion=$(VERSION))

.PHONY: all versions build test test-short test-real soak big ddl chaos mixed setup setup-real quickstart fresh lint fuzz bench bench-go profile oracle verify generated clean

all: build

build: ## bin/millrace, a static binary; VERSION=x.y.z names a release
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -ldflags '$(LDFLAGS)' -o bin/millrace ./cmd/millrace

test-short:
	$(GO) test ./...

test: setup
	$(GO) test -race -tags servers -timeout 14m ./...

test-real: setup-real
	$(GO) test -tags real -timeout 20m -run 'ApacheKafka|JavaWorker' ./storage/... ./herder/... ./worker/...
	$(GO) test -tags real -timeout 30m -v ./integration/real/... ./integration/security/... ./integration/chaos/...

soak: setup ## MINUTES of random rows, structures and kills on MySQL and MariaDB: the topics stay what the tables are
	MILLRACE_SOAK=$(MINUTES)m $(GO) test -tags servers -timeout $$(($(MINUTES) + 15))m -v ./integration/soak

big: setup ## transactions of GB from a binlog that is made on the fly, of 1 GB from MySQL, and a slow broker: the worker's memory stays
	MILLRACE_BIG=$(GB) $(GO) test -tags servers -timeout $$(($(GB) * 4 + 20))m -count=1 -v ./integration/big

chaos: setup-real ## KILLS of workers and of the broker: each record exactly once from sources, none lost by sinks; SEED=n repeats a run
	MILLRACE_KILLS=$(KILLS) $(if $(SEED),MILLRACE_SEED=$(SEED)) $(GO) test -tags real -timeout $$(($(KILLS) / 3 + 15))m -count=1 -v -run OnApacheKafka ./integration/chaos

mixed: setup-real ## workers of both kinds in one group: ROUNDS random rounds per run, SEED repeats them
	MIXED_ROUNDS=$(ROUNDS) MIXED_SEED=$(SEED) $(GO) test -tags real -timeout 3h -count 1 -v -run TestMixed ./integration/real/cluster
ddl: setup ## STATEMENTS random changes of a table on MySQL and MariaDB: after each the model is what the server says
	MILLRACE_STATEMENTS=$(STATEMENTS) $(GO) test -tags servers -timeout 60m -v -run AlterationsAgainst ./plugins/mysql/ddl

versions: setup-real ## what Java answers about plugins of several versions is still what is recorded
	$(GO) test -tags real -timeout 15m -count 1 -v -run JavaWorker ./integration/versions

setup:
	$(GO) run ./integration/setup test

setup-real:
	$(GO) run ./integration/setup real

quickstart: ## change events from a fresh machine; ONCE=1 ends after the first ones
	$(GO) run ./integration/quickstart $(if $(ONCE),-once)

fresh: ## README.md's two commands on a machine that has only Go and make; takes root
	.ci/fresh 'make quickstart ONCE=1' 'make test'
	AS=user .ci/fresh 'make quickstart ONCE=1'

# Go's fuzzer takes one target of one package at a time.
fuzz: ## every fuzz target for FUZZTIME
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; \
	done

bench: setup-real ## millrace beside Java on this machine: ROWS, SIDE_ROWS, RUNS, ONLY=main,latency,..., WORKERS=millrace; WRITE=1 keeps the results
	$(GO) run ./integration/bench -rows $(ROWS) -side-rows $(SIDE_ROWS) -runs $(RUNS) -workers $(WORKERS) $(if $(ONLY),-only $(ONLY)) $(if $(WRITE),-write)

bench-go: ## Go benchmarks of single packages
	$(GO) test -run '^$$' -bench . -benchmem ./...

profile: setup-real ## where a record's time and memory go, in snapshots of ROWS and catching up, or of the tables that ONLY=wide200,json,... names; the profiles stay in OUT
	$(GO) run ./integration/bench -rows $(ROWS) -side-rows $(SIDE_ROWS) $(if $(ONLY),-only $(ONLY)) -profiles $(OUT)

oracle: setup-real ## every recorded scenario, and the REST cases, against millrace
	$(GO) run ./integration/oracle/play
	$(GO) run ./integration/oracle/play 20 30 # of an old release, as supersets
	$(GO) run ./integration/oracle/play -rest

verify: lint generated
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	  if [ -n "$$unformatted" ]; then echo "run gofmt -w on:" $$unformatted; exit 1; fi
	$(GO) vet -tags $(ALL_TAGS) ./...
	$(GO) mod tidy -diff
	$(GO) mod verify

lint: $(GOLANGCI)
	$(GOLANGCI) run --allow-parallel-runners --build-tags $(ALL_TAGS) ./...

$(GOLANGCI): # built once, which takes minutes; the module proxy is all it needs
	GOBIN=$(CACHE)/bin/new $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(CACHE)/bin/new/golangci-lint $@

generated: ## generated files are those that their sources give
	@before=$$(git diff | sha256sum); $(GO) generate ./...; after=$$(git diff | sha256sum); \
	  if [ "$$before" != "$$after" ]; then git diff --stat; echo "go generate changed files: commit them"; exit 1; fi

clean: ## what was built here; the cache of installed peers stays
	rm -rf bin out
