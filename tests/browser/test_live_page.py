"""The live demo page, in a real browser: one call, from the join to a second tab."""

from __future__ import annotations

import asyncio
import io
import re
import time
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import jwt
import numpy as np
import pytest
from playwright.async_api import Browser, Page
from rich.console import Console

from avatar_core.demo.connection import Connection
from avatar_core.demo.live.choices import Choices
from avatar_core.demo.live.command import live_call
from avatar_core.demo.live.page_server import serve
from avatar_core.demo.progress import Progress
from avatar_core.demo.speech import SAMPLE_RATE, synthesize
from avatar_core.livekit_server import LiveKitServer
from tests.browser.chromium import open_chromium

FIRST = "mock?size=256&fps=15"
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
SCREENSHOTS = Path(__file__).parents[2] / "reports" / "live-page"
UNTIL = 60.0
"""Seconds."""

SPOKEN = 0.02
"""Energy in the browser's statistics of about half a second of speech."""

QUESTION = (
    "I am a visitor of this page, and I would like to hear my own words once more, all of them."
)
OBJECTION = "Stop, stop, let me say something else now."


@pytest.fixture(autouse=True)
def _without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROTOFACE_API_KEY", raising=False)
    monkeypatch.delenv("AVATAR_PROVIDER", raising=False)


@pytest.fixture
def connection(livekit_server: LiveKitServer) -> Connection:
    return Connection(
        url=livekit_server.url,
        api_key=livekit_server.api_key,
        api_secret=livekit_server.api_secret,
    )


@pytest.fixture
async def choices() -> AsyncIterator[Choices]:
    made = Choices(first=FIRST, progress=Progress(Console(file=io.StringIO())))
    yield made
    await made.aclose()


@pytest.fixture
async def address(connection: Connection, choices: Choices) -> AsyncIterator[str]:
    async with live_call(connection, choices) as call, serve(call, port=0) as served:
        yield served


def write_microphone(path: Path) -> Path:
    """Write what the visitor says: a question, and an objection while it is repeated."""
    question, objection = synthesize(QUESTION).samples, synthesize(OBJECTION).samples
    # LiveKit gives a turn three seconds to end at the most.
    parts = [silence(1.0), question, silence(4.5), objection, silence(1.0)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.concatenate(parts).tobytes())
    return path


def silence(seconds: float) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


