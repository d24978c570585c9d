"""The provider under test: calls with its avatar, and what it holds."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from livekit.agents import APIConnectOptions

from avatar_core.calling.provider_call import call_provider
from avatar_core.contract.models import (
    EndRequest,
    ListedSession,
    ListSessionsRequest,
    ProviderInfo,
)
from avatar_core.discovery.default import (
    get_provider,
    register_extension,
    register_provider,
    unregister_extension,
    unregister_provider,
)
from avatar_core.discovery.loaded import LoadedProvider
from avatar_core.provider_http.pool import HttpPool
from avatar_core.session.avatar_session import AvatarSession
from avatar_core.session.policy import AvatarPolicy
from avatar_core.testing.avatar_call import AvatarCall, open_avatar_call, open_stage
from avatar_core.testing.call_footprint import own_tasks
from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.conformance.recorder import Recorder

if TYPE_CHECKING:
    from avatar_core.livekit_server import LiveKitServer
    from avatar_core.testing.conformance.adoption import Adoption
    from avatar_core.testing.scripted_api import ScriptedApi

_EXTENSION = "conformance-recorder"
_HOOK_SECONDS = 10.0


class Subject:
    """One provider, watched; the fixture ``conformance`` gives it.

    Args:
        suite: What its test class says.
        server: LiveKit.
        api: The HTTP API it calls, None where it calls none.
        provider: The provider.
        recorder: Sees every call of its hooks.
    """

    def __init__(
        self,
        *,
        suite: Adoption,
        server: LiveKitServer,
        api: ScriptedApi | None,
        provider: LoadedProvider,
        recorder: Recorder,
    ) -> None:
        self.suite = suite
        self.server = server
        self.api = api
        self.provider = provider
        self.recorder = recorder

    @property
    def info(self) -> ProviderInfo:
        """What the provider says of itself."""
        return self.provider.info

    def options(self, **other: Any) -> dict[str, Any]:
        """Return the options of a call.

        Args:
            other: Options that differ.
        """
        at_api = self.suite.options_at(self.api) if self.api is not None else {}
        return {**self.suite.options, **at_api, **other}

    def avatar(
        self,
        *,
        policy: AvatarPolicy | None = None,
        connect: APIConnectOptions | None = None,
        **other: Any,
    ) -> AvatarSession:
        """Make a session that raises what goes wrong; not started.

        Args:
            policy: Another policy.
            connect: How hard to try to reach the API.
            other: Options that differ.
        """
        given: dict[str, Any] = {} if connect is None else {"conn_options": connect}
        chosen = policy or AvatarPolicy(on_failure="raise", join_timeout=self.suite.patience)
        return AvatarSession(self.provider.name, policy=chosen, **given, **self.options(**other))

    @asynccontextmanager
    async def stage(self, agent_identity: str = "agent") -> AsyncIterator[CallStage]:
        """Open a room with an agent that runs, and a viewer."""
        async with open_stage(self.server, agent_identity=agent_identity) as stage:
            yield stage

    @asynccontextmanager
    async def call(self, *, join: bool = True, **other: Any) -> AsyncIterator[AvatarCall]:
        """Open a call with the provider's avatar in it.

        Args:
            join: Wait for it.
            other: Options that differ.
        """
        async with self.stage() as stage:
            await self.suite.before_start()
            opened = open_avatar_call(
                stage, self.avatar(**other), join=join, patience=self.suite.patience
            )
            async with opened as call:
                yield call

    async def join_and_close(self, stage: CallStage) -> None:
        """Let an avatar join a room and end it.

        Args:
            stage: The room, with its agent.
        """
        await self.suite.before_start()
        avatar = self.avatar()
        async with open_avatar_call(stage, avatar, patience=self.suite.patience):
            pass
        await self.settled()

    async def ended_again(self) -> None:
        """Ask the provider to end the latest session that was ended, another time.

        Raises:
            ProviderError: It does not take that for success.
        """
        request = self.recorder.of("end_session")[-1].call.request
        assert isinstance(request, EndRequest)
        async with _pool() as http:
            again = dataclasses.replace(request, deadline=_deadline(), http=http)
            await call_provider(self.provider, "end_session", again)

    async def listed(self) -> Sequence[ListedSession] | None:
        """Ask the provider which sessions live; None where it cannot tell."""
        if not self.provider.implements("list_sessions"):
            return None
        # Not those of a call: its key may have been a wrong one.
        options = self.info.options.from_mapping(self.provider.name, self.options())
        async with _pool() as http:
            asked = ListSessionsRequest(options=options, deadline=_deadline(), http=http)
            found: Sequence[ListedSession] = await call_provider(
                self.provider, "list_sessions", asked
            )
        return [each for each in found if not each.ending]

    async def none_listed(self) -> None:
        """Wait until the provider lists no session any more.

        Raises:
            AssertionError: It still does.
        """
        await eventually_none(self.listed, self.suite.patience, "sessions it still lists")

    async def nobody_left(self, stage: CallStage) -> None:
        """Wait until agent and viewer are alone.

        Args:
            stage: Their room.

        Raises:
            AssertionError: They are not.
        """
        there = {stage.agent_identity, "viewer"}

        async def others() -> list[str]:
            return [each for each in await stage.identities() if each not in there]

        await eventually_none(others, self.suite.patience, "participants left in the room")

    async def settled(self) -> None:
        """Wait until the core has done what it does in the background.

        Raises:
            AssertionError: It has not.
        """

        async def busy() -> tuple[str, ...]:
            return own_tasks()

        await eventually_none(busy, self.suite.patience, "tasks that do not end")


async def eventually_none(ask: Any, patience: float, what: str) -> None:
    """Wait until a question that nobody announces the answer of is answered by nothing.

    Args:
        ask: Awaited for what there is.
        patience: Seconds.
        what: Begins the error's text.

    Raises:
        AssertionError: There is always something.
    """
    deadline = time.monotonic() + patience
    while found := await ask():
        assert time.monotonic() < deadline, f"{what}: {found}"
        await asyncio.sleep(0.02)


@contextmanager
def examined(
    suite: Adoption, *, server: LiveKitServer, api: ScriptedApi | None
) -> Iterator[Subject]:
    """Load a provider and watch it for the length of a test.

    Args:
        suite: What its test class says.
        server: LiveKit.
        api: The HTTP API it calls.
    """
    recorder = Recorder()
    if suite.plugin is not None:
        register_provider(suite.plugin, name=suite.provider, replace=True)
    try:
        register_extension(recorder, name=_EXTENSION)
        try:
            yield Subject(
                suite=suite,
                server=server,
                api=api,
                provider=get_provider(suite.provider),
                recorder=recorder,
            )
        finally:
            unregister_extension(_EXTENSION)
    finally:
        if suite.plugin is not None:
            unregister_provider(suite.provider)


@asynccontextmanager
async def _pool() -> AsyncIterator[HttpPool]:
    http = HttpPool()
    try:
        yield http
    finally:
        await http.aclose()


def _deadline() -> float:
    return time.monotonic() + _HOOK_SECONDS
