"""Starting, ending and finding sessions at Protoface."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from avatar_core.contract.audio_routes import DataStream
from avatar_core.contract.errors import (
    ConfigurationError,
    ProviderInvalidResponseError,
    ProviderRejectedError,
    ProviderUnavailableError,
)
from avatar_core.contract.models import (
    EndRequest,
    ListedSession,
    ListSessionsRequest,
    RecoverRequest,
    SessionRequest,
    SessionUsage,
    StartedSession,
    StartRequest,
)
from avatar_core.provider_http.base_url import BaseUrl, is_private_host
from avatar_core.provider_http.json_api import JsonApi
from avatar_provider_protoface import tags
from avatar_provider_protoface.answers import ACTIVE, TERMINAL, Ended, Session, is_plain_id
from avatar_provider_protoface.api import active_sessions, protoface_api
from avatar_provider_protoface.options import ProtofaceOptions
from avatar_provider_protoface.start_body import start_body

SAMPLE_RATE = 16000
"""Hz that Protoface's worker takes speech in."""

CLEAR_SECONDS = 1.5
"""Seconds for the report after an interruption. LiveKit's own plugin waits 2; without one, how far
the avatar got is known from what the agent has received of it."""

LOOK_PAUSES = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each look for a session whose creation may still be under way."""


async def start(request: StartRequest) -> StartedSession:
    """Create a session in the call's room.

    Raises:
        ConfigurationError: Protoface's worker cannot reach the LiveKit server.
        StartUncertainError: A session may exist.
        ProviderError: Refused or failed; none exists.
    """
    options: ProtofaceOptions = request.options
    assert request.room is not None
    livekit_url = options.worker_livekit_url or request.room.url
    refuse_unreachable(livekit_url, api_url=options.api_url)
    session = await protoface_api(request).post(
        "v1",
        "sessions",
        into=Session,
        body=start_body(request, livekit_url=livekit_url, job=_job_id()),
        idempotency_key=request.idempotency_key,
        creates=True,
        deadline=request.deadline,
    )
    if session.status in TERMINAL:
        raise ProviderUnavailableError(
            f"Protoface made a session that is over already ({session.status})",
            code=session.failure.code[:64] if session.failure else None,
        )
    return _started(session, identity=request.identity, options=options)


async def end(request: EndRequest) -> None:
    """End a session; one that is over, or that Protoface does not know, is ended.

    Raises:
        ProviderRejectedError: It does not know it, and a person named it.
        ProviderError: The end was not acknowledged.
    """
    session_id = request.session.session_id
    assert session_id is not None
    if not is_plain_id(session_id):  # of a person's: what Protoface tells is checked
        raise ProviderRejectedError(f"{session_id[:80]!r} is no id of a Protoface session")
    try:
        ended = await protoface_api(request).post(
            "v1",
            "sessions",
            session_id,
            "end",
            into=Ended,
            repeatable=True,
            deadline=request.deadline,
        )
    except ProviderRejectedError as exc:
        # Told by the API itself: a wrong address or a proxy says 404 too, without a code.
        if exc.status_code != 404 or exc.code is None:
            raise
        if request.must_exist:
            raise ProviderRejectedError(
                f"Protoface knows no session {session_id} of this API key's"
                " account; `avatar sessions --provider protoface` lists those that live",
                status_code=exc.status_code,
                code=exc.code,
                request_id=exc.request_id,
            ) from exc
        return
    if ended.root is not None and ended.root.status in ACTIVE:
        raise ProviderInvalidResponseError("the session goes on although it was ended")


async def recover(request: RecoverRequest) -> StartedSession | None:
    """Find the session that carries the tag of an uncertain start.

    The start's request is not sent again: where the first one was lost on its way, that would
    make the very session that is to be ended.
    """
    api = protoface_api(request)
    for pause in LOOK_PAUSES:
        if pause and time.monotonic() + pause >= request.deadline:
            break
        await asyncio.sleep(pause)
        found = await _tagged(api, request.idempotency_key, deadline=request.deadline)
        if found is not None:
            return _started(found, identity=request.identity, options=request.options)
    return None


async def listed(request: ListSessionsRequest) -> Sequence[ListedSession]:
    """List the sessions of the API key's account that are not over."""
    api = protoface_api(request)
    return [_listed(session) async for session in active_sessions(api, deadline=request.deadline)]


async def usage(request: SessionRequest) -> SessionUsage | None:
    """Tell what a session is billed."""
    session_id = request.session.session_id
    if session_id is None:
        return None
    found = await protoface_api(request).get(
        "v1", "sessions", session_id, into=Session, deadline=request.deadline
    )
    over = found.status in TERMINAL
    seconds = found.usage.billable_seconds
    if seconds is None:
        # One that no worker took up has none, and is not billed.
        return SessionUsage(billed_seconds=0.0, final=True) if found.status == "canceled" else None
    return SessionUsage(billed_seconds=seconds, final=over)


def _listed(session: Session) -> ListedSession:
    transport, found = session.transport, tags.read(session.metadata)
    return ListedSession(
        session_id=session.id,
        status=session.status,
        created_at=session.created_at.timestamp() if session.created_at else None,
        # The room that the worker was sent to; a tag may be cut.
        room=transport.room_name,
        livekit_url=transport.url,
        agent_identity=found.agent,
        avatar_identity=transport.worker_identity,
        job_id=found.job,
        version=found.version,
        ending=session.status == "ending",
        metadata={
            "avatar_id": session.avatar_id,
            "livekit_url": transport.url,
            "worker_identity": transport.worker_identity,
            **session.metadata,
        },
    )


def refuse_unreachable(livekit_url: str, *, api_url: str) -> None:
    """Refuse a LiveKit server that Protoface's worker cannot reach, before anything is billed.

    Raises:
        ConfigurationError: It is on this machine or in a private network.
    """
    host = urlsplit(livekit_url).hostname or ""
    if is_private_host(host) and not BaseUrl(api_url).loopback:
        raise ConfigurationError(
            f"Protoface's worker joins from outside and cannot reach the LiveKit server at {host}:"
            " use a public one, give its public address as worker_livekit_url, or develop against"
            " the emulator (avatar emulate protoface)"
        )


async def _tagged(api: JsonApi, start: str, *, deadline: float) -> Session | None:
    async for session in active_sessions(api, deadline=deadline):
        if session.metadata.get(tags.START) == start:
            return session
    return None


def _started(session: Session, *, identity: str, options: ProtofaceOptions) -> StartedSession:
    idle = session.idle_timeout_seconds or options.idle_timeout_seconds
    limit = session.max_duration_seconds
    return StartedSession(
        session_id=session.id,
        identities=(identity,),
        audio=DataStream(
            identity=identity,
            sample_rate=SAMPLE_RATE,
            ready="video",
            # Nothing says that Protoface's worker reports the start, and LiveKit's own plugin
            # does not listen for it.
            reports_start=False,
            clear_timeout=CLEAR_SECONDS,
        ),
        expires_at=time.time() + limit if limit is not None else None,
        idle_timeout=float(idle) if idle is not None else None,
    )


def _job_id() -> str | None:
    from livekit.agents import get_job_context

    context = get_job_context(required=False)
    return context.job.id if context is not None else None
