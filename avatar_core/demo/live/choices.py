"""Which avatars the page offers, and what makes each of them ready."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from avatar_core.contract.errors import ConfigurationError
from avatar_core.demo.progress import Progress
from avatar_core.demo.stand_in import choose_stand_in
from avatar_core.discovery.default import list_providers

_OWN = {
    "mock": (("mock", "Mock: a person"), ("mock?style=robot", "Mock: a robot")),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One avatar of the picker.

    Args:
        spec: In the grammar of ``AVATAR_PROVIDER``; never shown, an option may be a secret.
        title: What the picker calls it; no two are called the same.
    """

    spec: str = field(repr=False)
    title: str


class Choices:
    """The avatars on offer; their stand-ins run from their first use until it is closed.

    Args:
        first: The spec asked for on the command line, None for the first on offer.
        progress: Told what is started.
    """

    def __init__(self, *, first: str | None, progress: Progress) -> None:
        self._progress = progress
        self._running: dict[str, Mapping[str, Any]] = {}
        self._stack = ExitStack()
        self._starting = asyncio.Lock()
        offered: list[Choice] = []
        for listing in list_providers(load=True):
            if listing.status == "loaded" and "." not in listing.name:
                own = _OWN.get(listing.name, ((listing.name, listing.name.capitalize()),))
                offered += [Choice(spec, title) for spec, title in own]
        if first is not None and first not in [each.spec for each in offered]:
            offered.insert(0, Choice(first, first.partition("?")[0]))
        if not offered:
            raise ConfigurationError(
                'no avatar provider is installed; try: pip install "avatar-core[demo]"'
            )
        self.offered = tuple(offered)
        self.first = next(each for each in offered if first in (None, each.spec))

    def titled(self, title: object) -> Choice:
        """Return the choice of a title.

        Raises:
            ConfigurationError: It is not on offer.
        """
        for each in self.offered:
            if each.title == title:
                return each
        raise ConfigurationError("this avatar is not on offer: choose one of the list")

    async def options(self, choice: Choice) -> Mapping[str, Any]:
        """Return what a choice needs beside its spec: of its stand-in where a key is missing.

        Args:
            choice: One of those on offer.

        Raises:
            AvatarError: There is no such provider, or its stand-in does not run.
        """
        async with self._starting:
            if choice.spec not in self._running:
                self._running[choice.spec] = await asyncio.to_thread(self._start, choice.spec)
            return self._running[choice.spec]

    async def aclose(self) -> None:
        """End the stand-ins."""
        await asyncio.to_thread(self._stack.close)

    def _start(self, spec: str) -> Mapping[str, Any]:
        chosen = choose_stand_in(spec, ask=None)
        return {} if chosen is None else self._stack.enter_context(chosen.running(self._progress))
