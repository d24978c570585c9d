"""An environment to install a package into that is only made for a test: no network, no traces."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

# What pip would fetch is here already: the build backend, and what a package depends on.
_PIP = """#!/bin/sh
[ "$1" = install ] && shift
exec "{uv}" pip install --quiet --python "{python}" --no-build-isolation --no-deps --offline "$@"
"""
_AVATAR = """#!/bin/sh
exec "{python}" -c "from avatar_core.cli.app import main; main()" "$@"
"""


def make_environment(folder: Path) -> Path:
    """Make a Python environment that has what is installed here, and takes more.

    Args:
        folder: Where; it does not exist.

    Returns:
        The folder with its ``python``, ``pip`` and ``avatar``.
    """
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    assert uv is not None, "uv is one of the tools that `make setup` installs"
    make = [uv, "venv", "--quiet", "--no-python-downloads", "--python", sys.executable, str(folder)]
    subprocess.run(make, check=True, timeout=60)
    (site,) = folder.glob("lib/python*/site-packages")
    here = sysconfig.get_path("purelib")
    (site / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n", encoding="utf-8")
    binaries = folder / "bin"
    python = binaries / "python"
    for name, text in (("pip", _PIP), ("avatar", _AVATAR)):
        program = binaries / name
        program.write_text(text.format(uv=uv, python=python), encoding="utf-8")
        program.chmod(0o755)
    return binaries
