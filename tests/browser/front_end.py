"""What a front end in a browser saw of a call, and when."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page

from avatar_core.testing.call_stage import CallStage
from tests.browser.page_server import serve_page

PAGE = Path(__file__).with_name("page")
UNTIL_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The room as a front end saw it from one moment until the next view.

    Args:
        at: Unix time.
        room: State of the page's connection.
        agent: The agent's identity.
        workers: Who publishes on behalf of the agent, first come first.
        state: The agent's attribute ``avatar.state``.
        identity: The agent's attribute ``avatar.identity``.
        found_video: Whose picture LiveKit's hooks choose, empty for nobody's.
        found_audio: The same for sound.
        told_video: Whose picture is chosen by ``identity``.
        told_audio: The same for sound; the agent's without an avatar.
    """

    at: float
    room: str
    agent: str
    workers: list[str]
    state: str
    identity: str
    found_video: str
    found_audio: str
    told_video: str
    told_audio: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What had been decoded and heard by then, taken ten times a second.

    Args:
        at: Unix time.
        decoded: Pictures decoded, by participant.
        energy: Energy of the sound received, by participant.
        paused: Whether the shown avatar's element is.
        time: Its position, in seconds.
        width: The width of its picture, in pixels.
    """

    at: float
    decoded: dict[str, int]
    energy: dict[str, float]
    paused: bool
    time: float
    width: int


class Sightings:
    """All that a front end saw, to be asked afterwards.

    Args:
        views: From the first to the last.
        samples: The same.
    """

    def __init__(self, *, views: list[View], samples: list[Sample]) -> None:
        self.views = views
        self.samples = samples

    def in_turn(self, read: Callable[[View], str]) -> list[str]:
        """Return what was seen one after the other, without moments of nothing in between."""
        seen: list[str] = []
        for value in map(read, self.views):
            if value and seen[-1:] != [value]:
                seen.append(value)
        return seen

    def first(self, condition: Callable[[View], bool], *, since: float = 0.0) -> float:
        """Return the Unix time from which a condition held for the first time."""
        return next(view.at for view in self.views if view.at >= since and condition(view))

    def longest(self, condition: Callable[[View], bool], *, since: float, until: float) -> float:
        """Return for how many seconds at a stretch a condition held, at most.

        Args:
            condition: On a view, which holds until the next.
            since: Unix time.
            until: Unix time.
        """
        longest, began = 0.0, None
        ends = [*(view.at for view in self.views[1:]), until]
        for view, end in zip(self.views, ends, strict=True):
            if not condition(view) or end <= since or view.at >= until:
                began = None
                continue
            began = max(view.at, since) if began is None else began
            longest = max(longest, min(end, until) - began)
        return longest

    def longest_still(self, read: Callable[[View], str], *, since: float, until: float) -> float:
        """Return for how many seconds the picture of whoever was shown stood still, at most.

        Args:
            read: Who is shown, of a view.
            since: Unix time.
            until: Unix time.
        """
        longest, moved, last = 0.0, since, (0, "")
        for sample in self.samples:
            if since <= sample.at <= until:
                who = read([view for view in self.views if view.at <= sample.at][-1])
                shown = (sample.decoded.get(who, 0), who)
                if shown[0] and shown != last:
                    longest, moved, last = max(longest, sample.at - moved), sample.at, shown
        return max(longest, until - moved)


class FrontEnd:
    """A page that has joined the room; made by ``open_front_end``.

    Args:
        page: The page.
    """

    def __init__(self, *, page: Page) -> None:
        self.page = page
        self.troubles: list[str] = []
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.on("console", self._said)
        page.on("request", self._asked)

    async def until(self, condition: str) -> None:
        """Wait for a condition in JavaScript on ``view``, the present one.

        Args:
            condition: Such as ``view.state === "live"``.
        """
        await self.page.wait_for_function(
            f"view && ({condition})", timeout=UNTIL_SECONDS * 1000, polling=20
        )

    async def until_grown(self, what: str, identity: str, *, by: float) -> None:
        """Wait until more has been decoded or heard of a participant than has been by now.

        Args:
            what: ``decoded`` or ``energy``, see ``Sample``.
            identity: Whose.
            by: How much more.
        """
        await self.page.evaluate("from = record.samples.length")
        await self.page.wait_for_function(
            """([what, identity, by]) => {
                const values = record.samples.slice(from).map((each) => each[what][identity] ?? 0);
                return values.length && values.at(-1) - values[0] >= by;
            }""",
            arg=[what, identity, by],
            timeout=UNTIL_SECONDS * 1000,
            polling=20,
        )

    async def sightings(self) -> Sightings:
        """Return everything seen so far."""
        record = await self.page.evaluate("record")
        return Sightings(
            views=[View(**each) for each in record["views"]],
            samples=[Sample(**each) for each in record["samples"]],
        )

    def _said(self, message: Any) -> None:
        if message.type == "error":
            self.troubles.append(f"console: {message.text}")

    def _asked(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme != "data" and parts.hostname != "127.0.0.1":
            self.troubles.append(f"asked {parts.hostname} for something")


@asynccontextmanager
async def open_front_end(browser: Browser, stage: CallStage) -> AsyncIterator[FrontEnd]:
    """Open the page and join, with a microphone; closes it afterwards.

    Args:
        browser: Where.
        stage: The call to join.
    """
    token = stage.token("browser")
    async with serve_page(PAGE, url=stage.server.url, token=token) as address:
        context = await browser.new_context(viewport={"width": 760, "height": 760})
        try:
            front_end = FrontEnd(page=await context.new_page())
            await front_end.page.goto(address)
            await front_end.page.click("#join")
            await front_end.until("view.room === 'connected' && view.agent !== ''")
            yield front_end
        finally:
            await context.close()
        assert not front_end.troubles, front_end.troubles
