"""Whether somebody sits here who could look at a page."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping


def somebody_looks(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether there is a terminal, and a browser with a screen.

    Args:
        environment: Of the process.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    # A text browser in the terminal plays neither sound nor pictures, and takes the terminal.
    screen = sys.platform in ("darwin", "win32") or any(
        environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if not screen:
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True
