from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pluggy
import pytest

from avatar_core.calling.provider_call import ProviderCall, call_provider
from avatar_core.contract.errors import (
    ConfigurationError,
    ProviderAuthError,
    ProviderError,
    ProviderTimeoutError,
    SessionStateError,
    StartUncertainError,
)
from avatar_core.contract.hookspecs import PROJECT_NAME, ProviderHooks, hookimpl
from avatar_core.contract.models import CheckRequest
from avatar_core.provider_http.pool import HttpPool


@dataclass(frozen=True)
class Provider:
    """The least that a call needs: a name and one plugin with one hook, ``check_provider``."""

    hooks: dict[str, Callable[..., Any]]
    name: str = "acme"

    def implements(self, hook: str) -> bool:
        return hook in self.hooks

    def caller(self, hook: str) -> pluggy.HookCaller:
        manager = pluggy.PluginManager(PROJECT_NAME)
        manager.add_hookspecs(ProviderHooks)
        plugin = type("Plugin", (), {})()
        setattr(plugin, hook, hookimpl(self.hooks[hook]))
        manager.register(plugin)
        caller: pluggy.HookCaller = getattr(manager.hook, hook)
        return caller


def request(seconds: float = 10.0) -> CheckRequest:
    return CheckRequest(options=None, deadline=time.monotonic() + seconds, http=HttpPool())


async def call(
    function: Callable[..., Any] | None,
    *,
    hook: str = "check_provider",
    seconds: float = 10.0,
    **more: Any,
) -> Any:
    provider = Provider({hook: function} if function else {})
    return await call_provider(provider, hook, request(seconds), **more)


# --- who is called, and where ------------------------------------------------------------------


async def test_an_async_hook_runs_on_the_loop() -> None:
    async def hook(request: CheckRequest) -> list[object]:
        return [threading.current_thread(), asyncio.get_running_loop()]

    assert await call(hook) == [threading.main_thread(), asyncio.get_running_loop()]


async def test_a_plain_hook_runs_in_a_thread_that_cannot_keep_the_process_alive() -> None:
    def hook(request: CheckRequest) -> threading.Thread:
        return threading.current_thread()

    thread = await call(hook)
    assert thread is not threading.main_thread()
    assert thread.daemon


async def test_a_hook_that_is_not_there_gives_none() -> None:
    assert await call(None) is None


async def test_the_fallback_answers_where_the_provider_does_not() -> None:
    async def nothing(request: CheckRequest) -> None:
        return None

    async def something(request: CheckRequest) -> str:
        return "its own"

    assert await call(None, fallback=lambda request: "fallback") == "fallback"
    assert await call(nothing, fallback=lambda request: "fallback") == "fallback"
    assert await call(something, fallback=lambda request: "fallback") == "its own"


# --- deadlines ---------------------------------------------------------------------------------


async def test_an_async_hook_is_cancelled_at_its_deadline() -> None:
    cancelled = asyncio.Event()

    async def hook(request: CheckRequest) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(ProviderTimeoutError, match="acme: check_provider did not finish") as caught:
        await call(hook, seconds=0.05)
    assert cancelled.is_set()
    assert caught.value.retryable


async def test_a_hook_that_ignores_its_cancellation_keeps_nobody_waiting() -> None:
    go_on = asyncio.Event()

    async def hook(request: CheckRequest) -> None:
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                continue

    began = time.monotonic()
    with pytest.raises(ProviderTimeoutError):
        await call(hook, seconds=0.05)
    assert time.monotonic() - began < 5
    go_on.set()


async def test_a_plain_hook_that_hangs_is_given_up_on_at_its_deadline() -> None:
    go_on = threading.Event()

    def hook(request: CheckRequest) -> None:
        go_on.wait(30)

    with pytest.raises(ProviderTimeoutError):
        await call(hook, seconds=0.05)
    go_on.set()


async def test_start_session_is_not_cut_off_at_its_deadline() -> None:
    async def hook(request: CheckRequest) -> str:
        await asyncio.sleep(0.1)
        return "late"

    assert await call(hook, hook="start_session", seconds=0.01) == "late"


async def test_a_hook_that_blocks_the_loop_is_named_and_fails_if_its_deadline_has_passed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def hook(request: CheckRequest) -> str:
        time.sleep(0.7)  # noqa: ASYNC251 - what is tested
        return "done"

    with pytest.raises(ProviderTimeoutError):
        await call(hook, seconds=0.1)
    (line,) = [r for r in caplog.records if "the event loop stood still" in r.message]
    facts = vars(line)
    assert (facts["provider"], facts["hook"]) == ("acme", "check_provider")
    assert facts["stalled_seconds"] >= 0.6


async def test_a_hook_that_leaves_the_loop_alone_is_not_accused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def plain(request: CheckRequest) -> None:
        time.sleep(0.7)

    await call(plain)
    assert caplog.records == []


# --- errors ------------------------------------------------------------------------------------


