"""Protoface's hooks; nothing heavy is imported until one of them is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import (
    AudioFormat,
    Capabilities,
    CheckRequest,
    Credential,
    EndRequest,
    Finding,
    ListedSession,
    ListSessionsRequest,
    PrewarmRequest,
    ProviderInfo,
    RecoverRequest,
    SessionRequest,
    SessionUsage,
    StandIn,
    StartedSession,
    StartRequest,
)
from avatar_provider_protoface.options import ProtofaceOptions

if TYPE_CHECKING:
    import typer

IDENTITY = "protoface-avatar-agent"


@hookimpl
def describe_provider() -> ProviderInfo:
    """Say what Protoface is."""
    return ProviderInfo(
        name="protoface",
        title="Protoface",
        options=ProtofaceOptions,
        avatar_option="avatar_id",
        default_identity=IDENTITY,
        default_name=IDENTITY,
        credentials=(
            Credential(
                option="api_key",
                variable="PROTOFACE_API_KEY",
                description="from your Protoface account",
            ),
        ),
        audio=AudioFormat(sample_rate=16000),
        capabilities=Capabilities(idempotent_start=True, explicit_end=True, remote=True),
        # Seen live: reports come 1.5 to 1.8 s after a segment's length has passed.
        report_lag=1.8,
        docs="https://docs.protoface.com",
    )


@hookimpl
async def start_session(request: StartRequest) -> StartedSession:
    """Create a session that joins the room."""
    from avatar_provider_protoface import sessions

    return await sessions.start(request)


@hookimpl
async def end_session(request: EndRequest) -> None:
    """End it; ending what has ended is success."""
    from avatar_provider_protoface import sessions

    await sessions.end(request)


@hookimpl
async def recover_session(request: RecoverRequest) -> StartedSession | None:
    """Find what an uncertain start has made, by its tag."""
    from avatar_provider_protoface import sessions

    return await sessions.recover(request)


@hookimpl
async def list_sessions(request: ListSessionsRequest) -> Sequence[ListedSession]:
    """List what is not over."""
    from avatar_provider_protoface import sessions

    return await sessions.listed(request)


@hookimpl
async def session_usage(request: SessionRequest) -> SessionUsage | None:
    """Tell what a session is billed."""
    from avatar_provider_protoface import sessions

    return await sessions.usage(request)


@hookimpl
async def check_provider(request: CheckRequest) -> Sequence[Finding]:
    """Look at key, avatar, credits, concurrency and API status."""
    from avatar_provider_protoface import checks

    return await checks.check(request)


@hookimpl
async def prewarm(request: PrewarmRequest) -> None:
    """Open a connection to the API; the public status page bills nothing."""
    from avatar_provider_protoface.api import protoface_api

    await protoface_api(request).prewarm("v1", "status", deadline=request.deadline)


@hookimpl
def local_stand_in() -> StandIn:
    """Offer the emulator."""
    from avatar_provider_protoface.stand_in import emulator_stand_in

    return emulator_stand_in()


@hookimpl
def cli_commands() -> Sequence[typer.Typer]:
    """Add ``avatar emulate protoface``."""
    from avatar_provider_protoface.emulate_command import emulate_app

    return [emulate_app]
