"""All records that pass between the core and a provider, in one place to import from."""

from __future__ import annotations

from avatar_core.contract.provider_info import (
    CONTRACT_VERSION,
    OLDEST_CONTRACT_VERSION,
    AudioFormat,
    Capabilities,
    Credential,
    ProviderInfo,
    StandIn,
)
from avatar_core.contract.requests import (
    AgentStateRequest,
    CheckRequest,
    CommandRequest,
    ConnectOptions,
    EndRequest,
    ListSessionsRequest,
    PrewarmRequest,
    ProviderRequest,
    RecoverRequest,
    SessionRequest,
    StartRequest,
    TokenRequest,
)
from avatar_core.contract.sessions import (
    Finding,
    ListedSession,
    RoomAddress,
    RoomKey,
    SessionUsage,
    StartedSession,
    WorkerToken,
)

__all__ = [
    "AgentStateRequest",
    "AudioFormat",
    "CONTRACT_VERSION",
    "Capabilities",
    "CheckRequest",
    "CommandRequest",
    "ConnectOptions",
    "Credential",
    "EndRequest",
    "Finding",
    "ListSessionsRequest",
    "ListedSession",
    "OLDEST_CONTRACT_VERSION",
    "PrewarmRequest",
    "ProviderInfo",
    "ProviderRequest",
    "RecoverRequest",
    "RoomAddress",
    "RoomKey",
    "SessionRequest",
    "SessionUsage",
    "StandIn",
    "StartRequest",
    "StartedSession",
    "TokenRequest",
    "WorkerToken",
]
