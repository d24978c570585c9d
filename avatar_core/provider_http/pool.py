"""The HTTP connections of one job, opened when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import SimpleNamespace

    import aiohttp

IDLE_SECONDS = 75.0
"""Seconds an unused connection is kept: a prewarmed one has to last until the call starts."""


class SentMark:
    """Tells whether a request has left; give it to aiohttp as ``trace_request_ctx``.

    A request that has not left has done nothing, whatever happened to its answer.
    """

    def __init__(self) -> None:
        self.sent = False


class HttpPool:
    """Holds the connections of a job; a provider that needs none costs nothing."""

    def __init__(self) -> None:
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    def session(self, *, direct: bool = False) -> aiohttp.ClientSession:
        """Return the client, opening it on first use; the pool closes it.

        Args:
            direct: Pass by the proxies of the environment: what goes to this machine must not
                travel to a proxy in the clear first.
        """
        session = self._sessions.get(direct)
        if session is None or session.closed:
            session = self._sessions[direct] = _open(trust_env=not direct)
        return session

    async def aclose(self) -> None:
        """Close the connections; a later ``session()`` opens new ones."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()


def _open(*, trust_env: bool) -> aiohttp.ClientSession:
    import aiohttp

    from avatar_core.provider_http.trust import trusted_certificates

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_mark_sent)
    return aiohttp.ClientSession(
        trust_env=trust_env,
        # An API has no use for cookies, and none of one call may turn up in another.
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(keepalive_timeout=IDLE_SECONDS, ssl=trusted_certificates()),
        trace_configs=[trace],
    )


async def _mark_sent(_: aiohttp.ClientSession, context: SimpleNamespace, __: Any) -> None:
    mark = context.trace_request_ctx
    if isinstance(mark, SentMark):
        mark.sent = True
