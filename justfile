# Every lane of the project. CI runs `just ci` and nothing else.

set shell := ["bash", "-euo", "pipefail", "-c"]

# list the recipes
default:
    @just --list

# run the shipped application
demo *ARGS:
    cargo run --release -- {{ARGS}}

# everything that needs Rust alone; tests wait for processes and for time, so there are more threads than cores
test:
    RUST_TEST_THREADS="${RUST_TEST_THREADS:-$(( $(getconf _NPROCESSORS_ONLN) + 4 ))}" cargo test --workspace
    @echo
    @echo "ignored tests name what they need and the recipe that runs them: just test-all, or just release"

# what test-all needs: runtimes, clients, cargo-lambda (target/venv), Node's runtime (a cache of its own), Docker, Chromium
setup:
    .ci/setup

# static programs, for the container, into target/image
static:
    .ci/static

# the container image `hardcap`: the static program and nothing else
image: static
    docker build --tag hardcap --file Dockerfile "${CARGO_TARGET_DIR:-target}/image"

# the container image `hardcap:runtimes`, with Python and Node; pulls its base images from a registry
image-runtimes: static
    docker build --tag hardcap:runtimes --file Dockerfile.runtimes "${CARGO_TARGET_DIR:-target}/image"

# the wheel, the npm packages and the archive of this platform, into target/packages, with the program of `just static`
packages: static
    .ci/packages

# installs each package into a clean environment and runs it
packages-test: packages
    .ci/packages-test

# test, and every ignored test: real runtimes and clients, a browser, a container, minutes of work; a missing program is a failure
test-all: setup static packages-test
    cargo test --workspace --no-fail-fast -- --include-ignored --skip the_shipped_application

# the peers that `just bench` measures, into target/peers
setup-peers:
    .ci/peers "${CARGO_TARGET_DIR:-target}/peers"

# speed of the published programs: floor, peers and hardcap in one run, which writes docs/speed.md; then the proxy, and jobs against a plain loop
bench:
    cargo build --profile dist --bins
    just speed
    "${CARGO_TARGET_DIR:-target}/dist/overhead"
    "${CARGO_TARGET_DIR:-target}/dist/jobs-bench"

# the first part of `just bench`: writes docs/speed.md and its charts, and the figures to target/speed.json
speed:
    cargo build --profile dist --bin hardcap --bin floor
    "${CARGO_TARGET_DIR:-target}/dist/floor" measure "${CARGO_TARGET_DIR:-target}/peers" docs > "${CARGO_TARGET_DIR:-target}/speed.json"

# a million mutated reports through explain and replay, optimized
fuzz-reports COUNT="1000000":
    HARDCAP_MUTATIONS={{COUNT}} cargo test --release -p hardcap-tests --test project no_mutated -- --nocapture

# mixed traffic with faults for so many minutes; writes target/soak.csv and target/soak.svg, and fails if memory, descriptors or threads grow
soak MINUTES="60":
    cargo build --release --bin hardcap --bin guest --bin soak
    "${CARGO_TARGET_DIR:-target}/release/soak" --minutes {{MINUTES}} --out target/soak

# fuzz one target of tests/src/fuzz, or all in turn, for so many seconds each; a crash is kept and printed
fuzz TARGET="all" SECONDS="300":
    .ci/fuzz {{TARGET}} {{SECONDS}}

# write what was found, minimized, to fixtures/fuzz
fuzz-keep TARGET="all":
    .ci/fuzz {{TARGET}} keep

# change the modules of .cargo/mutants.toml in every way that should fail a test; hours; needs `cargo install cargo-mutants`
mutants *ARGS:
    HARDCAP_KEEP_DOCS=1 PROPTEST_DISABLE_FAILURE_PERSISTENCE=true cargo mutants --jobs 1 --timeout 200 --build-timeout 600 \
        --output target/mutants/limits --package hardcap-limits --cargo-arg=--tests {{ARGS}}
    PROPTEST_DISABLE_FAILURE_PERSISTENCE=true cargo mutants --jobs 1 --timeout 200 --output target/mutants/services \
        --package hardcap-core --package hardcap-lambda --package hardcap-proxy --cargo-arg=--lib {{ARGS}} \
        -- -- delivery:: job::row:: queue::retry:: rules:: sigv4:: state::

fmt:
    cargo fmt --all

lint:
    cargo fmt --all -- --check
    cargo clippy --workspace --all-targets -- -D warnings

# the deployed template, by AWS's own rules
template: setup
    target/venv/bin/cfn-lint template.yaml fixtures/demo.yaml

# misspelled words, by typos; `.typos.toml` has those that are meant
spelling: setup
    target/venv/bin/typos

# dependencies that no code uses or that are in the wrong section, and files that no module names, by cargo-shear
dependencies: setup
    target/venv/bin/cargo-shear --deny-warnings --locked

# the book, with mdbook (cargo install mdbook), into target/book; `just test` checks it without
book:
    mdbook build docs

docs:
    RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --workspace --no-deps --document-private-items

# the shipped application end to end, every program in release
release:
    cargo build --release --bin hardcap --bin search
    cargo test --workspace --test real -- --ignored the_shipped_application

ci: lint docs template spelling dependencies test-all release
    git diff --exit-code
