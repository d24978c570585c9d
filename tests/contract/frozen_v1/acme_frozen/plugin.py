"""The hooks of a provider for contract version 1: every one there was, and every record."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from avatar_core import (
    AudioFormat,
    Capabilities,
    Credential,
    DataStream,
    Discard,
    Finding,
    ListedSession,
    ProviderInfo,
    ProviderUnavailableError,
    StandIn,
    StartedSession,
    hookimpl,
)
from avatar_core.contract.models import (
    AgentStateRequest,
    CheckRequest,
    CommandRequest,
    EndRequest,
    ListSessionsRequest,
    PrewarmRequest,
    RecoverRequest,
    SessionRequest,
    StartRequest,
    TokenRequest,
)

from .options import FrozenOptions

called: list[str] = []
live: dict[str, StartedSession] = {}


@hookimpl
def describe_provider() -> ProviderInfo:
    """Say what it is, with every field there was."""
    return ProviderInfo(
        name="frozen",
        title="Frozen",
        options=FrozenOptions,
        contract_version=1,
        avatar_option="face",
        tokens="one",
        token_roles=("avatar",),
        default_identity="frozen-face",
        default_name="Frozen",
        credentials=(
            Credential(option="api_key", variable="FROZEN_API_KEY", description="From nowhere."),
        ),
        audio=AudioFormat(sample_rate=16000),
        capabilities=Capabilities(
            idempotent_start=True,
            explicit_end=True,
            concurrent_sessions=3,
            remote=False,
            worker_can_subscribe=False,
        ),
        rejoin_grace=2.0,
        report_lag=0.1,
        keep_alive_period=0.2,
        docs="https://frozen.example",
    )


@hookimpl
def mint_token(request: TokenRequest) -> str | None:
    """Mint it as a service with other grants would."""
    from livekit import api

    called.append("mint_token")
    _common(request)
    assert request.role == "avatar" and request.ttl > 0 and request.can_subscribe is False
    grants = api.VideoGrants(room_join=True, room=request.room.name, can_publish=True)
    token = api.AccessToken(request.api_key, request.api_secret).with_identity(request.identity)
    token.with_name(request.name).with_kind("agent").with_attributes(dict(request.attributes))
    return token.with_grants(grants).to_jwt()


@hookimpl
async def start_session(request: StartRequest) -> StartedSession:
    """Start an avatar here, or none at all."""
    called.append("start_session")
    _common(request)
    assert request.idempotency_key and request.agent_session is not None
    assert request.rtc_room is not None
    if request.room is None:
        session = StartedSession(session_id="frozen-1", identities=(), audio=Discard())
    else:
        from avatar_core.worker import AvatarWorker, WorkerOptions

        from .renderer import FrozenRenderer

        (token,) = request.tokens
        assert token.role == "avatar" and token.identity == request.identity
        assert token.jwt == request.token and request.name and request.attributes
        worker = AvatarWorker(
            renderer=FrozenRenderer(),
            agent_identity=request.room.agent_identity,
            options=WorkerOptions(),
        )
        await worker.start(request.room.url, request.token)
        session = StartedSession(
            session_id="frozen-1",
            identities=(request.identity,),
            audio=DataStream(
                identity=request.identity,
                sample_rate=16000,
                ready="video",
                reports_start=True,
                clear_timeout=1.0,
            ),
            expires_at=time.time() + 600,
            idle_timeout=None,
            data=worker,
        )
    live["frozen-1"] = session
    return session


@hookimpl
async def end_session(request: EndRequest) -> None:
    """End it, once more too."""
    called.append("end_session")
    _common(request)
    assert request.reason, request.must_exist
    found = live.pop(request.session.session_id or "", None)
    if found is not None and found.data is not None:
        await found.data.aclose()


@hookimpl
def recover_session(request: RecoverRequest) -> StartedSession | None:
    """Find nothing."""
    called.append("recover_session")
    _common(request)
    assert request.identity and request.idempotency_key and request.error is not None
    return None


@hookimpl
def list_sessions(request: ListSessionsRequest) -> Sequence[ListedSession]:
    """List one session, with every field there was."""
    called.append("list_sessions")
    _common(request)
    return [
        ListedSession(
            session_id="frozen-1",
            status="active",
            created_at=time.time(),
            room="room",
            metadata={"colour": "white"},
            livekit_url="ws://127.0.0.1:7880",
            agent_identity="agent",
            avatar_identity="frozen-face",
            job_id="job",
            version="1.0",
            ending=False,
        )
    ]


@hookimpl
async def check_provider(request: CheckRequest) -> Sequence[Finding]:
    """Find all well, and something not quite."""
    called.append("check_provider")
    _common(request)
    return [
        Finding(level="ok", message="it is cold"),
        Finding(level="warning", message="it is very cold", remedy="wait for the summer"),
    ]


@hookimpl
async def prewarm(request: PrewarmRequest) -> None:
    """Prepare; a failure costs nothing."""
    called.append("prewarm")
    _common(request)
    raise ProviderUnavailableError("too cold", code="cold", retryable=True, retry_after=1.0)


@hookimpl
async def keep_alive(request: SessionRequest) -> None:
    """Keep it from expiring."""
    called.append("keep_alive")
    _common(request)
    assert request.session.session_id == "frozen-1"


@hookimpl
async def agent_state_changed(request: AgentStateRequest) -> None:
    """Learn what the agent does."""
    called.append("agent_state_changed")
    _common(request)
    assert request.old_state != request.new_state
    request.session.data.set_agent_state(request.new_state)


@hookimpl
async def send_command(request: CommandRequest) -> Any:
    """Carry out what it is told."""
    called.append("send_command")
    return {request.command: dict(request.payload)}


@hookimpl
def local_stand_in() -> StandIn | None:
    """Offer something to try it with."""
    called.append("local_stand_in")
    return StandIn(title="a snowman", options=("api_key",), run=_snowman, install=None)


@hookimpl
def cli_commands() -> Sequence[typer.Typer]:
    """Add a command."""
    app = typer.Typer(name="snow")

    @app.command()
    def fall() -> None:
        typer.echo("it snows")

    return [app]


def repaint(colour: str) -> str:
    """Be a function of its own that no contract knew of."""
    return colour


@contextmanager
def _snowman() -> Iterator[Mapping[str, Any]]:
    yield {"api_key": "carrot"}


def _common(request: Any) -> None:
    """Read what every request carried."""
    assert isinstance(request.options, FrozenOptions)
    assert request.deadline > 0 and request.http.session is not None
    assert request.connect.max_retry >= 0 and request.connect.retry_interval >= 0
    assert request.connect.timeout > 0
    room = getattr(request, "room", None)
    assert room is None or (room.url and room.name and room.agent_identity)
