"""Where a session is started: in a job or not, in which room, with whose credentials."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from livekit import rtc
from livekit.agents import get_job_context

from avatar_core.contract.errors import ConfigurationError
from avatar_core.contract.models import RoomAddress

if TYPE_CHECKING:
    from livekit.agents import JobContext


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSite:
    """The room of a call and the key to it.

    Args:
        address: Server url, room name, the agent's identity.
        api_key: LiveKit API key.
        api_secret: LiveKit API secret.
    """

    address: RoomAddress
    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)


def current_job() -> JobContext | None:
    """Return the LiveKit job that this task belongs to, or None outside one."""
    return get_job_context(required=False)


def without_room(job: JobContext | None) -> str | None:
    """Say why there is no real room, or None when there is one.

    Console mode and text simulations have a mock room that passes every test, so the job is
    asked (livekit-agents 1.8.9).
    """
    if job is None:
        return None
    if job.is_fake_job():
        return "console mode has no room"
    simulation = job.simulation_context()
    if simulation is not None:
        from livekit.protocol.agent_simulation import SimulationMode

        if simulation.simulation_mode == SimulationMode.SIMULATION_MODE_TEXT:
            return "a text simulation has no room"
    return None


def find_call_site(
    *,
    room: rtc.Room,
    job: JobContext | None,
    url: str | None,
    api_key: str | None,
    api_secret: str | None,
    allow_insecure_url: bool,
) -> CallSite:
    """Find out where the call is, before anything is minted or billed.

    Args:
        room: The agent's room; inside a job it need not be connected yet.
        job: The current job, if any.
        url: LiveKit url, or None for ``LIVEKIT_URL``.
        api_key: LiveKit API key, or None for ``LIVEKIT_API_KEY``.
        api_secret: LiveKit API secret, or None for ``LIVEKIT_API_SECRET``.
        allow_insecure_url: Accept plain ws to a host that is not loopback.

    Raises:
        ConfigurationError: Something is missing or wrong; the text says what to set.
    """
    settings = {
        "LIVEKIT_URL": url or os.environ.get("LIVEKIT_URL"),
        "LIVEKIT_API_KEY": api_key or os.environ.get("LIVEKIT_API_KEY"),
        "LIVEKIT_API_SECRET": api_secret or os.environ.get("LIVEKIT_API_SECRET"),
    }
    missing = [name for name, value in settings.items() if not value]
    if missing:
        arguments = ", ".join(name.lower() for name in missing)
        raise ConfigurationError(
            f"the avatar's room token cannot be minted: set {', '.join(missing)},"
            f" or pass {arguments} to start()"
        )
    found_url = settings["LIVEKIT_URL"] or ""
    _check_url(found_url, allow_insecure_url=allow_insecure_url)
    return CallSite(
        address=RoomAddress(
            url=found_url, name=_room_name(room, job), agent_identity=_agent_identity(room, job)
        ),
        api_key=settings["LIVEKIT_API_KEY"] or "",
        api_secret=settings["LIVEKIT_API_SECRET"] or "",
    )


def is_loopback(host: str) -> bool:
    """Tell whether a url's host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_url(url: str, *, allow_insecure_url: bool) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("ws", "wss", "http", "https") or not host:
        raise ConfigurationError(
            "LIVEKIT_URL (livekit_url) is not a LiveKit url: it looks like wss://host[:port]"
        )
    if parts.scheme in ("ws", "http") and not is_loopback(host) and not allow_insecure_url:
        raise ConfigurationError(
            f"the LiveKit url {parts.scheme}://{host} is not encrypted and not on this machine:"
            " tokens would travel in the clear; use wss://, or"
            " AvatarPolicy(allow_insecure_url=True) inside a network you trust"
        )


def _room_name(room: rtc.Room, job: JobContext | None) -> str:
    name = room.name if room.isconnected() else ""
    if not name and job is not None:
        name = job.job.room.name
    if not name:
        raise _not_connected()
    return name


def _agent_identity(room: rtc.Room, job: JobContext | None) -> str:
    if room.isconnected():
        return room.local_participant.identity
    if job is not None:
        return job.local_participant_identity
    raise _not_connected()


def _not_connected() -> ConfigurationError:
    return ConfigurationError(
        "the room is not connected, so it has no name and no participant yet: outside a LiveKit"
        " job, await room.connect(url, token) before avatar.start()"
    )
