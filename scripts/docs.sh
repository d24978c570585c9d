#!/bin/sh
# Build the documentation strictly, or show it while it is edited: sh scripts/docs.sh [serve]
set -eu
cd "$(dirname "$0")/.."
# An announcement of the theme's authors, not a finding about this site.
NO_MKDOCS_2_WARNING=1
export NO_MKDOCS_2_WARNING
.venv/bin/python -m scripts.hook_reference
.venv/bin/python -m scripts.verified
.venv/bin/python -m scripts.livekit_plugin_table
if [ "${1:-}" = serve ]; then
    exec .venv/bin/mkdocs serve
fi
exec .venv/bin/mkdocs build --strict --quiet --clean
