"""Who is in a room, asked of the LiveKit server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from typing_extensions import Self

from avatar_core.contract.errors import AvatarError, ConfigurationError
from avatar_core.provider_http.base_url import is_loopback_host

if TYPE_CHECKING:
    from livekit.api import LiveKitAPI

ANSWER_SECONDS = 10.0
_PORTS = {"wss": 443, "https": 443, "ws": 80, "http": 80}


class RoomNotCheckedError(AvatarError):
    """Nobody could tell who is in the room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAccess:
    """A LiveKit server and the key to it.

    Args:
        url: Where it is reached from here.
        api_key: LiveKit API key.
        api_secret: Its secret.
        worker_urls: Where else it is reached, by the workers of providers.
    """

    url: str
    api_key: str
    api_secret: str = field(repr=False)
    worker_urls: tuple[str, ...] = ()

    @classmethod
    def given(
        cls,
        *,
        url: str | None,
        api_key: str | None,
        api_secret: str | None,
        worker_urls: Sequence[str] = (),
        allow_insecure_url: bool = False,
    ) -> Self:
        """Take what was given, and the rest from the environment.

        Args:
            url: Server url, or None for ``LIVEKIT_URL``.
            api_key: API key, or None for ``LIVEKIT_API_KEY``.
            api_secret: Its secret, or None for ``LIVEKIT_API_SECRET``.
            worker_urls: Other addresses of the same server.
            allow_insecure_url: Accept plain ws to a host that is not this machine.

        Raises:
            ConfigurationError: Something is missing or wrong.
        """
        settings = {
            "LIVEKIT_URL": url or os.environ.get("LIVEKIT_URL", ""),
            "LIVEKIT_API_KEY": api_key or os.environ.get("LIVEKIT_API_KEY", ""),
            "LIVEKIT_API_SECRET": api_secret or os.environ.get("LIVEKIT_API_SECRET", ""),
        }
        missing = [name for name, value in settings.items() if not value]
        if missing:
            options = ", ".join(f"--{name.lower().replace('_', '-')}" for name in missing)
            raise ConfigurationError(
                f"the rooms cannot be looked at: set {', '.join(missing)}, or give {options}"
            )
        found = settings["LIVEKIT_URL"]
        _check_url(found, option="LIVEKIT_URL (--livekit-url)", insecure=allow_insecure_url)
        for other in worker_urls:  # only compared with, so no secret travels there
            _check_url(other, option="--worker-livekit-url", insecure=True)
        return cls(
            url=found,
            api_key=settings["LIVEKIT_API_KEY"],
            api_secret=settings["LIVEKIT_API_SECRET"],
            worker_urls=tuple(worker_urls),
        )

    def is_at(self, url: str) -> bool:
        """Tell whether a url leads to this server, as far as the url itself shows.

        Args:
            url: Where a worker was told to go.
        """
        place = _place(url)
        return place is not None and place in {_place(each) for each in self.urls}

    @property
    def urls(self) -> tuple[str, ...]:
        """All its addresses."""
        return (self.url, *self.worker_urls)


class RoomMembers:
    """Asks one LiveKit server who is in its rooms; a context manager.

    Args:
        access: The server.
    """

    def __init__(self, access: ServerAccess) -> None:
        self._access = access
        self._client: LiveKitAPI | None = None

    async def __aenter__(self) -> Self:
        """Open a client."""
        import aiohttp
        from livekit import api

        self._client = api.LiveKitAPI(
            self._access.url,
            self._access.api_key,
            self._access.api_secret,
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            failover=False,  # it would log each try; who looks again is told the failure here
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        if self._client is not None:
            await self._client.aclose()

    async def identities(self, room: str) -> frozenset[str]:
        """Ask who is in a room now; nobody where there is no such room.

        A participant whose process died is in it until the server notices: some 20 seconds.

        Args:
            room: Its name.

        Raises:
            ConfigurationError: The server refuses the key.
            RoomNotCheckedError: It did not answer, or with an error.
        """
        import aiohttp
        from livekit import api

        assert self._client is not None, "it is used as a context manager"
        try:
            answer = await self._client.room.list_participants(
                api.ListParticipantsRequest(room=room)
            )
        except api.TwirpError as exc:
            if exc.code == api.TwirpErrorCode.NOT_FOUND:
                return frozenset()  # LiveKit's word for it: a web server's 404 has no such code
            if exc.status in (401, 403):
                raise ConfigurationError(
                    f"the LiveKit server at {self._access.url} refuses the key: check"
                    " LIVEKIT_API_KEY and LIVEKIT_API_SECRET"
                ) from exc
            raise RoomNotCheckedError(
                f"the LiveKit server did not tell who is in the room (code {exc.code})"
            ) from exc
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as exc:
            raise RoomNotCheckedError(
                f"no LiveKit server answers at {self._access.url} ({type(exc).__name__})"
            ) from exc
        except Exception as exc:  # of reading what is not LiveKit's answer
            raise RoomNotCheckedError(
                f"what answers at {self._access.url} is no LiveKit server ({type(exc).__name__})"
            ) from exc
        gone = api.ParticipantInfo.State.DISCONNECTED
        return frozenset(each.identity for each in answer.participants if each.state != gone)


def _place(url: str) -> tuple[str, int, str] | None:
    """Reduce a url to host, port and path; None where it has none."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    host = (parts.hostname or "").rstrip(".").lower()
    if not host or port is None:
        return None
    return ("loopback" if is_loopback_host(host) else host), port, parts.path.rstrip("/")


def _check_url(url: str, *, option: str, insecure: bool) -> None:
    place = _place(url)
    if place is None:
        raise ConfigurationError(f"{option} is not a LiveKit url: it looks like wss://host[:port]")
    if not insecure and urlsplit(url).scheme in ("ws", "http") and place[0] != "loopback":
        raise ConfigurationError(
            f"{option} is not encrypted and not on this machine: a token for all rooms would"
            " travel in the clear; use wss://, or --allow-insecure-url inside a network you trust"
        )
