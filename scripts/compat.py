"""Run the matrix of LiveKit's avatar plugins on their oldest and newest versions: [VENDOR ...]

Each plugin and each of the two gets an environment of its own below .venv/compat, which holds
livekit-agents of the same age. The newest is whatever the package index has today.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from providers.livekit_plugins.tests.doubles import DOUBLES
from providers.livekit_plugins.tests.promises import PEER, PEER_OF_THE_PEER

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / ".venv" / "bin" / "uv"
MATRIX = "providers/livekit_plugins/tests/test_matrix.py"
VERSIONS = (
    "import sys; from importlib.metadata import version; print(*(version(n) for n in sys.argv[1:]))"
)


def oldest() -> str:
    """Return the oldest livekit-agents that avatar-core supports; plugins of its age go with it."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'"livekit-agents>=([0-9.]+)', project)
    assert found is not None, "pyproject.toml states no oldest livekit-agents"
    return found.group(1)


def packages(vendor: str) -> list[str]:
    """Return what is installed anew: the framework, the plugin, and the one it takes over from."""
    peer = PEER if vendor != PEER else PEER_OF_THE_PEER
    return ["livekit-agents", f"livekit-plugins-{vendor}", f"livekit-plugins-{peer}"]


def make(vendor: str, age: str) -> Path | None:
    """Make one environment; None where that failed, which has been said."""
    venv = Path(".venv", "compat", f"{vendor}-{age}")
    made = subprocess.run([sys.executable, "scripts/setup.py", venv], cwd=ROOT, env=os.environ)
    if made.returncode != 0:
        return None
    python = ROOT / venv / "bin" / "python"
    names = packages(vendor)
    wanted = [f"{name}=={oldest()}" for name in names] if age == "oldest" else names
    upgrade = [] if age == "oldest" else [f"--upgrade-package={name}" for name in names]
    install = [str(UV), "pip", "install", "--quiet", f"--python={python}", *upgrade, *wanted]
    return python if subprocess.run(install, cwd=ROOT).returncode == 0 else None


def versions(vendor: str, python: Path) -> str:
    """Return which versions of the plugin and of livekit-agents an environment holds."""
    asked = subprocess.run(
        [python, "-c", VERSIONS, *packages(vendor)[:2]], capture_output=True, text=True, check=True
    )
    agents, plugin = asked.stdout.split()
    return f"plugin {plugin}, livekit-agents {agents}"


def passes(vendor: str, python: Path) -> bool:
    """Run one vendor's part of the matrix."""
    command = [str(python), "-m", "pytest", "--quiet", "-p", "no:cacheprovider", MATRIX]
    env = os.environ | {"EVERY_PLUGIN_THROUGH_ALL": "1"}
    return subprocess.run([*command, "-k", vendor], cwd=ROOT, env=env).returncode == 0


def main(vendors: list[str]) -> int:
    unknown = sorted(set(vendors) - set(DOUBLES))
    if unknown:
        known = ", ".join(DOUBLES)
        print(f"error: no double of {', '.join(unknown)}; there are {known}", file=sys.stderr)
        return 2
    lines, failed = [], False
    for vendor in vendors or DOUBLES:
        ran: set[str] = set()
        for age in ("oldest", "newest"):
            began = time.monotonic()
            python = make(vendor, age)
            held = "no environment" if python is None else versions(vendor, python)
            if held in ran:
                outcome = "the same, not run again"
            else:
                passed = python is not None and passes(vendor, python)
                failed = failed or not passed
                outcome = "passed" if passed else "FAILED"
            ran.add(held)
            lines.append(f"{vendor}: {age}: {held}: {outcome}, {time.monotonic() - began:.0f} s")
            print(lines[-1], flush=True)
    print("\n".join(["", *lines]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
