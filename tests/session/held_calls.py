"""Provider calls that have begun and go on when the test says so."""

from __future__ import annotations

import asyncio
from typing import Any

from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import StartedSession, StartRequest, TokenRequest
from tests.session.scripted_provider import Make, ScriptedProvider


class HeldStart:
    """An ``on_start`` for the scripted provider: a request on its way to the cloud."""

    def __init__(self) -> None:
        self.cut_off = False
        self._begun = asyncio.Event()
        self._go_on = asyncio.Event()

    async def __call__(self, request: StartRequest, make: Make) -> StartedSession:
        self._begun.set()
        try:
            await self._go_on.wait()
        except asyncio.CancelledError:
            self.cut_off = True
            raise
        return make()

    async def begun(self) -> None:
        """Wait until the provider was called."""
        await asyncio.wait_for(self._begun.wait(), 10)

    def go_on(self) -> None:
        """Let the session be made."""
        self._go_on.set()


class HeldMint(ScriptedProvider):
    """Mints no token, and keeps whoever asked for one waiting."""

    def __init__(self, name: str = "scripted", **arguments: Any) -> None:
        super().__init__(name, **arguments)
        self._minting = asyncio.Event()

    @hookimpl
    async def mint_token(self, request: TokenRequest) -> str:
        self._minting.set()
        await asyncio.Event().wait()
        raise AssertionError("never set")

    async def minting(self) -> None:
        """Wait until a token was asked for."""
        await asyncio.wait_for(self._minting.wait(), 10)
