"""The HTTP connections of one call, opened when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp


class HttpPool:
    """Holds one ``aiohttp.ClientSession``; a provider that needs none costs nothing."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def session(self) -> aiohttp.ClientSession:
        """Return the client, opening it on first use; the pool closes it."""
        import aiohttp

        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(trust_env=True)
        return self._session

    async def aclose(self) -> None:
        """Close the connections; a later ``session()`` opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
