"""A LiveKit plugin's class, or an object of it, with the hooks of a provider."""

from __future__ import annotations

import asyncio
import inspect
import time
import weakref
from typing import Any

from livekit import rtc
from livekit.agents import APIConnectOptions
from pydantic import create_model

from avatar_core.contract.audio_routes import Discard
from avatar_core.contract.errors import (
    ConfigurationError,
    ProviderTimeoutError,
    StartUncertainError,
)
from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import (
    Capabilities,
    Credential,
    EndRequest,
    ProviderInfo,
    RecoverRequest,
    StartedSession,
    StartRequest,
)
from avatar_core.contract.options import ProviderOptions
from avatar_provider_livekit.known_plugins import KnownPlugin
from avatar_provider_livekit.plugin_options import PluginOptions, options_model, parameters_of
from avatar_provider_livekit.plugin_run import PluginCall, PluginRun

MARGIN = 0.5
"""Seconds before the deadline at which a start that hangs is given up, to clean up in."""

APPEARS_WITHIN = 4.0
"""Seconds after an uncertain start within which its avatar joins the room, if there is one."""

DOCS = "docs/guides/livekit-plugins.md"
_IDS = ("session_id", "conversation_id")
_STARTED: weakref.WeakSet[Any] = weakref.WeakSet()
"""Callers' objects that were started: a second start would make a second session."""


