#!/bin/sh
# Style, format and import contracts.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/ruff check .
.venv/bin/ruff format --check --quiet . || {
    echo "error: not in the project's format; run: make format" >&2
    exit 1
}
.venv/bin/lint-imports --no-logo 2>/dev/null || .venv/bin/lint-imports
