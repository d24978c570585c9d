"""The hooks of a provider for contract version 2: what an API needs, and what the version brought.

The provider for version 1 has every hook and record of that one; this one has the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from avatar_core import (
    Capabilities,
    Credential,
    Discard,
    Finding,
    ListedSession,
    ProviderInfo,
    ProviderRejectedError,
    SessionUsage,
    StartedSession,
    hookimpl,
)
from avatar_core.contract.models import (
    CheckRequest,
    EndRequest,
    ListSessionsRequest,
    PrewarmRequest,
    RecoverRequest,
    RoomKey,
    SessionRequest,
    StartRequest,
)

from .api import Bill, Session, Sessions, frozen_api
from .options import FrozenOptions

called: list[str] = []
started: list[StartedSession] = []


class Vendors:
    """An object of the vendor's own, for the caller."""

    mood = "frosty"


@hookimpl
def describe_provider() -> ProviderInfo:
    """Say what it is."""
    return ProviderInfo(
        name="frozen2",
        title="Frozen",
        options=FrozenOptions,
        contract_version=2,
        avatar_option="face",
        needs_room_key=True,
        credentials=(Credential(option="api_key", variable="FROZEN2_API_KEY"),),
        capabilities=Capabilities(idempotent_start=True, concurrent_sessions=1),
    )


def repaint(colour: str) -> str:
    """Be a function of its own that no contract knew of."""
    return colour


@hookimpl
async def start_session(request: StartRequest) -> StartedSession:
    """Create a session."""
    called.append("start_session")
    key: RoomKey | None = request.room_key
    assert key is None, "without a room there is none"
    session = await frozen_api(request).post(
        "v1",
        "sessions",
        into=Session,
        body={"face": request.options.face},
        idempotency_key=request.idempotency_key,
        creates=True,
        deadline=request.deadline,
    )
    started.append(
        StartedSession(
            session_id=session.id, identities=(), audio=Discard(), data=None, wrapped=Vendors()
        )
    )
    return started[-1]


@hookimpl
async def end_session(request: EndRequest) -> None:
    """End it; one that has ended is ended."""
    called.append("end_session")
    try:
        await frozen_api(request).post(
            "v1",
            "sessions",
            request.session.session_id or "",
            "end",
            into=Session,
            repeatable=True,
            deadline=request.deadline,
        )
    except ProviderRejectedError as exc:
        if exc.code != "no_such_session" or request.must_exist:
            raise


@hookimpl
async def recover_session(request: RecoverRequest) -> StartedSession | None:
    """Find what a start whose answer was lost has made."""
    called.append("recover_session")
    found = await frozen_api(request).get(
        "v1",
        "sessions",
        into=Sessions,
        query=[("key", request.idempotency_key)],
        deadline=request.deadline,
    )
    if not found.sessions:
        return None
    return StartedSession(session_id=found.sessions[0].id, identities=(), audio=Discard())


@hookimpl
async def list_sessions(request: ListSessionsRequest) -> Sequence[ListedSession]:
    """List what lives."""
    called.append("list_sessions")
    found = await frozen_api(request).get(
        "v1", "sessions", into=Sessions, deadline=request.deadline
    )
    return [ListedSession(session_id=each.id, status="active") for each in found.sessions]


@hookimpl
async def session_usage(request: SessionRequest) -> SessionUsage | None:
    """Tell the bill."""
    called.append("session_usage")
    bill = await frozen_api(request).get(
        "v1",
        "sessions",
        request.session.session_id or "",
        "bill",
        into=Bill,
        deadline=request.deadline,
    )
    return SessionUsage(billed_seconds=bill.seconds, final=True)


@hookimpl
async def check_provider(request: CheckRequest) -> Sequence[Finding]:
    """Ask whether it is there."""
    called.append("check_provider")
    await frozen_api(request).call(
        "GET", "v1", "sessions", into=Sessions, deadline=request.deadline, public=False
    )
    return [Finding(level="ok", message="it is there")]


@hookimpl
async def prewarm(request: PrewarmRequest) -> None:
    """Open a connection."""
    called.append("prewarm")
    await frozen_api(request).prewarm("v1", deadline=request.deadline)
