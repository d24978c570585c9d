"""The hooks that make this package a provider.

This module is imported to list providers: it imports neither livekit nor aiohttp at its top.
"""

from __future__ import annotations

from avatar_core import DataStream, ProviderInfo, StartedSession, hookimpl
from avatar_core.contract.models import Capabilities, EndRequest, StartRequest, TokenRequest

from avatar_provider_vendorname.options import Options


@hookimpl
def describe_provider() -> ProviderInfo:
    """Say what this provider is."""
    return ProviderInfo(
        name="vendorname",
        title="Vendorname",
        contract_version=2,
        options=Options,
        # YOUR SERVICE: remote=True once the avatar runs on its machines and not on this one.
        capabilities=Capabilities(remote=False),
    )


@hookimpl
async def mint_token(request: TokenRequest) -> str | None:
    """Leave the worker's room token to the core.

    Its token opens this room for this identity, to publish camera and microphone and to send
    data, as long as the session may last. Return a JWT of your own if the worker needs another,
    or delete this hook.
    """
    return None


@hookimpl
async def start_session(request: StartRequest) -> StartedSession:
    """Make an avatar join the room; called once per start, to be done by ``request.deadline``."""
    # YOUR SERVICE: ask its API for a session here, with ``request.http.session()``, for the room
    # request.room.url and with the token request.token, under request.idempotency_key. Its id is
    # the ``session_id`` that end_session gets back, also from another process.
    from avatar_provider_vendorname.own_avatar import join_room

    worker = await join_room(request)
    return StartedSession(
        session_id=None,
        identities=(request.identity,),
        audio=DataStream(identity=request.identity),
        data=worker,
    )


@hookimpl
async def end_session(request: EndRequest) -> None:
    """End the session; called until it returns, so a second time is as good as the first."""
    # YOUR SERVICE: end request.session.session_id through its API here; one that has ended
    # already is success.
    if request.session.data is not None:
        await request.session.data.aclose()
