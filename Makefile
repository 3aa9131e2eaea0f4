# Spanwatch: `make demo` shows what it does, `make test` proves it. Each installs what it needs
# on Debian and Ubuntu; elsewhere it says what to install.

SAMPLE   := pcaps/site-six-behind-a-switch.pcapng
BINARY   := target/release/spanwatch
GUIDED   := target/guided/spanwatch
# Clippy compiles what is tested: one pass lints and builds, and a warning is an error.
# Four tests at a time at least, for many wait.
CHECKED  := RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-Dwarnings RUST_TEST_THREADS=$(shell n=$$(nproc); echo $$((n > 4 ? n : 4))) cargo test --locked --profile checked --workspace
BUILDS   := build-essential pkg-config libpcap-dev
TESTS    := user-mode-linux strace tshark tcpdump python3 iproute2 openssl curl procps prometheus python3-prometheus-client rsyslog rsyslog-openssl mmdebstrap man-db chromium fonts-dejavu-core poppler-utils python3-venv $(shell grep -v '^\#' tests/lab/packages.txt 2>/dev/null)
BENCHES  := tcpdump tshark libndpi-bin python3

.PHONY: deb guided help picture pages demo test waiting working part lab verdicts soak fuzz bench build install-build install-test install-bench install-fuzz deny

help:
	@echo "make demo     build, replay the sample, show what went dark and whose turn it is, and serve its pages"
	@echo "make test     everything a commit must pass, a small lab included (needs root for the lab)"
	@echo "make deb      the Debian package: binary, unit, manual pages, a configuration to begin with"
	@echo "make guided   the binary of the package, built twice: as a profile of its own runs guides"
	@echo "make lab      the whole lab: all its sites side by side, and its attacks, each report held against what really happened; nDPI over all public captures"
	@echo "make verdicts made-up sites by the thousand, each held against its truth (some minutes; docs/verdicts.md)"
	@echo "make soak     an hour of watching with store and alarms, floods, the store killed 500 times: two hours in all"
	@echo "make fuzz     every parser, both readers and the masker, 20 minutes in all"
	@echo "make bench    processor time and memory on captures made to order, beside cat, tcpdump, nDPI and tshark"
	@echo "make picture  draws the README's picture anew"
	@echo "make pages    takes the pictures of all pages anew, for docs/pages"
	@echo "make deny     licences and who may depend on what, by cargo-deny"

demo: build
	@echo
	@$(BINARY) replay $(SAMPLE) --format json --no-progress | python3 tests/demo.py
	@echo
	@$(BINARY) replay $(SAMPLE) --format table --no-progress
	@echo
	@if [ -t 0 ]; then $(BINARY) serve $(SAMPLE) --no-progress; else $(BINARY) serve $(SAMPLE) --no-progress --listen 127.0.0.1:0 --duration 1; fi

build: install-build
	cargo build --release --locked < /dev/null

test: install-build install-test
	cargo fmt --all --check
	$(CHECKED) --no-run < /dev/null
	$(MAKE) --jobs 2 --output-sync=target waiting working

# Tests that wait for the lab's clock most of the time, and one more, beside the others: both take as long.
waiting:
	$(CHECKED) --test flood --test lab --test live --test told < /dev/null

working:
	$(CHECKED) --lib --bins --test '[!flt]*' --test 'f[!l]*' --test 't[!o]*' < /dev/null

# A part of what `make test` runs, as `make part OF="--test product networks::"`.
part:
	$(CHECKED) $(OF) < /dev/null

guided: build
	tools/guided $(BINARY) $(GUIDED)

deb: guided
	@packaging/deb $(GUIDED) target

picture: build
	tools/picture.py docs/table.svg 150 60 $(BINARY) replay $(SAMPLE) --no-progress

pages: build install-test
	@tools/install pngquant
	rm -rf target/pages
	SPANWATCH_PICTURES=$(CURDIR)/target/pages cargo test --release --locked -p spanwatch --test live -- a_browser access::the_story access::a_store < /dev/null
	find target/pages -name '*.png' -exec pngquant --force --strip --ext .png 48 {} ';'
	cp target/pages/*.png docs/pages/

lab: build install-test install-bench
	rm -rf target/lab
	tests/lab/lab.py all target/lab < /dev/null
	SPANWATCH_ALL=1 cargo test --release --locked -p spanwatch --test lab -- --nocapture < /dev/null
	SPANWATCH_ALL=1 cargo test --release --locked -p spanwatch --test product risks:: -- --nocapture < /dev/null

verdicts: build
	SPANWATCH_ALL=1 cargo test --release --locked -p spanwatch --test verdicts -- --nocapture --test-threads 1 < /dev/null

soak: build
	SPANWATCH_SOAK=1 cargo test --release --locked -p spanwatch --test product hostile:: -- --nocapture < /dev/null
	SPANWATCH_SOAK=1 cargo test --release --locked -p spanwatch --test flood -- --nocapture < /dev/null
	SPANWATCH_SOAK=1 cargo test --release --locked -p spanwatch-appliance --lib store::deaths -- --nocapture < /dev/null
	SPANWATCH_SOAK=1 cargo test --release --locked -p spanwatch --test live installed:: -- --nocapture < /dev/null
	tests/bench/soak.py $(BINARY) < /dev/null

fuzz: install-build install-fuzz
	fuzz/run

bench: guided install-bench
	cargo build --release --locked --examples < /dev/null
	tests/bench/bench.py $(GUIDED) $(BINARY) target/release/examples < /dev/null

deny:
	cargo deny --locked check licenses bans sources < /dev/null

install-build:
	@tools/install $(BUILDS)
	@command -v cargo > /dev/null || { echo "Rust is missing: see https://rustup.rs" >&2; exit 1; }

install-test:
	@tools/install $(TESTS)
	@command -v npm > /dev/null || tools/install nodejs npm
	@[ -d tests/web/node_modules/playwright-core ] || npm ci --prefix tests/web --no-audit --no-fund --silent < /dev/null || \
		echo "SKIPPED: no browser will look at the pages, for npm cannot fetch playwright-core" >&2
	@cmp -s tests/web/requirements.txt tests/web/venv/requirements.txt || { rm -rf tests/web/venv && python3 -m venv tests/web/venv && \
		tests/web/venv/bin/pip install --quiet --disable-pip-version-check -r tests/web/requirements.txt < /dev/null && \
		cp tests/web/requirements.txt tests/web/venv/; } || \
		echo "SKIPPED: the API is not asked at random, for pip cannot fetch schemathesis" >&2

install-bench:
	@tools/install $(BENCHES)

install-fuzz:
	@command -v cargo-fuzz > /dev/null || cargo install --locked cargo-fuzz < /dev/null
