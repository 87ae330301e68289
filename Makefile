# On a bare machine `make demo` runs the main job and `make test` passes the tests; both install what they need first.
CARGO ?= cargo
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib

.PHONY: demo test test-packages bench bench-against bench-js bench-nginx build install js playground miri msrv generate lint deny advisories clean envoy bench-envoy test-envoy filter filter-full

demo: tools ## an issuer, a client and the attacks on them, in memory with their microseconds, then through real Envoy, both builds
	$(CARGO) run --release --quiet -p countersign-cli -- demo
	tests/envoy/demo

build: tools ## the command `countersign` in target/release
	$(CARGO) build --release -p countersign-cli

install: tools ## the C and C++ library: headers, libcountersign.so and .a, pkg-config file, CMake package; DESTDIR, PREFIX, LIBDIR, CARGO_BUILD_TARGET
	PREFIX=$(PREFIX) LIBDIR=$(LIBDIR) DESTDIR=$(DESTDIR) bindings/c/install

test: tools wasm-target c-tools ## everything: unit, vectors, conformance, properties, wasm build, C and C++, foreign issuers, real nginx, real Envoy, real Keycloak, real SPIRE, fuzzing
	+$(STAGE) "workspace tests" $(MAKE) --no-print-directory test-workspace
	+$(STAGE) "backend tests" $(MAKE) --no-print-directory test-backends
	+$(STAGE) "wasm tests" $(MAKE) --no-print-directory test-wasm
	+$(MAKE) --no-print-directory test-packages
	$(STAGE) "command" $(CARGO) build -p countersign-cli
	$(STAGE) "install nginx" .ci/install nginx
	$(STAGE) "install envoy" .ci/install envoy
	$(STAGE) "install Keycloak" .ci/install keycloak
	$(STAGE) "install SPIRE" .ci/install spire
	$(STAGE) "build fuzz targets" tests/fuzz/run build
	+$(MAKE) --no-print-directory -j2 --output-sync=target test-c test-interop test-js test-nginx test-envoy-module test-envoy-wasm test-keycloak test-spire $(FUZZED)

# Prints the minutes of a command.
STAGE = .ci/stage

test-packages: ## the published crates: packaged, checked, built from their packages, used by a program outside the workspace
	$(STAGE) "packages" tests/packages/run

.PHONY: test-workspace test-backends test-wasm
test-workspace:
	$(CARGO) test --workspace
test-backends:
	$(CARGO) test -p countersign --no-default-features --features rust-crypto --test wycheproof
	$(CARGO) test -p countersign --features aws-lc,rust-crypto --lib crypto
	tests/limbs32
	$(CARGO) test -p countersign-tests --no-default-features --features aws-lc,rust-crypto --test no_alloc --test hot_keys
	$(CARGO) test -p countersign-tests --no-default-features --features rust-crypto --test no_alloc --test hot_keys
	$(CARGO) test -p countersign --no-default-features --features ring,hot-keys --lib -- memory order hash_index
test-wasm:
	$(CARGO) build -p countersign --no-default-features --features rust-crypto,hot-keys --target wasm32-unknown-unknown
	$(CARGO) test --manifest-path wasm/filter/Cargo.toml --target-dir $(or $(CARGO_TARGET_DIR),target)/proxy-wasm
	wasm/filter/size
	$(CARGO) test --manifest-path wasm/js/Cargo.toml --target-dir $(or $(CARGO_TARGET_DIR),target)/js

# What waits for processes more than it computes runs two at a time, each output in one piece.
.PHONY: test-c test-interop test-js test-nginx test-envoy-module test-envoy-wasm test-keycloak test-spire soak
test-c:
	$(STAGE) "C and C++" tests/c/run
test-interop:
	$(STAGE) "foreign issuers" tests/interop/run --bin target/debug/countersign
test-js: ## the npm package: builds it, and tests its tarball in every runtime and framework
	$(STAGE) "JavaScript" wasm/js/test/run
test-nginx:
	$(STAGE) "nginx" tests/nginx/run
test-envoy-module test-envoy-wasm: test-envoy-%:
	COUNTERSIGN_ENVOY_BUILD=$* $(STAGE) "Envoy, $*" tests/envoy/run

test-keycloak: ## real Keycloak: its tokens through the command, nginx and Envoy
	$(STAGE) "Keycloak" tests/keycloak/run
test-spire: ## real SPIRE: JWT-SVIDs of an agent through the command, nginx and Envoy; builds SPIRE once, a quarter of an hour
	$(STAGE) "SPIRE" tests/spire/run
soak: ## keys of Keycloak and SPIRE rotate under load, COUNTERSIGN_SOAK_MINUTES each (10); writes tests/soak/record
	tests/soak/run

# The fuzz targets, each for a minute from a corpus that is made of the vectors.
FUZZED = $(addprefix test-fuzz-,decide policy json jwk uri revocations settings)
.PHONY: $(FUZZED) fuzz
$(FUZZED): test-fuzz-%:
	$(STAGE) "fuzz $*" tests/fuzz/run $*
fuzz: tools c-tools ## the readers and the engine under libFuzzer, COUNTERSIGN_FUZZ_SECONDS for each target
	tests/fuzz/run build
	+$(MAKE) --no-print-directory -j2 --output-sync=target $(FUZZED)

filter: tools ## the proxy-wasm filter, as countersign.wasm
	wasm/filter/build countersign.wasm