async def test_the_providers_own_error_passes_with_its_name_filled_in() -> None:
    error = ProviderAuthError("the key was refused", status_code=401)

    async def hook(request: CheckRequest) -> None:
        raise error

    with pytest.raises(ProviderAuthError) as caught:
        await call(hook)
    assert caught.value is error
    assert str(error) == "acme: the key was refused (status 401)"


async def test_a_mistake_in_the_configuration_passes_as_it_is() -> None:
    async def hook(request: CheckRequest) -> None:
        raise ConfigurationError("no such avatar")

    with pytest.raises(ConfigurationError, match="^no such avatar$"):
        await call(hook)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("sk-secret-1"),
        KeyError("sk-secret-1"),
        SessionStateError("sk-secret-1"),
        asyncio.CancelledError("sk-secret-1"),
        StopIteration("sk-secret-1"),
        StopAsyncIteration("sk-secret-1"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize(
    ("hook", "kind"), [("check_provider", ProviderError), ("start_session", StartUncertainError)]
)
@pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
async def test_any_other_error_is_the_providers_defect_and_its_text_is_not_shown(
    error: BaseException, hook: str, kind: type[ProviderError], plain: bool
) -> None:
    async def asynchronous(request: CheckRequest) -> None:
        raise error

    def synchronous(request: CheckRequest) -> None:
        raise error

    with pytest.raises(kind, match="a defect of the") as caught:
        await call(synchronous if plain else asynchronous, hook=hook)
    assert type(caught.value) is kind
    assert caught.value.provider == "acme"
    assert "sk-secret-1" not in str(caught.value) + repr(caught.value)
    assert caught.value.__cause__ is not None


async def test_a_cancelled_caller_cancels_the_hook_and_hears_of_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hook(request: CheckRequest) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.set()
            raise RuntimeError("while cleaning up") from None

    calling = asyncio.create_task(call(hook))
    await begun.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    await asyncio.wait_for(ended.wait(), 5)
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


# --- extensions --------------------------------------------------------------------------------


async def test_extensions_nest_and_see_the_outcome() -> None:
    seen: list[object] = []

    def extension(name: str) -> Any:
        @asynccontextmanager
        async def around(call: ProviderCall) -> AsyncIterator[None]:
            seen.append(f"{name} before {call.hook} of {call.provider}")
            yield
            seen.append((name, call.result, call.error))

        return around

    async def hook(request: CheckRequest) -> str:
        seen.append("the call")
        return "fine"

    await call(hook, around=[extension("A"), extension("B")])
    assert seen == [
        "A before check_provider of acme",
        "B before check_provider of acme",
        "the call",
        ("B", "fine", None),
        ("A", "fine", None),
    ]


async def test_extensions_see_the_result_of_the_fallback() -> None:
    seen: list[object] = []

    @asynccontextmanager
    async def around(call: ProviderCall) -> AsyncIterator[None]:
        yield
        seen.append(call.result)

    await call(None, around=[around], fallback=lambda request: "minted")
    assert seen == ["minted"]


async def test_a_replaced_request_reaches_the_provider_and_the_fallback() -> None:
    @asynccontextmanager
    async def around(call: ProviderCall) -> AsyncIterator[None]:
        call.request = replace(call.request, options="replaced")
        yield

    async def hook(request: CheckRequest) -> object:
        return request.options

    assert await call(hook, around=[around]) == "replaced"
    assert await call(None, around=[around], fallback=lambda r: r.options) == "replaced"


async def test_one_that_refuses_stops_the_call_and_the_outer_ones_learn_it() -> None:
    seen: list[object] = []

    @asynccontextmanager
    async def outer(call: ProviderCall) -> AsyncIterator[None]:
        try:
            yield
        finally:
            seen.append(call.error)

    @asynccontextmanager
    async def refusing(call: ProviderCall) -> AsyncIterator[None]:
        if call.hook:
            raise PermissionError("no")
        yield

    async def hook(request: CheckRequest) -> None:
        seen.append("called")

    with pytest.raises(PermissionError, match="no"):
        await call(hook, around=[outer, refusing])
    assert [type(entry) for entry in seen] == [PermissionError]


async def test_all_are_left_even_when_some_fail_at_it(caplog: pytest.LogCaptureFixture) -> None:
    left: list[str] = []

    def clumsy(name: str) -> Any:
        @asynccontextmanager
        async def around(call: ProviderCall) -> AsyncIterator[None]:
            try:
                yield
            finally:
                left.append(name)
                raise ValueError(name)

        return around

    async def hook(request: CheckRequest) -> str:
        return "fine"

    assert await call(hook, around=[clumsy("A"), clumsy("B")]) == "fine"
    assert left == ["B", "A"]
    assert caplog.text.count("an extension failed after a provider call") == 2


async def test_the_providers_error_survives_an_extension_that_replaces_it() -> None:
    @asynccontextmanager
    async def around(call: ProviderCall) -> AsyncIterator[None]:
        try:
            yield
        except ProviderAuthError as exc:
            raise ValueError("mine") from exc

    async def hook(request: CheckRequest) -> None:
        raise ProviderAuthError("refused")

    with pytest.raises(ProviderAuthError, match="refused"):
        await call(hook, around=[around])
