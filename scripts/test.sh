#!/bin/sh
# Run the test suite: sh scripts/test.sh [pytest's arguments]
#   JOBS=3               test processes side by side (a call mostly waits for real time); 0: one, here
#   REPORT=reports       folder for junit.xml and the list of deselected tests
#   COVERAGE_MINIMUM=95  measure branch coverage of avatar_core and fail below
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin

# Shows its progress here, once, instead of in every test process.
"$bin/python" -m avatar_core.livekit_server >/dev/null
"$bin/python" -m scripts.browser
"$bin/python" -m scripts.network_tools

set -- "--numprocesses=${JOBS:-3}" --dist=worksteal "$@"
if [ -n "${REPORT:-}" ]; then
    mkdir -p "$REPORT"
    rm -f "$REPORT/junit.xml" "$REPORT/deselected.txt"
    DESELECTED_TESTS=$(cd "$REPORT" && pwd)/deselected.txt
    export DESELECTED_TESTS
    set -- "--junit-xml=$REPORT/junit.xml" "$@"
fi
if [ -z "${COVERAGE_MINIMUM:-}" ]; then
    exec "$bin/python" -m pytest "$@"
fi
rm -f .coverage .coverage.*
# `coverage run` and not pytest's plugin for it: our own pytest plugin is imported before that
# one could begin to measure.
"$bin/python" -m coverage run -m pytest "$@"
"$bin/python" -m coverage combine --quiet
"$bin/python" -m coverage report --fail-under="$COVERAGE_MINIMUM"
