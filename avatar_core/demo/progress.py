"""What a person at a terminal sees while the demo runs; plain lines where there is none."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

_METER = 20
_QUIETEST = -50.0  # dBFS


class Progress:
    """Lines that stay, and on a terminal one line below them that moves.

    Args:
        console: Where to write, usually stderr: the answer goes to stdout.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._spinner = Spinner("dots")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Show the moving line while the block runs, if there is a terminal to show it on."""
        if not self._console.is_terminal:
            yield
            return
        with Live(
            self._spinner, console=self._console, transient=True, refresh_per_second=10
        ) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def line(self, text: str, *, at: float | None = None) -> None:
        """Write a line that stays.

        Args:
            text: What happened.
            at: The call's time in seconds, if the call has begun.
        """
        stamp = Text(f"{at:7.2f} s  " if at is not None else "", style="cyan")
        self._console.print(stamp + Text(text), soft_wrap=True)

    def status(self, text: str) -> None:
        """Say what is going on now; shown on a terminal only."""
        self._spinner.update(text=Text(text))

    def meter(self, text: str, *, at: float, level: float) -> None:
        """Say what is going on and how loud it is.

        Args:
            text: What is going on.
            at: The call's time in seconds.
            level: Root mean square of int16 samples.
        """
        if self._live is None:
            return
        decibels = 20 * math.log10(max(level, 1.0) / 32768)
        filled = round(_METER * min(1.0, max(0.0, 1 - decibels / _QUIETEST)))
        line = Text(f"{at:6.1f} s  ", style="cyan")
        line.append("▮" * filled, style="green")
        line.append("▯" * (_METER - filled), style="bright_black")
        self._spinner.update(text=line + Text(f"  {text}"))
