"""Fill an environment with exactly what requirements/dev.txt names, plus this workspace.

Called by setup.py and test_versions.py: environment.py PYTHON VENV STAMP
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements" / "dev.txt"
UV_REQUIREMENT = ROOT / "requirements" / "uv.txt"
# Of uv on PATH: `uv venv --clear` is from 0.8.
OLDEST_UV = (0, 8)


class SetupError(Exception):
    """A step failed; the text says what to do."""


def main(python: str, venv: str, stamp: str) -> int:
    folder = Path(venv)
    try:
        with one_at_a_time(folder):
            make(python, folder, stamp)
    except SetupError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    except OSError as exc:
        print(f"error: {exc.filename or folder}: {exc.strerror}; is it writable?", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; run it again to finish", file=sys.stderr)
        return 130
    return 0


def make(python: str, venv: Path, stamp: str) -> None:
    mark = venv / "stamp"
    if mark.exists() and mark.read_text(encoding="utf-8") == stamp:
        return  # made meanwhile by whoever held the lock
    started = time.monotonic()
    uv = find_uv() or install_uv(python)
    mark.unlink(missing_ok=True)  # what is half made must not pass for done
    interpreter = venv / "bin" / "python"
    if version_of(str(interpreter)) != version_of(python):
        say(f"making {venv.relative_to(ROOT)} with {python}")
        run([uv, "venv", "--quiet", "--clear", "--python", python, str(venv)])
    say("installing what requirements/dev.txt names")
    target = ["--quiet", "--python", str(interpreter)]
    run([uv, "pip", "sync", *target, "--require-hashes", str(REQUIREMENTS)])
    members = [ROOT, *sorted(path.parent for path in ROOT.glob("providers/*/pyproject.toml"))]
    editable = [argument for member in members for argument in ("--editable", str(member))]
    # Not isolated: an isolated build would fetch a build backend that nothing pins.
    run([uv, "pip", "install", *target, "--no-deps", "--no-build-isolation", *editable])
    link_uv(uv, venv)
    mark.write_text(stamp, encoding="utf-8")
    say(f"environment ready after {time.monotonic() - started:.0f} s")


def find_uv() -> str | None:
    """Return a uv from PATH that runs and is new enough."""
    found = shutil.which("uv")
    return found if found is not None and uv_version(found) >= OLDEST_UV else None


def uv_version(uv: str) -> tuple[int, ...]:
    try:
        done = subprocess.run([uv, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ()
    match = re.match(r"uv (\d+)\.(\d+)", done.stdout)
    return tuple(int(part) for part in match.groups()) if match else ()


def install_uv(python: str) -> str:
    """Install the pinned uv, checked against its hashes, into the user's cache folder."""
    pinned = re.search(r"^uv==(\S+)", UV_REQUIREMENT.read_text(encoding="utf-8"), re.M)
    assert pinned is not None, "requirements/uv.txt names no uv"
    folder = cache_folder() / "uv" / f"{pinned[1]}-{sysconfig.get_platform()}"
    uv = folder / "bin" / "uv"
    if uv_version(str(uv)) >= OLDEST_UV:
        return str(uv)
    say(f"no uv on PATH: installing uv {pinned[1]} into {folder}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="uv-", dir=folder.parent))
    try:
        pip = [python, "-m", "pip"]
        if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode != 0:
            pip = pip_of_its_own(python, scratch / "venv")
        target = ["--target", str(scratch / "uv"), "--require-hashes", "-r", str(UV_REQUIREMENT)]
        run([*pip, "install", "--quiet", "--disable-pip-version-check", *target])
        if folder.exists():
            shutil.rmtree(folder)
        (scratch / "uv").rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return str(uv)


def pip_of_its_own(python: str, folder: Path) -> list[str]:
    made = subprocess.run(
        [python, "-m", "venv", str(folder)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        raise SetupError(
            f"{python} has neither pip nor a working venv module, and uv is not on PATH: install "
            "uv, or your system's packages for them (on Debian and Ubuntu: python3-venv)"
        )
    return [str(folder / "bin" / "python"), "-m", "pip"]


def link_uv(uv: str, venv: Path) -> None:
    """Put uv where tests and the server's build find it, also when PATH lacks it."""
    link = venv / "bin" / "uv"
    link.unlink(missing_ok=True)
    link.symlink_to(uv)


def version_of(python: str) -> str | None:
    probe = "import sys; print(sys.version_info[:3])"
    try:
        done = subprocess.run(
            [python, "-S", "-c", probe], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def run(command: list[str]) -> None:
    # The rest of the environment is the caller's: index, proxy and certificates are set there.
    environment = os.environ | {"UV_PYTHON_DOWNLOADS": "never"}
    environment.pop("VIRTUAL_ENV", None)
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise SetupError(explain(command, done.stdout.strip()))


def explain(command: list[str], said: str) -> str:
    last = "\n".join(said.splitlines()[-12:])
    if re.search(r"certificate|CERTIFICATE_VERIFY|UnknownIssuer", said):
        remedy = (
            "the package index's certificate is not trusted: set SSL_CERT_FILE to your "
            "certificates (uv also knows UV_SYSTEM_CERTS=1)"
        )
    elif re.search(
        r"error sending request|dns error|Failed to fetch|connection (error|refused|reset|broken)"
        # The last one is all that pip says where it also looks into a folder (PIP_FIND_LINKS).
        r"|name resolution|timed out|tcp connect|NewConnectionError|\(from versions: none\)",
        said,
        re.I,
    ):
        remedy = (
            "the package index cannot be reached: check the network, and HTTPS_PROXY or "
            "UV_DEFAULT_INDEX if you need them"
        )
    elif re.search(r"No space left", said):
        remedy = "the disk is full: about 1 GB is needed"
    elif re.search(r"hash", said, re.I) and re.search(r"mismatch|do not match", said, re.I):
        remedy = "a package is not the one that was locked: clear the index's cache, or `make lock`"
    else:
        remedy = f"`{Path(command[0]).name} {' '.join(command[1:3])} …` failed"
    return f"{remedy}. It said:\n{last}"


@contextlib.contextmanager
def one_at_a_time(venv: Path) -> Iterator[None]:
    """Hold a lock beside the environment, which two commands may want at once."""
    venv.parent.mkdir(parents=True, exist_ok=True)
    # On the folder itself: a lock file would be one more thing to ignore and to leave behind.
    handle = os.open(venv.parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def cache_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "avatar-core"
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    return base / "avatar-core"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
