"""The live demo as a command runs it: server, agent, avatar and page, until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rich.console import Console

from avatar_core.demo.connection import Connection, configured_server
from avatar_core.demo.live.choices import Choices
from avatar_core.demo.live.files import livekit_client
from avatar_core.demo.live.live_call import LiveCall
from avatar_core.demo.live.page_server import PORT, serve
from avatar_core.demo.progress import Progress
from avatar_core.livekit_server import LiveKitServer

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """What was asked for on the command line.

    Args:
        spec: The first avatar; None for the first on offer.
        port: The page's, tried first; 0 for any.
        open_browser: Open the page.
    """

    spec: str | None
    port: int = PORT
    open_browser: bool = True


def run_page(request: PageRequest, *, console: Console) -> None:
    """Serve the page until somebody stops it.

    Args:
        request: What to do.
        console: Where the address and what goes on are written.

    Raises:
        AvatarError: It could not run; the text is one line for the person who asked.
    """
    livekit_client()  # what is missing is said before a server is started
    configured = configured_server()
    progress = Progress(console)
    choices = Choices(first=request.spec, progress=progress)
    asyncio.run(_run(request, choices, configured, progress))


async def _run(
    request: PageRequest, choices: Choices, configured: Connection | None, progress: Progress
) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        # Whoever is not content with an orderly end ends the process as it is, the second time.
        release()
        stopped.set()

    def release() -> None:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        async with _call(choices, configured, progress) as call:
            async with serve(call, port=request.port) as address:
                progress.line(f"Talk to it: {address}")
                progress.line("The address is secret and works on this machine only; Ctrl-C ends")
                if request.open_browser:
                    await asyncio.to_thread(webbrowser.open, address)
                await stopped.wait()
                progress.line("ending the call")
    finally:
        release()


@asynccontextmanager
async def _call(
    choices: Choices, configured: Connection | None, progress: Progress
) -> AsyncIterator[LiveCall]:
    try:
        if configured is not None:
            async with live_call(configured, choices) as call:
                yield call
            return
        progress.line("starting a LiveKit server on this machine")
        async with await LiveKitServer.start_async(progress=progress.line) as server:
            connection = Connection(
                url=server.url, api_key=server.api_key, api_secret=server.api_secret
            )
            async with live_call(connection, choices) as call:
                yield call
    finally:
        await choices.aclose()


@asynccontextmanager
async def live_call(connection: Connection, choices: Choices) -> AsyncIterator[LiveCall]:
    """Start a call with its avatar; ends both afterwards.

    Args:
        connection: Server and room.
        choices: The avatars on offer; closed by whoever made them.
    """
    call = LiveCall(connection=connection, choices=choices)
    try:
        await call.start()
        yield call
    finally:
        await call.aclose()
