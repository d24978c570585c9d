"""The LiveKit server a demo runs on: whose it is, its room, tokens for it."""

from __future__ import annotations

import asyncio
import datetime
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

import aiohttp
from livekit import api, rtc

from avatar_core.contract.errors import ConfigurationError
from avatar_core.log import logger
from avatar_core.session.call_site import is_loopback

_API_TIMEOUT = aiohttp.ClientTimeout(total=10)
_CONNECT_TIMEOUT = 20.0
_ROOM_MINUTES = 5  # an abandoned room, after a kill, is closed by the server
_TOKEN_TTL = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where the call takes place.

    Args:
        url: The server's, ``ws`` or ``wss``.
        api_key: A key of the server.
        api_secret: The key's secret.
        room: The room's name; a fresh one for every call.
    """

    url: str
    api_key: str
    api_secret: str = field(repr=False)
    room: str = field(default_factory=lambda: f"avatar-demo-{secrets.token_hex(4)}")

    async def open_room(self) -> None:
        """Make the room, which also shows whether server and key are right.

        Raises:
            ConfigurationError: Nobody answers at the url, or the key is refused.
        """
        try:
            async with api.LiveKitAPI(
                self.url, self.api_key, self.api_secret, timeout=_API_TIMEOUT
            ) as client:
                await client.room.create_room(
                    api.CreateRoomRequest(name=self.room, empty_timeout=_ROOM_MINUTES * 60)
                )
        except api.TwirpError as exc:
            if exc.status in (401, 403):
                raise ConfigurationError(
                    f"the LiveKit server at {self.url} refuses the key: check LIVEKIT_API_KEY and"
                    " LIVEKIT_API_SECRET"
                ) from exc
            raise ConfigurationError(
                f"what answers at {self.url} does not open a room (status {exc.status}, code"
                f" {exc.code}): is it a LiveKit server?"
            ) from exc
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as exc:
            raise ConfigurationError(
                f"no LiveKit server answers at {self.url} ({type(exc).__name__}): start it, correct"
                " LIVEKIT_URL, or unset LIVEKIT_URL to use a server on this machine"
            ) from exc

    async def close_room(self) -> None:
        """Remove the room and whoever is left in it; a failure is logged, the room times out."""
        try:
            async with api.LiveKitAPI(
                self.url, self.api_key, self.api_secret, timeout=_API_TIMEOUT
            ) as client:
                await client.room.delete_room(api.DeleteRoomRequest(room=self.room))
        except (api.TwirpError, aiohttp.ClientError, OSError, asyncio.TimeoutError) as exc:
            logger.warning(
                "the demo's room was not removed; the server closes it when it has been empty",
                extra={"error_type": type(exc).__name__},
            )

    def token(self, identity: str, *, kind: Literal["agent", "standard"]) -> str:
        """Mint a token for this room alone.

        Args:
            identity: Who joins.
            kind: What LiveKit shall call the participant.
        """
        grants = api.VideoGrants(
            room_join=True,
            room=self.room,
            can_publish=kind == "agent",
            can_publish_data=kind == "agent",
            can_subscribe=True,
            can_update_own_metadata=kind == "agent",
        )
        return (
            api.AccessToken(self.api_key, self.api_secret)
            .with_identity(identity)
            .with_kind(kind)
            .with_grants(grants)
            .with_ttl(_TOKEN_TTL)
            .to_jwt()
        )


async def join(room: rtc.Room, *, url: str, token: str, options: rtc.RoomOptions) -> None:
    """Connect a room.

    Raises:
        ConfigurationError: The server answers, but media does not get through.
    """
    try:
        await asyncio.wait_for(room.connect(url, token, options), _CONNECT_TIMEOUT)
    except (rtc.ConnectError, asyncio.TimeoutError) as exc:
        raise ConfigurationError(
            f"the LiveKit server at {url} answers, but joining a room on it fails: check that its"
            " media ports can be reached from here"
        ) from exc


def configured_server(environment: Mapping[str, str] = os.environ) -> Connection | None:
    """Return the server that the environment names, None if it names none.

    Args:
        environment: ``LIVEKIT_URL``, ``LIVEKIT_API_KEY`` and ``LIVEKIT_API_SECRET``.

    Raises:
        ConfigurationError: Only a part is set, or the url is none.
    """
    url = environment.get("LIVEKIT_URL", "").strip()
    if not url:
        return None
    missing = [
        name for name in ("LIVEKIT_API_KEY", "LIVEKIT_API_SECRET") if not environment.get(name)
    ]
    if missing:
        raise ConfigurationError(
            f"LIVEKIT_URL is set and {' and '.join(missing)} not: set both, or unset LIVEKIT_URL"
            " to use a server on this machine"
        )
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:  # brackets that do not match
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("ws", "wss", "http", "https") or not host:
        raise ConfigurationError(
            "LIVEKIT_URL is not the url of a LiveKit server: it should look like"
            " wss://example.livekit.cloud or ws://127.0.0.1:7880"
        )
    if parts.scheme in ("ws", "http") and not is_loopback(host):
        raise ConfigurationError(
            f"LIVEKIT_URL {parts.scheme}://{host} is not encrypted and not on this"
            " machine: use wss://"
        )
    return Connection(
        url=url,
        api_key=environment["LIVEKIT_API_KEY"],
        api_secret=environment["LIVEKIT_API_SECRET"],
    )
