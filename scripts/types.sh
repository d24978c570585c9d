#!/bin/sh
# Strict types of the core, its tests and every provider. One run each: a provider's tests may
# carry the same file names as the core's, which one run would take for one module. One cache for
# all: most of the time goes into the types of LiveKit, which are the same everywhere.
set -eu
cd "$(dirname "$0")/.."
mypy=$PWD/.venv/bin/mypy
config=$PWD/pyproject.toml
cache=$PWD/.mypy_cache

check() {
    folder=$1
    shift
    existing=
    for each in "$@"; do
        [ -n "$(find "$folder/$each" -name '*.py' 2>/dev/null | head -n 1)" ] || continue
        existing="$existing $each"
    done
    # shellcheck disable=SC2086 # a list of names without blanks
    (cd "$folder" && "$mypy" --config-file "$config" --cache-dir "$cache" $existing)
}

check . avatar_core tests conftest.py scripts/environment.py scripts/test_versions.py \
    scripts/check_report.py scripts/leftovers.py scripts/browser.py scripts/node_packages.py \
    scripts/network_tools.py scripts/hook_reference.py scripts/verified.py \
    scripts/livekit_plugin_table.py scripts/compat.py scripts/demo_page.py hatch_build.py benchmarks examples/voice_agent.py
check examples/provider .
check avatar_core/scaffold/template .
for project in providers/*/pyproject.toml; do
    check "${project%/pyproject.toml}" .
done
