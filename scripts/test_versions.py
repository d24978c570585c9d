"""Run the tests marked every_python on each claimed Python but the one `make test` uses.

All of them at once: each mostly collects and imports, on one core. A version that is not on this
machine is named and passed over; nothing is downloaded.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
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


def run(version: str, python: str) -> tuple[bool, str]:
    """Make the version's environment and run the tests in it; returns what was printed, too."""
    started = time.monotonic()
    venv = Path(".venv", "versions", version)
    made, said = output([sys.executable, "scripts/setup.py", venv], PYTHON=python)
    if made:
        arguments = ["-m", "every_python", f"--numprocesses={os.environ.get('JOBS', '2')}"]
        arguments += ["--dist=worksteal", "--quiet", "-p", "no:cacheprovider", *sys.argv[1:]]
        made, tested = output([ROOT / venv / "bin" / "python", "-m", "pytest", *arguments])
        said += tested
    took = time.monotonic() - started
    return made, f"Python {version}: {python}\n{said}Python {version}: {took:.0f} s"


def output(command: list[str | Path], **variables: str) -> tuple[bool, str]:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode == 0, done.stdout


def main() -> int:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    absent, present = [], {}
    for version in claimed():
        if version == here:
            print(f"Python {version}: `make test` runs on it", flush=True)
        elif (python := interpreter(version)) is None:
            absent.append(version)
        else:
            present[version] = python
    failed = []
    with ThreadPoolExecutor(max_workers=len(present) or 1) as pool:
        running = {pool.submit(run, version, present[version]): version for version in present}
        for done in as_completed(running):
            passed, said = done.result()
            print(said, flush=True)
            if not passed:
                failed.append(running[done])
    if absent:
        print(f"note: not on this machine, so not tested: Python {', '.join(absent)}")
    if failed:
        print(f"error: tests failed on Python {', '.join(sorted(failed))}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
