"""Have what tests in a real browser need: a Chromium and node_modules: python -m scripts.browser

Chromium is the one that AVATAR_BROWSER names, or the system's; as root on Debian or Ubuntu it is
installed by apt. Nothing is downloaded that is not from a package registry.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from scripts import node_packages
from scripts.environment import SetupError, say

VARIABLE = "AVATAR_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
# Without the recommended ones, which draw in a hundred more; a page without fonts has no text.
APT_PACKAGES = ("chromium", "fonts-liberation")
REMEDY = (
    "install Chromium (Debian, Ubuntu: `apt-get install chromium`, macOS: "
    f"`brew install --cask chromium`), or name a Chromium or Chrome in {VARIABLE}"
)


def find_browser() -> Path | None:
    """Return the Chromium or Chrome that runs here, None without one.

    Raises:
        SetupError: AVATAR_BROWSER names something that does not run.
    """
    named = os.environ.get(VARIABLE)
    if named:
        path = Path(named).expanduser()
        if not runs(path):
            raise SetupError(
                f"{VARIABLE} names {named!r}, which does not run as a browser: correct the path or "
                "unset the variable"
            )
        return path.absolute()
    on_path = (shutil.which(name) for name in NAMES)
    for found in [*on_path, *PLACES]:
        if found is not None and runs(Path(found)):
            return Path(found)
    return None


def runs(path: Path) -> bool:
    # Ubuntu's chromium-browser is on PATH also where the snap behind it is not.
    try:
        done = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and "Chrom" in done.stdout


def install_browser() -> Path:
    """Install Chromium by apt, where that can be done without asking anybody.

    Raises:
        SetupError: It cannot, or apt failed.
    """
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise SetupError(f"no Chromium for the tests in a browser: {REMEDY}")
    started = time.monotonic()
    with node_packages.locked("apt"):
        found = find_browser()
        if found is not None:
            return found  # installed meanwhile by whoever held the lock
        say("no Chromium found: installing it by apt (once, about a minute)")
        run_apt([apt, "update"])
        run_apt([apt, "install", "--yes", "--no-install-recommends", *APT_PACKAGES])
    found = find_browser()
    if found is None:
        raise SetupError(f"apt installed Chromium and it does not run: {REMEDY}")
    say(f"Chromium ready after {time.monotonic() - started:.0f} s")
    return found


def run_apt(command: list[str]) -> None:
    # Another apt may be at work, such as a machine's own updates after it was started.
    waiting = ["-o", "DPkg::Lock::Timeout=300", "-q"]
    done = subprocess.run(
        [*command, *waiting],
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
        raise SetupError(
            f"Chromium could not be installed (`apt-get {command[1]}` failed): check the network "
            f"and apt's sources, or {REMEDY}. It said:\n{last}"
        )


def main() -> int:
    try:
        node_packages.install()
        if find_browser() is None:
            install_browser()
    except SetupError as exc:
        say(f"error: {exc}")
        return 1
    except OSError as exc:
        say(f"error: {exc.filename or 'browser'}: {exc.strerror}; is it writable?")
        return 1
    except KeyboardInterrupt:
        say("stopped; run it again to finish")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
