"""The pluggable, multi-provider avatar layer for LiveKit voice agents.

Everything public is here; importing this package loads no provider and neither LiveKit nor
aiohttp: names are looked up when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avatar_core.contract.audio_routes import AudioRoute, DataStream, Discard, Sink
    from avatar_core.contract.errors import (
        AvatarError,
        AvatarNotJoinedError,
        ConfigurationError,
        ProviderAuthError,
        ProviderError,
        ProviderInvalidResponseError,
        ProviderLoadError,
        ProviderNotFoundError,
        ProviderQuotaError,
        ProviderRateLimitError,
        ProviderRejectedError,
        ProviderTimeoutError,
        ProviderUnavailableError,
        SessionStateError,
        StartUncertainError,
    )
    from avatar_core.contract.hookspecs import hookimpl
    from avatar_core.contract.models import (
        CONTRACT_VERSION,
        AudioFormat,
        Capabilities,
        Credential,
        Finding,
        ListedSession,
        ProviderInfo,
        RoomAddress,
        SessionUsage,
        StandIn,
        StartedSession,
        WorkerToken,
    )
    from avatar_core.contract.options import Env, ProviderOptions
    from avatar_core.contract.session_record import SessionRecord
    from avatar_core.discovery.default import (
        get_provider,
        list_providers,
        preload,
        register_extension,
        register_provider,
        unregister_extension,
        unregister_provider,
    )
    from avatar_core.discovery.selection import Provider
    from avatar_core.session.avatar_session import AvatarSession
    from avatar_core.session.policy import AvatarPolicy
    from avatar_core.session.stand_by import StandBy
    from avatar_core.session.states import (
        AvatarAvailabilityChangedEvent,
        AvatarState,
        AvatarStateChangedEvent,
        StartAttempt,
    )

_HOME = {
    "avatar_core.contract.audio_routes": (
        "AudioRoute",
        "DataStream",
        "Discard",
        "Sink",
    ),
    "avatar_core.contract.errors": (
        "AvatarError",
        "AvatarNotJoinedError",
        "ConfigurationError",
        "ProviderAuthError",
        "ProviderError",
        "ProviderInvalidResponseError",
        "ProviderLoadError",
        "ProviderNotFoundError",
        "ProviderQuotaError",
        "ProviderRateLimitError",
        "ProviderRejectedError",
        "ProviderTimeoutError",
        "ProviderUnavailableError",
        "SessionStateError",
        "StartUncertainError",
    ),
    "avatar_core.contract.hookspecs": ("hookimpl",),
    "avatar_core.contract.models": (
        "CONTRACT_VERSION",
        "AudioFormat",
        "Capabilities",
        "Credential",
        "Finding",
        "ListedSession",
        "ProviderInfo",
        "RoomAddress",
        "SessionUsage",
        "StandIn",
        "StartedSession",
        "WorkerToken",
    ),
    "avatar_core.contract.options": (
        "Env",
        "ProviderOptions",
    ),
    "avatar_core.contract.session_record": ("SessionRecord",),
    "avatar_core.discovery.default": (
        "get_provider",
        "list_providers",
        "preload",
        "register_extension",
        "register_provider",
        "unregister_extension",
        "unregister_provider",
    ),
    "avatar_core.discovery.selection": ("Provider",),
    "avatar_core.session.avatar_session": ("AvatarSession",),
    "avatar_core.session.policy": ("AvatarPolicy",),
    "avatar_core.session.stand_by": ("StandBy",),
    "avatar_core.session.states": (
        "AvatarAvailabilityChangedEvent",
        "AvatarState",
        "AvatarStateChangedEvent",
        "StartAttempt",
    ),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "AudioFormat",
    "AudioRoute",
    "AvatarAvailabilityChangedEvent",
    "AvatarError",
    "AvatarNotJoinedError",
    "AvatarPolicy",
    "AvatarSession",
    "AvatarState",
    "AvatarStateChangedEvent",
    "CONTRACT_VERSION",
    "Capabilities",
    "ConfigurationError",
    "Credential",
    "DataStream",
    "Discard",
    "Env",
    "Finding",
    "ListedSession",
    "Provider",
    "ProviderAuthError",
    "ProviderError",
    "ProviderInfo",
    "ProviderInvalidResponseError",
    "ProviderLoadError",
    "ProviderNotFoundError",
    "ProviderOptions",
    "ProviderQuotaError",
    "ProviderRateLimitError",
    "ProviderRejectedError",
    "ProviderTimeoutError",
    "ProviderUnavailableError",
    "RoomAddress",
    "SessionRecord",
    "SessionStateError",
    "SessionUsage",
    "Sink",
    "StandBy",
    "StandIn",
    "StartAttempt",
    "StartUncertainError",
    "StartedSession",
    "WorkerToken",
    "get_provider",
    "hookimpl",
    "list_providers",
    "preload",
    "register_extension",
    "register_provider",
    "unregister_extension",
    "unregister_provider",
]


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
