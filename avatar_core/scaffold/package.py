"""Writes the package: all of it, in a folder that was not there before, or nothing."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from avatar_core.contract.errors import ConfigurationError
from avatar_core.scaffold.names import ProviderNames, provider_names

TEMPLATE = Path(__file__).parent / "template"
"""A provider called ``vendorname``, which is linted, typed and run as it is."""

_TEMPLATE_NAMES = provider_names("vendorname")
# Caches of those who ran the template where it lies.
_NOT_SOURCE = ("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache")


def write_package(names: ProviderNames, folder: Path) -> tuple[Path, ...]:
    """Write a provider's package into a new folder.

    Args:
        names: What the provider is called.
        folder: Where; it does not exist, or is empty.

    Returns:
        The files, relative to the folder, sorted.

    Raises:
        ConfigurationError: Something is there already, or nothing can be written there. What was
            there is as it was.
    """
    target = Path(os.path.abspath(folder))  # not resolved: a link is refused, not followed
    try:
        _refuse_occupied(target, folder)
        files = dict(package_files(names))
        # Beside the target, as only within one file system a rename is one step.
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
            whole = Path(scratch, target.name)
            for path, text in files.items():
                (whole / path).parent.mkdir(parents=True, exist_ok=True)
                (whole / path).write_text(text, encoding="utf-8")
            # Takes the place of an empty folder and of nothing else: a file that came meanwhile
            # makes it fail.
            whole.rename(target)
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        raise ConfigurationError(f"{folder} cannot be made: {reason}; nothing was written") from exc
    return tuple(files)


def package_files(names: ProviderNames) -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of every file of a new package, sorted by path.

    Args:
        names: What the provider is called.
    """
    for path in sorted(TEMPLATE.rglob("*")):
        relative = path.relative_to(TEMPLATE)
        if path.is_file() and not set(relative.parts) & set(_NOT_SOURCE):
            text = path.read_text(encoding="utf-8")
            yield Path(_renamed(str(relative), names)), _renamed(text, names)


def _renamed(text: str, names: ProviderNames) -> str:
    """Put a provider's names where the template has its own, in one pass over the text."""
    words = {
        getattr(_TEMPLATE_NAMES, kind): getattr(names, kind)
        for kind in ("distribution", "package", "title", "variable", "name")
    }
    pattern = "|".join(re.escape(word) for word in words)  # the longest first, as listed
    return re.sub(pattern, lambda match: words[match[0]], text)


def _refuse_occupied(target: Path, shown: Path) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ConfigurationError(f"{shown} is there already, and is no folder; choose another")
    if not target.parent.is_dir():
        raise ConfigurationError(f"there is no folder {target.parent} to make {target.name} in")
    if not target.exists():
        return
    occupied = next(target.iterdir(), None)
    if occupied is not None:
        raise ConfigurationError(
            f"{shown} is there already, with {occupied.name} in it; nothing is ever overwritten:"
            " choose another folder"
        )
    if target == Path.cwd():
        # Replaced by its namesake, it would vanish under the shell that stands in it.
        raise ConfigurationError(f"{shown} is the folder you are in; name one inside it")
