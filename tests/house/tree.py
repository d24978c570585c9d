"""The project's own files, as a clone has them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import tomli

ROOT = Path(__file__).resolve().parents[2]


def files() -> list[Path]:
    """Return what a commit of the tree as it is would hold, from the root."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]


def copy_to(folder: Path) -> None:
    """Copy these files into a folder: a clone without its history."""
    for path in files():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, target)


def projects() -> dict[Path, dict[str, Any]]:
    """Return the folder and the pyproject.toml of every distribution of the workspace."""
    paths = [ROOT / "pyproject.toml", *sorted(ROOT.glob("providers/*/pyproject.toml"))]
    return {path.parent: tomli.loads(path.read_text(encoding="utf-8")) for path in paths}


def packages() -> list[str]:
    """Return the import names of the providers of the workspace."""
    return [
        package
        for folder, project in projects().items()
        if folder != ROOT
        for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    ]
