#!/bin/sh
# Refresh requirements/dev.txt from the pyproject.toml files, and package-lock.json from
# package.json: sh scripts/lock.sh [--upgrade]
# Exact versions and hashes without a single address, unlike uv.lock, which is not committed.
# What is locked stays as it is unless pyproject.toml asks for another, or --upgrade for the newest.
set -eu
cd "$(dirname "$0")/.."
uv=$PWD/.venv/bin/uv
export UV_PYTHON_DOWNLOADS=never
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

compile() { # INPUT OUTPUT [ARGUMENT...]: OUTPUT's comment stays, its versions are preferred
    input=$1 output=$2
    shift 2
    sed -n '/^#/p' "$output" >"$scratch/comment"
    sed '/^#/d' "$output" >"$scratch/locked.txt"
    "$uv" pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header \
        --no-annotate "$@" --output-file "$scratch/locked.txt" "$input"
    if grep -n '://' "$scratch/locked.txt"; then
        echo "error: $output would hold the addresses above; it is left as it was" >&2
        exit 1
    fi
    cat "$scratch/comment" "$scratch/locked.txt" >"$output"
}

# The workspace's own distributions are installed from the tree.
set -- --group dev --group docs --all-extras "$@"
for member in pyproject.toml providers/*/pyproject.toml; do
    set -- --no-emit-package "$(sed -n 's/^name = "\(.*\)"/\1/p' "$member" | head -n 1)" "$@"
done
compile pyproject.toml requirements/dev.txt "$@"

# Tools pinned by hand: only their hashes are filled in.
for pinned in requirements/uv.txt requirements/node.txt \
    avatar_core/livekit_server/go_toolchain.txt; do
    sed -n 's/^\([a-z-]*==[^ ]*\).*/\1/p' "$pinned" >"$scratch/pinned.in"
    compile "$scratch/pinned.in" "$pinned"
done
.venv/bin/python -m scripts.node_packages lock
echo "locked: $(grep -c '==' requirements/dev.txt) packages in requirements/dev.txt"
