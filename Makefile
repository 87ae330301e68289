# On a bare machine `make demo` runs the main job and `make test` passes the tests; both install what they need first.
CARGO ?= cargo
PREFIX ?= /usr/local

.PHONY: demo test bench bench-nginx build lint clean

demo: tools ## an issuer, a client and the attacks on them, in memory: request, decision, reason, microseconds
	$(CARGO) run --release --quiet -p countersign-cli -- demo

build: tools ## the command `countersign` in target/release
	$(CARGO) build --release -p countersign-cli

test: tools wasm-target ## everything: unit, vectors, conformance, properties, wasm build, foreign issuers, real nginx
	$(CARGO) test --workspace
	$(CARGO) test -p countersign --no-default-features --features rust-crypto --test wycheproof
	$(CARGO) test -p countersign --features aws-lc,rust-crypto --lib crypto
	$(CARGO) build -p countersign --no-default-features --features rust-crypto,hot-keys --target wasm32-unknown-unknown
	$(CARGO) build -p countersign-cli
	tests/interop/run --bin target/debug/countersign
	tests/nginx/run

lint: tools ## format, clippy with warnings denied, the documentation build
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

bench: tools ## criterion benches, then the peers in one run: table on the screen, record and charts in benches/record
	$(CARGO) bench -p countersign-benches
	benches/compare/run

bench-nginx: tools ## the cost of the nginx module beside plain nginx, auth_request and njs: table, and record in benches/record
	benches/nginx/run

.PHONY: tools wasm-target
tools:
	@.ci/install

wasm-target:
	@.ci/install wasm

clean:
	$(CARGO) clean
