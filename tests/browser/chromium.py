"""A Chromium of a test's own: the system's, driven by Playwright, on loopback only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

from scripts.browser import REMEDY, find_browser

ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # A microphone that beeps, and nobody who would have to allow it.
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    # Whatever a page asks for, no name is looked up.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


@asynccontextmanager
async def open_chromium(*arguments: str) -> AsyncIterator[Browser]:
    """Start a browser with a profile of its own, which goes with it.

    Args:
        arguments: For Chromium, beside what every test needs.
    """
    executable = find_browser()
    assert executable is not None, f"no Chromium: {REMEDY}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, args=[*ARGUMENTS, *arguments]
        )
        try:
            yield browser
        finally:
            await browser.close()
