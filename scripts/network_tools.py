"""Have what tests with a lossy network need: nft and ip: python -m scripts.network_tools

As root on Debian or Ubuntu they are installed by apt. Where the machine cannot run such tests it
says which are left out; .ci/run does not put up with that.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

from avatar_core.testing.lossy_network import LossyNetwork, missing_tools
from scripts import node_packages
from scripts.environment import ROOT, SetupError, say

APT_PACKAGES = ("nftables", "iproute2", "util-linux")
_TEST = re.compile(r"^@own_network_test\n(?:@.*\n)*(?:async )?def (\w+)", re.MULTILINE)


def install() -> None:
    """Install the tools by apt, where that can be done without asking anybody.

    Raises:
        SetupError: apt failed.
    """
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return
    with node_packages.locked("apt"):
        if missing_tools():  # else installed meanwhile by whoever held the lock
            say(f"installing {', '.join(APT_PACKAGES)} by apt (once)")
            _run([apt, "update"])
            _run([apt, "install", "--yes", "--no-install-recommends", *APT_PACKAGES])


def _run(command: list[str]) -> None:
    done = subprocess.run(
        [*command, "-o", "DPkg::Lock::Timeout=300", "-q"],
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        last = "\n".join(done.stdout.strip().splitlines()[-12:])
        raise SetupError(f"`apt-get {command[1]}` failed; it said:\n{last}")


def tests_of_the_network() -> list[str]:
    found = []
    for folder in ("tests", "providers"):
        for path in sorted((ROOT / folder).rglob("test_*.py")):
            names = _TEST.findall(path.read_text(encoding="utf-8"))
            found += [f"{path.relative_to(ROOT)}::{name}" for name in names]
    return found


def main() -> int:
    try:
        if missing_tools():
            install()
    except SetupError as exc:
        say(f"error: {exc}")
    reason = LossyNetwork.why_not()
    if reason is not None:
        say(f"tests that cut the network are left out: {reason}")
        for each in tests_of_the_network():
            say(f"  left out: {each}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
