"""What every command prints with: answers on stdout, trouble on stderr, readable anywhere."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

PIPE_WIDTH = 1000
"""Columns where nobody looks at a terminal: one line a row, for grep and files."""


def stdout_console() -> Console:
    """Make the console for answers; it obeys ``NO_COLOR`` and ``COLUMNS``."""
    from rich.console import Console

    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else PIPE_WIDTH
    # No emoji, no markup: a provider's words are shown as they are.
    return Console(width=width, highlight=False, markup=False, emoji=False)


def text(value: object, style: str = "") -> Text:
    """Make a piece of output of any value, safe for a terminal.

    Args:
        value: What to show; what a provider wrote may be in it.
        style: A rich style.
    """
    from rich.text import Text

    return Text(printable(value), style=style)


def printable(value: object) -> str:
    """Show a value on one line, without control characters that could drive a terminal.

    Args:
        value: Anything; what a provider wrote may be in it.
    """
    words = " ".join(str(value).split())
    return "".join(char if char.isprintable() else "?" for char in words)


def print_json(value: Any) -> None:
    """Print a value as indented JSON on stdout.

    Args:
        value: What ``json`` can write.
    """
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def print_trouble(message: object) -> None:
    """Print one plain line on stderr.

    Args:
        message: What went wrong and what to do.
    """
    sys.stderr.write(f"{printable(message)}\n")
    sys.stderr.flush()
