"""The mock provider's hooks; nothing heavy is imported until one of them is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import (
    AgentStateRequest,
    Capabilities,
    CheckRequest,
    EndRequest,
    Finding,
    ListedSession,
    ListSessionsRequest,
    ProviderInfo,
    RecoverRequest,
    StartedSession,
    StartRequest,
)
from avatar_provider_mock.options import MockOptions

if TYPE_CHECKING:
    from avatar_provider_mock.sessions import MockSessions

_sessions: MockSessions | None = None


def mock_sessions() -> MockSessions:
    """Return the sessions of this process, the mock's own "cloud"."""
    global _sessions
    if _sessions is None:
        from avatar_provider_mock.sessions import MockSessions

        _sessions = MockSessions()
    return _sessions


@hookimpl
def describe_provider() -> ProviderInfo:
    """Say what the mock is."""
    return ProviderInfo(
        name="mock",
        title="Mock",
        options=MockOptions,
        avatar_option="style",
        capabilities=Capabilities(idempotent_start=True, explicit_end=True, remote=False),
    )


@hookimpl
async def start_session(request: StartRequest) -> StartedSession:
    """Start an avatar here, or fail as it was told to."""
    return await mock_sessions().start(request)


@hookimpl
async def end_session(request: EndRequest) -> None:
    """End it; ending what has ended is success."""
    await mock_sessions().end(request.session.session_id, failures=request.options.end_failures)


@hookimpl
async def recover_session(request: RecoverRequest) -> StartedSession | None:
    """Find what an uncertain start has made."""
    return mock_sessions().find(request.idempotency_key)


@hookimpl
async def agent_state_changed(request: AgentStateRequest) -> None:
    """Let the face listen, think and speak with the agent."""
    await mock_sessions().set_agent_state(request.session.session_id, request.new_state)


@hookimpl
def list_sessions(request: ListSessionsRequest) -> Sequence[ListedSession]:
    """List what runs in this process."""
    return mock_sessions().listed()


@hookimpl
def check_provider(request: CheckRequest) -> Sequence[Finding]:
    """Nothing can be missing."""
    return [Finding(level="ok", message="the mock needs no key and no cloud")]
