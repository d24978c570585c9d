"""The public AvatarSession: a face for a LiveKit voice agent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from livekit import rtc
from livekit.agents import NOT_GIVEN, AgentSession, APIConnectOptions, NotGivenOr
from livekit.agents.voice import avatar as livekit_avatar
from typing_extensions import Self

from avatar_core.contract.errors import ConfigurationError
from avatar_core.discovery.default import default_registry
from avatar_core.discovery.selection import Provider, Resolved, select
from avatar_core.log import logger
from avatar_core.rtc_exit import end_rtc_before_the_interpreter
from avatar_core.session.avatar_life import AvatarLife, GivenCredentials
from avatar_core.session.avatar_run import AvatarRun
from avatar_core.session.candidates import Candidates, connect_options
from avatar_core.session.policy import AvatarPolicy
from avatar_core.session.stand_by import StandBy
from avatar_core.session.states import (
    AvatarAvailabilityChangedEvent,
    AvatarState,
    AvatarStateChangedEvent,
    StartAttempt,
)
from avatar_core.session.status import SessionStatus

Wrappable = str | Provider | livekit_avatar.AvatarSession[Any]
"""What an avatar can be chosen by."""


class AvatarSession(livekit_avatar.AvatarSession[Any]):
    """Gives a LiveKit agent a face, by the name of its provider.

    Args:
        provider: ``name[/avatar][?option=value&…]``, a ``Provider``, the avatar of a LiveKit
            plugin (with ``avatar-core[livekit]``), several of them in failover order, ``"off"``,
            or None for what ``AVATAR_PROVIDER`` says.
        avatar_participant_identity: Identity of the avatar in the room; None for the provider's.
        avatar_participant_name: Its display name; None for the provider's.
        conn_options: Timeout (seconds) and retries towards the provider's API.
        policy: What to do when things go wrong, or slowly.
        options: Options of the one provider named; with several, give them to ``Provider``.

    Raises:
        ConfigurationError: An option is unknown, missing or wrong, or nothing was selected.
        ProviderNotFoundError: The name is not known; the text says what to install.
        ProviderLoadError: The provider is installed and cannot be used.
    """

    def __init__(
        self,
        provider: Wrappable | Sequence[Wrappable] | None = None,
        *,
        avatar_participant_identity: NotGivenOr[str | None] = NOT_GIVEN,
        avatar_participant_name: NotGivenOr[str | None] = NOT_GIVEN,
        conn_options: NotGivenOr[APIConnectOptions] = NOT_GIVEN,
        policy: AvatarPolicy | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        end_rtc_before_the_interpreter()
        selection = select(provider, options)
        self._candidates = Candidates(
            resolved=selection.resolve(default_registry()),
            given_identity=avatar_participant_identity or None,
            given_name=avatar_participant_name or None,
            connect=connect_options(conn_options),
        )
        self._status = SessionStatus(on_change=self._state_changed)
        self._life = AvatarLife(
            candidates=self._candidates,
            policy=policy or AvatarPolicy(),
            status=self._status,
            emit=self.emit,
        )

    # --- what it is ----------------------------------------------------------------------------

    @property
    def provider(self) -> str:
        """Name of the provider in use, or of the first candidate; ``off`` without one."""
        if (current := self._current) is not None:
            return current.provider
        return self._candidates.first_provider

    @property
    def avatar_identity(self) -> str:
        """Identity of the avatar participant; empty where there is none."""
        if (current := self._current) is not None:
            return current.identity
        return self._candidates.first_identity

    @property
    def session_id(self) -> str | None:
        """The provider's id of the session; None before the start and where it has none."""
        return current.session.session_id if (current := self._current) is not None else None

    @property
    def wrapped(self) -> Any:
        """The object of LiveKit's plugin that is driven, for what only it can do; None without.

        Where the provider makes one for each start it is there from the start on.
        """
        if (current := self._current) is not None:
            return current.session.wrapped
        return self._candidates.first_wrapped

    @property
    def state(self) -> AvatarState:
        """Where the session is in its life."""
        return self._status.state

    @property
    def attempts(self) -> tuple[StartAttempt, ...]:
        """Every try to start a provider, in order."""
        return self._life.call.attempts if self._life.call is not None else ()

    @property
    def _current(self) -> AvatarRun | None:
        return self._life.call.current if self._life.call is not None else None

    # --- start ---------------------------------------------------------------------------------

    def prewarm(self) -> asyncio.Task[None]:
        """Prepare in the background for a start soon: open connections, load what is needed.

        Call it at the top of the entrypoint, in the event loop; ``start()`` need not wait for
        it. It costs nothing at the provider. A failure is logged and raises nothing. What it
        opened is closed by ``aclose()``, also where the avatar is never started.

        Returns:
            The task, for whoever wants to await it.

        Raises:
            SessionStateError: It was started or closed before.
        """
        return self._life.prewarm()

    async def start(
        self,
        agent_session: AgentSession[Any],
        room: rtc.Room,
        *,
        livekit_url: NotGivenOr[str] = NOT_GIVEN,
        livekit_api_key: NotGivenOr[str] = NOT_GIVEN,
        livekit_api_secret: NotGivenOr[str] = NOT_GIVEN,
    ) -> None:
        """Start the avatar, before or after ``agent_session.start()``.

        Returns when the provider has made a session; ``wait_for_join`` waits for the avatar
        itself. Speech until then is held or spoken by the voice, as the policy says.

        Args:
            agent_session: The agent whose speech the avatar says.
            room: Its room; outside a LiveKit job it must be connected.
            livekit_url: Server url; ``LIVEKIT_URL`` if not given.
            livekit_api_key: Key that signs the worker's token; ``LIVEKIT_API_KEY`` if not given.
            livekit_api_secret: Its secret; ``LIVEKIT_API_SECRET`` if not given.

        Raises:
            SessionStateError: It was started or closed before; make a new object.
            ConfigurationError: Credentials or room are missing or wrong.
            ProviderAuthError: The provider refused the credentials.
            ProviderError: The provider failed, and the policy says ``on_failure="raise"``.
        """
        await self._life.start(
            agent_session,
            room,
            GivenCredentials(
                url=livekit_url or None,
                api_key=livekit_api_key or None,
                api_secret=livekit_api_secret or None,
            ),
        )

    # --- change --------------------------------------------------------------------------------

    async def switch(
        self, provider: Wrappable | StandBy, *, at_boundary: bool = False, **options: Any
    ) -> None:
        """Let another avatar speak: another provider's, or the same one's with other options.

        The new one is in the room with its video before the present one is ended. A sentence
        under way is gone on with by the new one, unless ``at_boundary`` is set. Where a provider
        refuses a second session beside the present one, that is ended first, and the agent's
        voice speaks meanwhile.

        Args:
            provider: Whom to switch to, as in the constructor, or what ``prepare`` returned.
            at_boundary: Wait for the end of the sentence under way.
            options: Options of the provider named.

        Raises:
            ConfigurationError: An option is unknown, missing or wrong.
            ProviderNotFoundError: The name is not known; the text says what to install.
            SessionStateError: It was not started, has no avatar, or is closed meanwhile.
            AvatarNotJoinedError: The new avatar has not joined in time; the present one stays.
            ProviderError: The provider failed; the present one stays.
        """
        if isinstance(provider, StandBy):
            if options:
                raise ConfigurationError("switch: a stand-by has its options already")
            await provider.switch(at_boundary=at_boundary)
        else:
            await self._life.switch(_one(provider, options), at_boundary=at_boundary)

    async def prepare(self, provider: Wrappable, **options: Any) -> StandBy:
        """Bring another avatar into the room, where it waits to be switched to.

        Args:
            provider: Whom, as in the constructor.
            options: Its options.

        Raises:
            ConfigurationError: An option is unknown, missing or wrong.
            ProviderNotFoundError: The name is not known; the text says what to install.
            SessionStateError: It was not started, has no avatar, or is closed meanwhile.
            AvatarNotJoinedError: It has not joined in time.
            ProviderError: The provider failed.
        """
        return await self._life.prepare(_one(provider, options))

    # --- wait and end --------------------------------------------------------------------------

    async def wait_for_join(self, *, timeout: float | None = 30.0) -> None:
        """Wait until the avatar is in the room with its video; at once where none is wanted.

        Args:
            timeout: Seconds to wait at most; None for no limit.

        Raises:
            asyncio.TimeoutError: It has not joined in time, or is not coming any more: then at
                once, as ``AvatarNotJoinedError``, with the reason.
            SessionStateError: ``start()`` was not called.
        """
        await self._status.wait_live(timeout=timeout)

    async def aclose(self) -> None:
        """End the avatar and give the agent its own voice back; idempotent and bounded.

        A session whose end the provider has not acknowledged after ``AvatarPolicy.end_timeout``
        seconds is logged as an error and ended in the background.
        """
        await self._life.aclose()

    async def __aenter__(self) -> Self:
        """Return the session; ``start()`` is still the caller's."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        await self.aclose()

    # --- events --------------------------------------------------------------------------------

    def emit(self, event: Any, *args: Any) -> None:
        """Emit an event; a handler that fails is logged and harms nobody.

        LiveKit's emitter passes a handler's ``TypeError`` on to whoever emits (rtc 1.1.21).
        """
        try:
            super().emit(event, *args)
        except TypeError:
            logger.exception("a handler of the avatar session's %s event failed", event)

    def _state_changed(self, event: AvatarStateChangedEvent) -> None:
        live = event.new_state == "live"
        # Not of one that was refused, or followed by another: the room is told of one avatar.
        if self._life.call is not None and self._life.call.claim.latest:
            self._life.call.attributes.publish(
                state=event.new_state, identity=self.avatar_identity if live else ""
            )
        if event.new_state != event.old_state:
            self.emit("state_changed", event)
        if live or event.old_state == "live":
            self.emit(
                "avatar_availability_changed",
                AvatarAvailabilityChangedEvent(
                    available=live, identity=self.avatar_identity, reason=event.reason
                ),
            )


def _one(provider: Wrappable, options: dict[str, Any]) -> Resolved:
    """Find the one provider that is to be switched to."""
    resolved = select(provider, options).resolve(default_registry())
    if len(resolved) != 1:
        raise ConfigurationError(
            "switch: name one provider; aclose() ends the avatar, and several are for the"
            " constructor"
        )
    return resolved[0]