filter-full: tools ## the same with every feature, as countersign-full.wasm
	wasm/filter/build countersign-full.wasm --all-features

test-envoy: tools ## the module and the proxy-wasm filter in real Envoy alone
	tests/envoy/run

js: tools ## the npm package, as countersign.tgz
	wasm/js/build countersign.tgz

playground: tools ## the page that explains decisions in a browser, in the folder playground
	wasm/js/playground playground

bench-js: tools ## what a decision costs in Node beside jose, oauth4webapi and fast-jwt
	wasm/js/bench/run

envoy: tools ## leaves a real Envoy with the filter running on 127.0.0.1, with fresh tokens and lines to paste; Ctrl-C ends it
	tests/envoy/try

bench-envoy: tools ## what the module and the proxy-wasm filter cost in Envoy, beside no filter and jwt_authn; record in benches/record
	benches/envoy/run

miri: ## the C ABI under Miri, which sees every access; installs a nightly toolchain
	rustup toolchain install nightly --profile minimal --component miri --component rust-src
	MIRIFLAGS=-Zmiri-disable-isolation $(CARGO) +nightly miri test -p countersign-ffi --no-default-features --features rust-crypto --test abi

# The oldest Rust that Cargo.toml promises.
OLDEST = $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
msrv: ## the shipped crates, checked with the oldest Rust that Cargo.toml promises; installs that toolchain
	rustup toolchain install $(OLDEST) --profile minimal --target wasm32-unknown-unknown
	$(CARGO) +$(OLDEST) check -p countersign -p countersign-ffi -p countersign-reload -p countersign-tower -p countersign-envoy-common -p countersign-envoy -p countersign-cli
	$(CARGO) +$(OLDEST) check --manifest-path wasm/filter/Cargo.toml --target-dir $(or $(CARGO_TARGET_DIR),target)/proxy-wasm --target wasm32-unknown-unknown
	$(CARGO) +$(OLDEST) check --manifest-path wasm/js/Cargo.toml --target-dir $(or $(CARGO_TARGET_DIR),target)/js --target wasm32-unknown-unknown

generate: ## writes what follows from the tables of the core: the C enums and header, the variables of nginx, the words of TypeScript, docs/{reasons,checks,limits,attributes,documents,policy}.md
	COUNTERSIGN_GENERATE=1 $(CARGO) test --no-fail-fast -p countersign-tests --test generated

# Of what is shipped, and of the proxy-wasm filter, which has a lock of its own; licences and sources also of what builds and tests it.
DENY = $(shell .ci/install deny) --config deny.toml
deny: tools ## licences, bans and sources of dependencies, by deny.toml
	$(DENY) --locked --exclude-dev check bans
	$(DENY) --locked check licenses sources
	$(DENY) --locked --manifest-path wasm/filter/Cargo.toml --exclude-dev check --allow license-not-encountered --allow unmatched-skip --allow unnecessary-skip bans licenses sources

advisories: tools ## what RustSec's database says of Cargo.lock: fetches it from GitHub
	$(DENY) --locked check advisories
	$(DENY) --locked --manifest-path wasm/filter/Cargo.toml check advisories

lint: tools wasm-target deny ## format, clippy with warnings denied, the documentation build, what `make generate` writes, licences, bans and sources of dependencies
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path wasm/filter/Cargo.toml --check
	$(CARGO) fmt --manifest-path wasm/js/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy -p countersign --all-targets --no-default-features --features rust-crypto,hot-keys -- -D warnings
	$(CARGO) clippy --manifest-path wasm/filter/Cargo.toml --target-dir $(or $(CARGO_TARGET_DIR),target)/proxy-wasm --all-targets -- -D warnings
	$(CARGO) clippy --manifest-path wasm/filter/Cargo.toml --target-dir $(or $(CARGO_TARGET_DIR),target)/proxy-wasm --target wasm32-unknown-unknown -- -D warnings
	$(CARGO) clippy --manifest-path wasm/js/Cargo.toml --target-dir $(or $(CARGO_TARGET_DIR),target)/js --all-targets -- -D warnings
	$(CARGO) clippy --manifest-path wasm/js/Cargo.toml --target-dir $(or $(CARGO_TARGET_DIR),target)/js --target wasm32-unknown-unknown -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps
	$(CARGO) test -p countersign-tests --test documents --test generated
	$(CARGO) clippy --locked --manifest-path benches/compare/Cargo.toml --target-dir $(or $(CARGO_TARGET_DIR),target)/compare -- -D warnings

bench: tools c-tools ## what refusals cost, criterion benches, the cost of the C ABI, then the peers in one run: table, record and charts in benches/record
	$(CARGO) test --release -p countersign-tests --test work
	$(CARGO) bench -p countersign-benches
	benches/abi/run
	benches/compare/run

bench-nginx: tools ## the cost of the nginx module beside plain nginx, auth_request and njs: table, and record in benches/record
	benches/nginx/run

bench-against: tools ## this tree against REV, in turns: exit status 1 where it is slower; benches/record/README.md says how to read it
	benches/record/run --against $(or $(REV),$(error REV=the revision to compare with))

.PHONY: tools wasm-target c-tools
tools:
	@.ci/install

wasm-target:
	@.ci/install wasm

c-tools:
	@.ci/install c

clean:
	$(CARGO) clean
