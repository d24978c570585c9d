"""Providers that are wrong about ending, failing and sharing, one a clause."""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
from typing import Any

import aiohttp

from avatar_core import ProviderAuthError, ProviderUnavailableError, StartedSession, hookimpl
from avatar_core.contract.models import EndRequest, StartRequest
from avatar_core.testing.scripted_api import ApiAnswer, ApiCall
from tests.testing.broken_providers.acme import Acme, AcmeCloud


class EndsNothing(Acme):
    """Says that it has ended what goes on."""

    @hookimpl
    async def end_session(self, request: EndRequest) -> None:
        return None


class StrictCloud(AcmeCloud):
    """Knows no session that has ended."""

    knows_ended = False


class HidesRefusals(Acme):
    """Takes a refused key for an outage."""

    @hookimpl
    async def start_session(self, request: StartRequest) -> StartedSession:
        try:
            return await super().start_session(request)
        except ProviderAuthError:
            raise ProviderUnavailableError("the API failed") from None


class ByHand(Acme):
    """Calls the API as the quickest code does: nothing is caught, nothing is checked."""

    seconds: float | None = 1.0

    @hookimpl
    async def start_session(self, request: StartRequest) -> StartedSession:
        options = request.options
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(self.seconds)) as client:
            answer = await client.post(
                f"{options.api_url}/sessions",
                json=self.body(request),
                headers={"Authorization": f"Bearer {options.api_key.get_secret_value()}"},
            )
            if answer.status == 401:
                raise ProviderAuthError("the key was refused")
            return self.started(await self.read(answer), request.identity)

    async def read(self, answer: aiohttp.ClientResponse) -> str:
        """Return the session's id."""
        return str((await answer.json())["id"])


class LetsErrorsOut(ByHand):
    """What aiohttp raises, it raises."""


class TrustsAnswers(ByHand):
    """Knows of broken connections, and not of answers that are none."""

    @hookimpl
    async def start_session(self, request: StartRequest) -> StartedSession:
        try:
            return await super().start_session(request)
        except (aiohttp.ClientConnectionError, asyncio.TimeoutError):
            raise ProviderUnavailableError("the API cannot be reached") from None


class WaitsForEver(TrustsAnswers):
    """Has no time limit of its own, and asks for none."""

    seconds = None


class BlocksTheLoop(Acme):
    """Calls its API as if it were alone in the process."""

    @hookimpl
    async def start_session(self, request: StartRequest) -> StartedSession:
        until = time.monotonic() + 1.0
        ping = urllib.request.Request(f"{request.options.api_url}/ping")
        try:
            urllib.request.urlopen(ping, timeout=until - time.monotonic())  # noqa: ASYNC210
        except (OSError, urllib.error.URLError):
            pass  # a ping more or less
        return await super().start_session(request)


class LateCloud(AcmeCloud):
    """Sends an avatar some time after the session was made, also if that has ended by then."""

    async def send(self, session_id: str, asked: dict[str, Any]) -> None:
        async def later() -> None:
            await asyncio.sleep(0.6)
            await super(LateCloud, self).send(session_id, asked)

        self.later.append(asyncio.create_task(later()))


class OneFaceCloud(AcmeCloud):
    """Has one avatar, and gives it to whoever asked last."""

    async def create(self, call: ApiCall) -> ApiAnswer:
        for session_id in self.api.avatars:
            await self.api.end_avatar(session_id)
        return await super().create(call)


class FirstTokenCloud(AcmeCloud):
    """Joins a room that it has been to with the token that it had there."""

    def __init__(self, api: Any) -> None:
        super().__init__(api)
        self.tokens: dict[str, str] = {}

    async def send(self, session_id: str, asked: dict[str, Any]) -> None:
        token = self.tokens.setdefault(asked["url"], asked["token"])
        await super().send(session_id, {**asked, "token": token})
