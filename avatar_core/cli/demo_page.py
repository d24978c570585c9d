"""``avatar demo`` with a page in the browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from avatar_core.contract.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console


def wants_page(page: bool | None, *, recording: Sequence[str]) -> bool:
    """Choose between the page and the recording.

    Args:
        page: What was asked for; None for nothing.
        recording: Options given that only the recording has.

    Raises:
        ConfigurationError: Both were asked for.
    """
    from avatar_core.demo.live.a_browser import somebody_looks
    from avatar_core.demo.live.files import find_client

    if page and recording:
        raise ConfigurationError(
            f"{recording[0]} is of a recorded call and --page records none: leave out one of them"
        )
    if page is not None:
        return page
    return not recording and somebody_looks() and find_client() is not None


def show_page(
    provider: str | None,
    options: Sequence[str],
    port: int | None,
    *,
    console: Callable[[], AbstractContextManager[Console]],
    warnings_on: Callable[[Console], AbstractContextManager[None]],
) -> None:
    """Serve the page until it is stopped.

    Args:
        provider: The first avatar's spec; None for ``AVATAR_PROVIDER`` or the first on offer.
        options: ``key=value`` each.
        port: The page's; None for its usual one.
        console: Makes the console.
        warnings_on: Shows warnings on it.
    """
    import os

    from avatar_core.demo.command import spec_with
    from avatar_core.demo.live.a_browser import somebody_looks
    from avatar_core.demo.live.command import PageRequest, run_page
    from avatar_core.demo.live.page_server import PORT

    named = provider or os.environ.get("AVATAR_PROVIDER") or None
    spec = spec_with(named or "mock", options) if named or options else None
    request = PageRequest(
        spec=spec, port=PORT if port is None else port, open_browser=somebody_looks()
    )
    with console() as opened, warnings_on(opened):
        run_page(request, console=opened)
