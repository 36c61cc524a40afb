#!/usr/bin/env bash
# deploy/up.sh and the README's commands, as a person uses them. Called by tests/run.sh (group up) and by .ci/run.
# usage: tests/up/run.sh [MODULE...], such as test_kills
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/lib/environment.sh
source tests/lib/environment.sh

package curl command -v curl
package python3 command -v python3
run_folder
if [[ -z ${PFP_TEST_BIN:-}${PFP_TEST_CHECKOUT:-} ]]; then binaries || exit 1; fi

# What the README's examples in Python import.
export PFP_TEST_PYTHON=$PFP_CACHE_DIR/requests-2.34.2-httpx-0.28.1
[[ -x $PFP_TEST_PYTHON/bin/python ]] || python_program "$PFP_TEST_PYTHON" requests==2.34.2 httpx==0.28.1 ||
  die "requests and httpx can't be installed"

modules=("$@")
if ((${#modules[@]} == 0)); then
  for module in tests/up/test_*.py tests/readme/test_*.py; do modules+=("$(basename "$module" .py)"); done
fi
PYTHONPATH=tests/up:tests/readme python3 -B -m unittest --verbose "${modules[@]}"