class PluginProvider:
    """Drives one LiveKit plugin.

    Args:
        name: The provider's name, ``livekit.tavus``.
        plugin: The plugin's ``AvatarSession``.
        known: What its signature does not tell.
        wrapped: An object of that class, made by the caller; None to make one for each start.
    """

    def __init__(
        self, *, name: str, plugin: type, known: KnownPlugin, wrapped: Any | None = None
    ) -> None:
        self._name = name
        self._short = name.partition(".")[2]
        self._plugin = plugin
        self._known = known
        self.wrapped = wrapped
        """The caller's own object; it can be started once."""
        self._parameters = parameters_of(plugin)
        self._uncertain: dict[str, tuple[rtc.Room, tuple[str, ...]]] = {}

    @hookimpl
    def describe_provider(self) -> ProviderInfo:
        """Say what it is, and what cannot be had from outside a plugin."""
        known, model = self._known, self._options()
        fields = model.model_fields
        option = known.avatar_option
        return ProviderInfo(
            name=self._name,
            title=f"{known.title or self._short} by LiveKit's plugin",
            contract_version=2,
            options=model,
            avatar_option=option if option in fields else None,
            tokens="none",
            needs_room_key=True,
            default_identity=getattr(self.wrapped, "avatar_identity", "")
            or known.identity
            or f"{self._name}-avatar-agent",
            credentials=tuple(
                Credential(option=name, variable=variable)
                for name, variable in known.credentials
                if name in fields
            ),
            capabilities=Capabilities(
                idempotent_start=False, explicit_end=known.ends_at_vendor, concurrent_sessions=None
            ),
            docs=DOCS,
        )

    @hookimpl
    async def start_session(self, request: StartRequest) -> StartedSession:
        """Start the plugin, and keep what it wants to install for the core to use."""
        if request.room is None or request.room_key is None:
            raise ConfigurationError("LiveKit's plugins need a room and the key to it")
        if self.wrapped is not None and self.wrapped in _STARTED:
            raise ConfigurationError(
                f"this object of {self._plugin.__module__} was started before, and a plugin's"
                " object can be started once: make a new one, or name the provider"
                f" ({self._name!r}), which makes one for each start"
            )
        if self.wrapped is not None:
            _STARTED.add(self.wrapped)
        run = PluginRun(
            PluginCall(
                name=self._short,
                package=_package(self._plugin),
                make=lambda: self._make(request),
                agent_session=request.agent_session,
                room=request.rtc_room,
                address=request.room,
                arguments=self._start_arguments(request),
            )
        )
        try:
            await run.start(seconds=max(0.1, request.deadline - time.monotonic() - MARGIN))
        except (ProviderTimeoutError, StartUncertainError):
            identities = self._identities(run.plugin, request)
            self._uncertain[request.idempotency_key] = (request.rtc_room, identities)
            raise
        return StartedSession(
            session_id=_session_id(run.plugin),
            identities=self._identities(run.plugin, request),
            audio=run.audio,
            data=run,
            wrapped=run.plugin,
        )

    @hookimpl
    async def end_session(self, request: EndRequest) -> None:
        """Close the plugin; the core removes its participants."""
        run = request.session.data
        if isinstance(run, PluginRun):
            await run.end()

    @hookimpl
    async def recover_session(self, request: RecoverRequest) -> StartedSession | None:
        """Look for the avatar of an uncertain start in the room: the vendor cannot be asked."""
        room, identities = self._uncertain.pop(request.idempotency_key, (None, ()))
        if room is None:
            return None
        await _until_present(room, identities, seconds=APPEARS_WITHIN)
        return StartedSession(session_id=None, identities=identities, audio=Discard())

    # --- the plugin's own arguments ------------------------------------------------------------

    def _options(self) -> type[ProviderOptions]:
        if self.wrapped is not None:
            return create_model("WrappedOptions", __base__=ProviderOptions)
        return options_model(self._name, self._plugin, self._known)

    def _make(self, request: StartRequest) -> Any:
        if self.wrapped is not None:
            return self.wrapped
        assert isinstance(request.options, PluginOptions)
        own = {
            "avatar_participant_identity": self._identity(request),
            "avatar_participant_name": request.name,
            # Retries of the plugin's own would each make a session that is billed.
            "conn_options": APIConnectOptions(
                max_retry=self._known.fewest_retries,
                retry_interval=request.connect.retry_interval,
                timeout=request.connect.timeout,
            ),
        }
        own = {name: value for name, value in own.items() if name in self._parameters}
        return self._plugin(**request.options.arguments(), **own)

    def _identity(self, request: StartRequest) -> str:
        # LiveKit's sender keeps a table of the whole process by identity alone, so two rooms with
        # one identity would mix up their reports (livekit-agents 1.8.9).
        if self._known.keeps_own_sender and request.identity == self._known.identity:
            return f"{request.identity}-{request.idempotency_key[:8]}"
        return request.identity

    def _identities(self, plugin: Any, request: StartRequest) -> tuple[str, ...]:
        identity = getattr(plugin, "avatar_identity", None) or self._identity(request)
        return (identity, *self._known.more_identities)

    def _start_arguments(self, request: StartRequest) -> dict[str, Any]:
        assert request.room is not None and request.room_key is not None
        given = {
            "livekit_url": request.room.url,
            "livekit_api_key": request.room_key.api_key,
            "livekit_api_secret": request.room_key.api_secret,
            "livekit_room_name": request.room.name,
        }
        taken = inspect.signature(self._plugin.start).parameters  # type: ignore[attr-defined]
        if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in taken.values()):
            del given["livekit_room_name"]
            return given
        return {name: value for name, value in given.items() if name in taken}


def _package(plugin: type) -> str:
    """Name the package of LiveKit's plugin in a class's family, whose name its logger has."""
    for owner in plugin.__mro__:
        if owner.__module__.startswith("livekit.plugins."):
            return ".".join(owner.__module__.split(".")[:3])
    return plugin.__module__.partition(".")[0]


def _session_id(plugin: Any) -> str | None:
    found = (getattr(plugin, name, None) for name in _IDS)
    return next((each for each in found if isinstance(each, str) and each), None)


async def _until_present(room: rtc.Room, identities: tuple[str, ...], *, seconds: float) -> None:
    there = asyncio.Event()

    def look(*_: object) -> None:
        if any(identity in room.remote_participants for identity in identities):
            there.set()

    room.on("participant_connected", look)
    try:
        look()
        await asyncio.wait_for(there.wait(), seconds)
    except asyncio.TimeoutError:
        pass
    finally:
        room.off("participant_connected", look)
