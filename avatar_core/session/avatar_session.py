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

from avatar_core.contract.errors import ProviderError, SessionStateError
from avatar_core.contract.models import ConnectOptions
from avatar_core.discovery.default import active_extensions, default_registry
from avatar_core.discovery.selection import Provider, Resolved, select
from avatar_core.log import logger
from avatar_core.provider_http.pool import HttpPool
from avatar_core.session.avatar_call import AvatarCall
from avatar_core.session.call_site import current_job, find_call_site, without_room
from avatar_core.session.job_shutdown import close_with_job
from avatar_core.session.livekit_errors import as_livekit_error
from avatar_core.session.policy import AvatarPolicy
from avatar_core.session.provider_slot import ProviderSlot
from avatar_core.session.states import (
    AvatarAvailabilityChangedEvent,
    AvatarState,
    AvatarStateChangedEvent,
    StartAttempt,
)
from avatar_core.session.status import SessionStatus

CANCELLED_END_SECONDS = 2.0
"""Seconds a cancelled ``start()`` waits for what it started to be ended; then that goes on."""


class AvatarSession(livekit_avatar.AvatarSession[Any]):
    """Gives a LiveKit agent a face, by the name of its provider.

    Args:
        provider: ``name[/avatar][?option=value&…]``, a ``Provider``, several of them in failover
            order, ``"off"``, or None for what ``AVATAR_PROVIDER`` says.
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
        provider: str | Provider | Sequence[str | Provider] | None = None,
        *,
        avatar_participant_identity: NotGivenOr[str | None] = NOT_GIVEN,
        avatar_participant_name: NotGivenOr[str | None] = NOT_GIVEN,
        conn_options: NotGivenOr[APIConnectOptions] = NOT_GIVEN,
        policy: AvatarPolicy | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        selection = select(provider, options)
        self._off = selection.off
        self._candidates: tuple[Resolved, ...] = selection.resolve(default_registry())
        self._given_identity = avatar_participant_identity or None
        self._given_name = avatar_participant_name or None
        self._connect = _connect_options(conn_options)
        self._policy = policy or AvatarPolicy()
        self._status = SessionStatus(on_change=self._state_changed)
        self._call: AvatarCall | None = None
        self._start_task: asyncio.Task[None] | None = None
        self._close_task: asyncio.Task[None] | None = None

    # --- what it is ----------------------------------------------------------------------------

    @property
    def provider(self) -> str:
        """Name of the provider in use, or of the first candidate; ``off`` without one."""
        if self._call is not None and self._call.running is not None:
            return self._call.running.slot.provider.name
        return self._candidates[0].provider.name if self._candidates else "off"

    @property
    def avatar_identity(self) -> str:
        """Identity of the avatar participant; empty where there is none."""
        if self._call is not None and self._call.running is not None:
            return next(iter(self._call.running.session.identities), "")
        return self._identity_of(self._candidates[0]) if self._candidates else ""

    @property
    def session_id(self) -> str | None:
        """The provider's id of the session; None before the start and where it has none."""
        if self._call is None or self._call.running is None:
            return None
        return self._call.running.session.session_id

    @property
    def state(self) -> AvatarState:
        """Where the session is in its life."""
        return self._status.state

    @property
    def attempts(self) -> tuple[StartAttempt, ...]:
        """Every try to start a provider, in order."""
        return tuple(self._call.attempts) if self._call is not None else ()

    # --- start ---------------------------------------------------------------------------------

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
        if self._status.state != "idle":
            raise SessionStateError(
                f"this avatar session is {self._status.state}: start() works once, make a new"
                " AvatarSession for another start"
            )
        http = HttpPool()
        self._call = AvatarCall(
            agent_session=agent_session,
            room=room,
            policy=self._policy,
            status=self._status,
            http=http,
            emit=self.emit,
            on_over=self._over,
        )
        # Before the first await, so that of two concurrent starts one cannot pay as well.
        self._status.to("starting", "start() was called")
        self._start_task = asyncio.create_task(
            self._start(
                self._call,
                room,
                http,
                url=livekit_url or None,
                api_key=livekit_api_key or None,
                api_secret=livekit_api_secret or None,
            ),
            name="avatar-start",
        )
        try:
            await asyncio.shield(self._start_task)
        except asyncio.CancelledError:
            if self._start_task.cancelled():
                # By aclose(), which is under way then, or by an extension that cancels.
                await asyncio.shield(self._begin_close("start cancelled", CANCELLED_END_SECONDS))
                raise SessionStateError("the avatar session was closed while it started") from None
            await asyncio.shield(self._begin_close("start cancelled", CANCELLED_END_SECONDS))
            raise
        except Exception as exc:
            await asyncio.shield(self._begin_close("start failed", self._policy.end_timeout))
            if isinstance(exc, ProviderError):
                raise as_livekit_error(exc) from exc.__cause__
            raise

    async def _start(
        self,
        call: AvatarCall,
        room: rtc.Room,
        http: HttpPool,
        *,
        url: str | None,
        api_key: str | None,
        api_secret: str | None,
    ) -> None:
        job = current_job()
        call.watch()
        reason = "the avatar is off" if self._off else without_room(job)
        if reason is not None:
            logger.info("no avatar in this call: %s", reason)
            self._status.without_avatar = True
            self._status.to("voice_only", reason)
            return
        if job is not None:
            close_with_job(job, self)
        needs_room = any(candidate.options.joins_room for candidate in self._candidates)
        site = (
            find_call_site(
                room=room,
                job=job,
                url=url,
                api_key=api_key,
                api_secret=api_secret,
                allow_insecure_url=self._policy.allow_insecure_url,
            )
            if needs_room
            else None
        )
        around = tuple(extension.around_call for extension in active_extensions())
        await call.start(
            [
                ProviderSlot(
                    provider=candidate.provider,
                    options=candidate.options,
                    site=site if candidate.options.joins_room else None,
                    identity=self._identity_of(candidate),
                    name=self._name_of(candidate),
                    http=http,
                    connect=self._connect,
                    around=around,
                )
                for candidate in self._candidates
            ]
        )

    def _identity_of(self, candidate: Resolved) -> str:
        return self._given_identity or candidate.provider.info.avatar_identity

    def _name_of(self, candidate: Resolved) -> str:
        return (
            self._given_name or candidate.provider.info.default_name or self._identity_of(candidate)
        )

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
        await asyncio.shield(self._begin_close("aclose() was called", self._policy.end_timeout))

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

    def _over(self, reason: str) -> None:
        _ = self._begin_close(reason, self._policy.end_timeout)

    def _begin_close(self, reason: str, end_timeout: float) -> asyncio.Task[None]:
        if self._close_task is None:
            self._status.to("closing", reason)
            self._close_task = asyncio.create_task(
                self._end(reason, end_timeout), name="avatar-close"
            )
        return self._close_task

    async def _end(self, reason: str, end_timeout: float) -> None:
        try:
            if self._start_task is not None and not self._start_task.done():
                self._start_task.cancel()
                await asyncio.wait([self._start_task])
                if not self._start_task.cancelled():
                    # It failed by itself just then; the caller of start() is told, or is gone.
                    self._start_task.exception()
            if self._call is not None:
                await self._call.close(reason=reason, end_timeout=end_timeout)
        finally:
            self._status.to("closed", reason)
            if self._call is not None:
                await self._call.attributes.aclose()

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
        if self._call is not None:
            self._call.attributes.publish(
                state=event.new_state, identity=self.avatar_identity if live else ""
            )
        self.emit("state_changed", event)
        if live or event.old_state == "live":
            self.emit(
                "avatar_availability_changed",
                AvatarAvailabilityChangedEvent(
                    available=live, identity=self.avatar_identity, reason=event.reason
                ),
            )


def _connect_options(given: NotGivenOr[APIConnectOptions]) -> ConnectOptions:
    if not given:
        return ConnectOptions()
    return ConnectOptions(
        max_retry=given.max_retry, retry_interval=given.retry_interval, timeout=given.timeout
    )