class Visitor:
    """A page, what its console said, and what can be asked of it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.troubles: list[str] = []
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.on("console", self._said)
        page.on("request", self._asked)

    def _said(self, message: Any) -> None:
        # So livekit-client tells the end of a call that another tab took over.
        taken_over = re.search("data ?channel", message.text, re.IGNORECASE)
        if message.type == "error" and not taken_over:
            self.troubles.append(f"console: {message.text}")

    def _asked(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            self.troubles.append(f"asked {parts.hostname} for something")

    async def until(self, condition: str, argument: Any = None) -> None:
        # Not wait_for_function: that evaluates text within the page, which its policy forbids.
        ends_at = time.monotonic() + UNTIL
        while not await self.page.evaluate(condition, argument):
            assert time.monotonic() < ends_at, f"it never came to this: {condition} {argument}"
            await asyncio.sleep(0.05)

    async def join(self) -> None:
        await self.page.click("#join")
        await self.until("document.activeElement.id === 'microphone'")

    async def state(self, wanted: str) -> None:
        await self.until(
            "wanted => document.querySelector('#state').dataset.state === wanted", wanted
        )

    async def pictured(self) -> None:
        """Wait for the avatar, with pictures that go on being decoded."""
        await self.state("live")
        await self.until("document.querySelector('#placeholder').hidden")
        await self.grown("Number(document.querySelector('#pictures').textContent) || 0", by=5)

    async def heard(self) -> None:
        """Wait until more of the agent is received, and really played."""
        await self.grown(
            "Number(document.querySelector('#pictures').dataset.energy) || 0", by=SPOKEN
        )
        assert await self.page.evaluate(
            """async () => {
                const playing = [...document.querySelectorAll('#sound audio')];
                const times = playing.map((each) => each.currentTime);
                await new Promise((resolve) => setTimeout(resolve, 300));
                return playing.some((each, at) => !each.paused && each.currentTime > times[at]);
            }"""
        )

    async def grown(self, value: str, *, by: float) -> None:
        """Wait until a value has grown; it may begin anew meanwhile, as with another avatar."""
        await self.page.evaluate("window.least = Infinity")
        await self.until(
            f"by => {{ const value = {value}; least = Math.min(least, value);"
            " return value - least >= by; }",
            by,
        )

    async def listed(self, words: str) -> None:
        """Wait for a line of the list of what happened."""
        await self.until(
            "words => document.querySelector('#happenings').textContent.includes(words)", words
        )

    async def transcribed(self, words: str) -> None:
        await self.until(
            "words => document.querySelector('#transcript').textContent.includes(words)", words
        )

    async def picture(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


@asynccontextmanager
async def visiting(browser: Browser, address: str) -> AsyncIterator[Visitor]:
    context = await browser.new_context(viewport={"width": 1200, "height": 900})
    try:
        visitor = Visitor(await context.new_page())
        await visitor.page.goto(address)
        yield visitor
    finally:
        await context.close()
    assert not visitor.troubles, visitor.troubles


@pytest.mark.timeout(300)
async def test_a_visitor_talks_to_the_avatar_changes_it_breaks_it_and_comes_back(
    address: str, tmp_path: Path
) -> None:
    microphone = write_microphone(tmp_path / "microphone.wav")
    # Said again and again: on a busy machine the agent may not have begun at the first objection.
    speech = f"--use-file-for-fake-audio-capture={microphone}"
    async with open_chromium(speech) as browser, visiting(browser, address) as visitor:
        await visitor.join()
        await visitor.pictured()
        await accessible(visitor)
        await visitor.picture("idle")
        await type_a_sentence(visitor)
        await speak_and_interrupt(visitor)
        await switch_there_and_back(visitor)
        await make_it_fail(visitor)
        await reload_on_a_phone(visitor)
        await open_a_second_tab(browser, address, visitor)


async def accessible(visitor: Visitor) -> None:
    """axe finds nothing serious."""
    await visitor.page.evaluate(AXE.read_text(encoding="utf-8"))
    found = await visitor.page.evaluate("axe.run().then((done) => done.violations)")
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    assert not serious, serious


async def type_a_sentence(visitor: Visitor) -> None:
    """By keyboard alone: from the microphone button on to the text."""
    # LiveKit drops the text of one whom the agent does not know yet; people type more slowly.
    await visitor.listed("the agent sees you")
    await visitor.page.keyboard.press("Tab")
    await visitor.page.keyboard.type("Good morning, this was typed and not spoken.")
    await visitor.page.keyboard.press("Enter")
    await visitor.heard()
    await visitor.picture("speaking")
    await visitor.transcribed("Agent: Good morning, this was typed and not spoken.")
    await visitor.listed("played after")


async def speak_and_interrupt(visitor: Visitor) -> None:
    await visitor.page.keyboard.press("Shift+Tab")
    await visitor.page.keyboard.press("Space")
    await visitor.until("document.querySelector('#level').value > 0.3")
    await visitor.transcribed("s of speech")
    await visitor.heard()
    await visitor.listed("interrupted after")
    await visitor.page.click("#microphone")
    await visitor.until("document.querySelector('#level').value === 0")


async def switch_there_and_back(visitor: Visitor) -> None:
    for title in ("Protoface", "mock"):
        await visitor.page.select_option("#choice", label=title)
        await visitor.listed(f"avatar: {title}")
        await visitor.pictured()


async def make_it_fail(visitor: Visitor) -> None:
    await visitor.page.click("[data-fault=refuse]")
    await visitor.until(
        "document.querySelector('#choosing').textContent.startsWith('The start failed')"
    )
    await visitor.heard()  # the avatar that was there goes on
    await visitor.state("live")
    for fault in ("crash", "leave", "freeze", "deaf"):
        await visitor.page.click(f"[data-fault={fault}]")
        await visitor.state("voice_only")
        await visitor.until("!document.querySelector('#placeholder').hidden")
        await visitor.picture(f"voice-only-{fault}")
        await visitor.heard()
        await visitor.pictured()


async def reload_on_a_phone(visitor: Visitor) -> None:
    await visitor.page.set_viewport_size({"width": 390, "height": 844})
    await visitor.page.reload()
    await visitor.join()
    await visitor.pictured()
    await visitor.listed("fault: Crash")  # what happened before is told again
    assert await visitor.page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    await visitor.picture("phone")


async def open_a_second_tab(browser: Browser, address: str, visitor: Visitor) -> None:
    async with visiting(browser, address) as second:
        await second.join()
        await second.pictured()
        await visitor.until(
            "document.querySelector('#trouble').textContent.includes('in another tab')"
        )
        await visitor.until("!document.querySelector('#join').hidden")


async def test_strangers_are_refused_and_a_visitor_gets_no_more_than_the_room(
    connection: Connection, address: str
) -> None:
    parts = urlsplit(address)
    own, host = f"http://{parts.netloc}", parts.netloc
    visit, happenings = f"{address}api/visit", f"{address}api/happenings"
    refused: list[tuple[str, str, dict[str, str]]] = [
        ("GET", f"{own}/", {}),
        ("GET", f"{own}/{'x' * 32}/", {}),
        ("GET", address, {"Host": f"localhost:{parts.port}"}),
        ("GET", address, {"Host": "evil.example"}),
        ("GET", happenings, {"Origin": "http://evil.example"}),
        ("GET", happenings, {"Sec-Fetch-Site": "cross-site"}),
        ("GET", address, {"Sec-Fetch-Site": "same-site"}),
        ("POST", visit, {}),
        ("POST", visit, {"Origin": "null"}),
        ("POST", visit, {"Origin": "http://evil.example"}),
        ("POST", visit, {"Origin": "http://127.0.0.1:1"}),
    ]
    async with aiohttp.ClientSession() as client:
        for method, url, headers in refused:
            async with client.request(method, url, headers={"Host": host, **headers}) as answer:
                assert answer.status == 403, (method, url, headers)
                assert connection.api_key not in await answer.text()
        async with client.get(address) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "script-src 'self';" in policy
            assert "unsafe" not in policy
            assert "<script>" not in await answer.text()
        async with client.post(visit, headers={"Origin": own}) as answer:
            told = await answer.text()
            given = await answer.json()
        wrong = {"title": "mock?fail=auth"}
        async with client.post(
            f"{address}api/choose", headers={"Origin": own}, json=wrong
        ) as answer:
            assert answer.status == 409
            assert "not on offer" in (await answer.json())["trouble"]
    assert connection.api_secret not in told
    assert "?" not in str(given["choices"])  # an option may be a secret
    claims = jwt.decode(given["token"], connection.api_secret, algorithms=["HS256"])
    assert claims["exp"] - claims["nbf"] <= 300
    grants = claims["video"]
    assert grants["room"] == connection.room
    assert grants["canPublishSources"] == ["microphone"]
    assert not any(grants.get(name) for name in ("roomAdmin", "roomCreate", "roomList"))
