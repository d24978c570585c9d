#!/bin/sh
# Many calls in which things go wrong: sh scripts/chaos.sh [--help, and what it names]
set -eu
cd "$(dirname "$0")/.."

.venv/bin/python -m scripts.network_tools
# Shows its progress here, once.
.venv/bin/python -m avatar_core.livekit_server >/dev/null
exec .venv/bin/python -m tests.chaos "$@"
