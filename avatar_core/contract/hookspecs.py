"""The hooks of a provider: this file is the contract.

A provider is a module, or an object, whose functions of these names carry ``@hookimpl``. It is
registered under its name as an entry point of the group ``avatar_core.providers``. A hook takes
``request`` (or nothing) by keyword, may be ``async def``, and is called on the chosen provider
alone; a plain function runs in a thread. Three are required: ``describe_provider``,
``start_session`` and ``end_session``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import pluggy

from avatar_core.contract import models

if TYPE_CHECKING:
    import typer

    from avatar_core.calling.provider_call import ProviderCall

PROJECT_NAME = "avatar_core"
hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)

REQUIRED_HOOKS = ("describe_provider", "start_session", "end_session")

HOOKS_BY_VERSION: dict[int, tuple[str, ...]] = {
    1: (
        "describe_provider",
        "mint_token",
        "start_session",
        "end_session",
        "recover_session",
        "list_sessions",
        "check_provider",
        "prewarm",
        "keep_alive",
        "agent_state_changed",
        "send_command",
        "local_stand_in",
        "cli_commands",
    ),
    2: ("session_usage",),
}
"""The contract version that brought each hook of a provider; one added later is never required."""


class ProviderHooks:
    """What a provider may implement."""

    @hookspec(firstresult=True)
    def describe_provider(self) -> models.ProviderInfo:
        """Say what the provider is.

        Called at the first use of its name, in any thread, before anything else. Never
        ``async``; no network, no heavy import: LiveKit and aiohttp are imported in the other
        hooks.

        Returns:
            Name (that of the entry point), options model, tokens, capabilities.
        """
        raise AssertionError("a specification is not called")

    @hookspec(firstresult=True)
    def mint_token(self, request: models.TokenRequest) -> str | None:
        """Mint a room token for the avatar's worker.

        Called before a start, once for each of ``ProviderInfo.token_roles``; the token is kept
        over all retries of that start. Implement it only if the worker needs other grants than
        the core gives: one room, one identity, camera and microphone, data, no subscription.

        Args:
            request: Room, identity, lifetime, and the key that signs.

        Returns:
            The JWT, or None: then the core mints.
        """
        raise AssertionError("a specification is not called")

    @hookspec(firstresult=True)
    def start_session(self, request: models.StartRequest) -> models.StartedSession:
        """Create the avatar and make it join the room.

        Called exactly once per start, after the tokens are minted and before audio is routed.
        The core never retries it and never cancels it: it has until ``request.deadline``, and
        retries of its own belong inside, under one ``request.idempotency_key``. Return as soon
        as the session exists; the core waits for the participant.

        Args:
            request: Room, tokens, identity, checked options, idempotency key.

        Returns:
            The session with all that ``end_session`` needs, and how speech reaches it.

        Raises:
            ProviderAuthError: The credentials were refused.
            ProviderQuotaError: Credits or concurrent sessions are used up.
            ProviderError: Any other failure, by its own class; no session exists then.
            StartUncertainError: A session may exist; ``recover_session`` is asked next.
        """
        raise AssertionError("a specification is not called")

    @hookspec(firstresult=True)
    def end_session(self, request: models.EndRequest) -> None:
        """End the session and stop its billing.

        Called until it returns without an error, with growing pauses, from any task of the
        agent's loop, also when the room is gone, and by ``avatar sessions``, which knows the id
        and at most what ``list_sessions`` or the journal told. Ending a session that has ended is
        success.

        Args:
            request: What ``start_session`` returned, and why it ends.

        Raises:
            ProviderError: It was not acknowledged; it will be called again.
        """
        raise AssertionError("a specification is not called")

    @hookspec(firstresult=True)
    def recover_session(self, request: models.RecoverRequest) -> models.StartedSession | None:
        """Find the session that an uncertain start may have made.

        Called after ``start_session`` raised ``StartUncertainError``, ran past its deadline or
        failed in a way that is not a ``ProviderError``; and by ``avatar sessions reap``, when the
        process that called it was killed. What is found is ended, not used.

        Args:
            request: Identity, idempotency key and the error of that start.

        Returns:
            The session, or None when there is none.
        """
        raise AssertionError("a specification is not called")

    @hookspec(firstresult=True)
    def list_sessions(self, request: models.ListSessionsRequest) -> Sequence[models.ListedSession]:
        """List the sessions that live at the provider now, for ``avatar sessions``."""
        raise AssertionError("a specification is not called")

    @hookspec(firstresult=True)
    def session_usage(self, request: models.SessionRequest) -> models.SessionUsage | None:
        """Tell what a session is billed, for ``avatar verify``; it has ended, as a rule.

        Called until it is final, for a few seconds. Nothing may be billed for asking.

        Args:
            request: The session.

        Returns:
            What is billed, or None where that is not known, or not known yet.
        """
        raise AssertionError("a specification is not called")

    @hookspec(firstresult=True)
    def check_provider(self, request: models.CheckRequest) -> Sequence[models.Finding]:
        """Tell whether a call could start now; nothing may be billed.

        For ``avatar providers NAME --check``.
        """
        raise AssertionError("a specification is not called")

    @hookspec(firstresult=True)
    def prewarm(self, request: models.PrewarmRequest) -> None:
        """Prepare for a start; a failure is logged and costs only the time it would have saved."""
        raise AssertionError("a specification is not called")

    @hookspec(firstresult=True)
    def keep_alive(self, request: models.SessionRequest) -> None:
        """Keep a live session from expiring; called every ``keep_alive_period`` seconds."""
        raise AssertionError("a specification is not called")

    @hookspec(firstresult=True)
    def agent_state_changed(self, request: models.AgentStateRequest) -> None:
        """Learn what the agent does now; called in order, a failure is logged."""
        raise AssertionError("a specification is not called")

    @hookspec(firstresult=True)
    def send_command(self, request: models.CommandRequest) -> Any:
        """Carry out a command of the provider's own, such as a change of emotion."""
        raise AssertionError("a specification is not called")

    @hookspec(firstresult=True)
    def local_stand_in(self) -> models.StandIn | None:
        """Offer a stand-in on this machine for those who have no credentials.

        Called by ``avatar demo`` when a credential of ``ProviderInfo`` is not set; a call of an
        agent never uses it. Never ``async``; nothing is started and nothing heavy imported here.

        Returns:
            What it is and how to run it, or None when there is none.
        """
        raise AssertionError("a specification is not called")

    @hookspec(firstresult=True)
    def cli_commands(self) -> Sequence[typer.Typer]:
        """Add commands to ``avatar``. Never ``async``."""
        raise AssertionError("a specification is not called")


class ExtensionHooks:
    """What an extension implements: it sees every provider call, tokens included."""

    @hookspec
    def around_call(self, call: ProviderCall) -> AbstractAsyncContextManager[None]:
        """Wrap one awaited provider call.

        Entered before the hook runs and left after it has finished, failed or been cancelled.
        Before: ``call.hook``, ``call.provider`` and ``call.request``, which may be replaced
        (``dataclasses.replace``). After: ``call.result`` or ``call.error``. What is raised on
        entering refuses the call; an error of the call itself cannot be swallowed.

        Args:
            call: The call under way.

        Returns:
            An async context manager: put ``@hookimpl`` above ``@asynccontextmanager``.
        """
        raise AssertionError("a specification is not called")
