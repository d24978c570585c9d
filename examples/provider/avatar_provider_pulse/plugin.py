"""The three hooks that a provider must have."""

from __future__ import annotations

from pydantic import Field

from avatar_core import DataStream, ProviderInfo, ProviderOptions, StartedSession, hookimpl
from avatar_core.contract.models import Capabilities, EndRequest, StartRequest


class PulseOptions(ProviderOptions):
    size: int = Field(256, ge=64, le=1024, multiple_of=2, description="Picture size in pixels.")


@hookimpl
def describe_provider() -> ProviderInfo:
    return ProviderInfo(
        name="pulse",
        title="Pulse",
        options=PulseOptions,
        capabilities=Capabilities(remote=False),
    )


@hookimpl
async def start_session(request: StartRequest) -> StartedSession:
    # Here, not above: LiveKit takes seconds to import, and `avatar providers` should not.
    from avatar_core.worker import AvatarWorker
    from avatar_provider_pulse.renderer import PulseRenderer

    assert request.room is not None
    worker = AvatarWorker(
        renderer=PulseRenderer(size=request.options.size),
        agent_identity=request.room.agent_identity,
    )
    await worker.start(request.room.url, request.token)
    return StartedSession(
        session_id=None,
        identities=(request.identity,),
        audio=DataStream(identity=request.identity),
        data=worker,
    )


@hookimpl
async def end_session(request: EndRequest) -> None:
    await request.session.data.aclose()
