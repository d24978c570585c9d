"""Run the tests marked every_python on each claimed Python but the one `make test` uses.

A version that is not on this machine is named and passed over; nothing is downloaded.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROBE = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"


def claimed() -> list[str]:
    """Return the versions that pyproject.toml claims, oldest first."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return re.findall(r"Programming Language :: Python :: (3\.\d+)", project)


def interpreter(version: str) -> str | None:
    """Return the full path of a Python of this version, from PATH or from pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    # A shim of pyenv answers only for the version that is active; the interpreters behind do.
    candidates = [f"python{version}", *map(str, pyenv.glob(f"versions/{version}.*/bin/python"))]
    for candidate in candidates:
        try:
            answer = subprocess.run([candidate, "-c", PROBE], capture_output=True, text=True)
        except OSError:
            continue
        if answer.returncode == 0 and answer.stdout.startswith(f"{version} "):
            return answer.stdout.split(None, 1)[1].strip()
    return None


def run(version: str, python: str) -> bool:
    venv = Path(".venv", "versions", version)
    made = subprocess.run(
        [sys.executable, "scripts/setup.py", venv], cwd=ROOT, env=os.environ | {"PYTHON": python}
    )
    if made.returncode != 0:
        return False
    arguments = ["-m", "every_python", f"--numprocesses={os.environ.get('JOBS', '4')}"]
    arguments += ["--dist=worksteal", "--quiet", "-p", "no:cacheprovider", *sys.argv[1:]]
    tested = subprocess.run([ROOT / venv / "bin" / "python", "-m", "pytest", *arguments], cwd=ROOT)
    return tested.returncode == 0


def main() -> int:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    absent, failed = [], []
    for version in claimed():
        if version == here:
            print(f"Python {version}: `make test` runs on it")
            continue
        python = interpreter(version)
        if python is None:
            absent.append(version)
            continue
        print(f"Python {version}: {python}", flush=True)
        started = time.monotonic()
        if not run(version, python):
            failed.append(version)
        print(f"Python {version}: {time.monotonic() - started:.0f} s", flush=True)
    if absent:
        print(f"note: not on this machine, so not tested: Python {', '.join(absent)}")
    if failed:
        print(f"error: tests failed on Python {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
