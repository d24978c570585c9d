"""One awaited hook call: the chosen provider alone, inside every active extension."""

from __future__ import annotations

import asyncio
import inspect
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import pluggy

from avatar_core.calling.daemon_thread import run_in_daemon_thread
from avatar_core.calling.loop_stall import LoopStallWatch
from avatar_core.contract.errors import (
    ConfigurationError,
    ProviderError,
    ProviderTimeoutError,
    StartUncertainError,
)
from avatar_core.contract.models import ProviderRequest
from avatar_core.log import logger

if sys.version_info >= (3, 11):
    from asyncio import timeout_at
else:
    from async_timeout import timeout_at


class CallableProvider(Protocol):
    """What a call needs to know of a provider."""

    @property
    def name(self) -> str:
        """The name it is registered under."""

    def implements(self, hook: str) -> bool:
        """Whether it has the hook."""

    def caller(self, hook: str) -> pluggy.HookCaller:
        """The hook, on this provider alone."""


@dataclass(eq=False)
class ProviderCall:
    """One provider call, as an extension sees it.

    Args:
        hook: Name of the hook.
        provider: Name of the provider.
        request: What the provider will get; an extension may replace it before the call runs.
        result: What it returned, once it has.
        error: What it raised, once it has.
    """

    hook: str
    provider: str
    request: ProviderRequest
    result: Any = None
    error: BaseException | None = None


CANCEL_SECONDS = 1.0
"""Seconds a hook that is late gets to take note of its cancellation."""

LEAVE_SECONDS = 5.0
"""Seconds that extensions get, all together, for what they do behind a call."""

T = TypeVar("T")

AroundCall = Callable[[ProviderCall], AbstractAsyncContextManager[None]]


class HookCancelledItselfError(Exception):
    """A hook ended with CancelledError, and nobody had cancelled it."""


class HookExitError(Exception):
    """A hook or an extension raised what is no ``Exception``; that is its cause."""


async def call_provider(
    provider: CallableProvider,
    hook: str,
    request: ProviderRequest,
    *,
    around: Iterable[AroundCall] = (),
    fallback: Callable[[Any], Any] | None = None,
) -> Any:
    """Call one hook of one provider and await its outcome.

    Args:
        provider: The provider to call; no other one is.
        hook: Name of the hook.
        request: What it gets; its ``deadline`` bounds the call, except that ``start_session`` is
            never cancelled: its caller decides what to do with a start that is late.
        around: Extensions to run it in, the first outermost.
        fallback: Computes the result from the request where the provider lacks the hook or
            returned None.

    Raises:
        ProviderTimeoutError: The deadline passed, or an extension let the call not begin by then.
        StartUncertainError: ``start_session`` failed with an error that is not avatar-core's.
        ProviderError: Any other failure of the provider; one of its own errors is chained.
    """
    call = ProviderCall(hook=hook, provider=provider.name, request=request)
    entered: list[AbstractAsyncContextManager[None]] = []
    try:
        await _enter_all(around, call, entered)
        call.result = await _run(provider, hook, call.request)
        if call.result is None and fallback is not None:
            call.result = fallback(call.request)
        return call.result
    except BaseException as exc:
        call.error = exc
        raise
    finally:
        await _leave(entered, call)


async def _enter_all(
    around: Iterable[AroundCall],
    call: ProviderCall,
    entered: list[AbstractAsyncContextManager[None]],
) -> None:
    # In the caller's own task, as all of a context manager must run in one.
    try:
        async with timeout_at(_loop_time(call.request.deadline)):
            for make in around:
                entered.append(await _tamed(_enter(make, call)))
    except asyncio.TimeoutError as exc:
        if time.monotonic() < call.request.deadline:
            raise  # a time limit of the extension's own
        raise ProviderTimeoutError(
            f"an extension kept {call.hook} from its start until the deadline",
            provider=call.provider,
        ) from exc


async def _enter(make: AroundCall, call: ProviderCall) -> AbstractAsyncContextManager[None]:
    context = make(call)
    await context.__aenter__()
    return context


async def _leave(entered: list[AbstractAsyncContextManager[None]], call: ProviderCall) -> None:
    """Leave the extensions, innermost first; none of them can change the outcome any more."""
    error = call.error
    latest = _loop_time(time.monotonic() + LEAVE_SECONDS)
    for context in reversed(entered):
        try:
            async with timeout_at(latest):
                await context.__aexit__(
                    type(error) if error else None, error, error.__traceback__ if error else None
                )
        except BaseException as exc:
            if exc is error:
                continue  # a context manager passes the call's own error on by raising it
            if isinstance(exc, asyncio.CancelledError) and call.hook != "start_session":
                raise  # the caller may be cancelled; a start never is, and its session counts
            # The call is done and may have made a session: its outcome outweighs an audit's.
            logger.error(
                "an extension failed after a provider call; the call's outcome stands",
                extra={
                    "provider": call.provider,
                    "hook": call.hook,
                    "error_type": type(exc).__name__,
                },
            )


def _loop_time(monotonic: float) -> float:
    return asyncio.get_running_loop().time() + monotonic - time.monotonic()


async def _run(provider: CallableProvider, hook: str, request: ProviderRequest) -> Any:
    if not provider.implements(hook):
        return None
    caller = provider.caller(hook)
    try:
        with LoopStallWatch(provider=provider.name, hook=hook):
            if inspect.iscoroutinefunction(caller.get_hookimpls()[-1].function):
                work: Any = caller(request=request)
            else:
                work = run_in_daemon_thread(lambda: caller(request=request))
            bounded = hook != "start_session"
            result = await _outcome(work, deadline=request.deadline if bounded else None)
    except asyncio.TimeoutError as exc:
        raise _timeout(provider.name, hook) from exc
    except ProviderError as exc:
        if exc.provider is None:
            exc.provider = provider.name
        raise
    except ConfigurationError:
        raise
    except Exception as exc:  # noqa: BLE001 - chained, except where it only stands for its cause
        kind = StartUncertainError if hook == "start_session" else ProviderError
        cause = exc.__cause__ if isinstance(exc, HookExitError) else exc
        raise kind(
            f"the provider's {hook} failed with {type(cause).__name__}; this is a defect of the"
            " provider, its cause is chained",
            provider=provider.name,
        ) from cause
    if bounded and time.monotonic() > request.deadline:
        raise _timeout(provider.name, hook)
    return result


async def _outcome(work: Awaitable[Any], *, deadline: float | None) -> Any:
    """Await a hook, in a task of its own.

    So a hook that cancels itself, as one does that awaits a cancelled task of its own, is told
    from a caller that is cancelled, and one that ignores its cancellation keeps nobody waiting.
    """
    task = asyncio.ensure_future(_tamed(work))
    task.add_done_callback(_note)
    try:
        remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
        await asyncio.wait([task], timeout=remaining)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_SECONDS)
        raise asyncio.TimeoutError
    if task.cancelled():
        raise HookCancelledItselfError
    return task.result()


async def _tamed(work: Awaitable[T]) -> T:
    """Await somebody else's code; what it raises is an ``Exception`` or a cancellation.

    A ``SystemExit``, as a command line's parser raises, would end the event loop with all calls in
    it, and no handler for errors sees one of its kind.
    """
    try:
        return await work
    except (Exception, asyncio.CancelledError, KeyboardInterrupt, GeneratorExit):
        raise  # GeneratorExit: the loop is taken down
    except BaseException as exc:
        raise HookExitError(f"{type(exc).__name__} was raised") from exc


def _note(task: asyncio.Future[Any]) -> None:
    """Look at the error of a hook that nobody waits for any more: asyncio warns otherwise."""
    if not task.cancelled():
        task.exception()


def _timeout(provider: str, hook: str) -> ProviderTimeoutError:
    return ProviderTimeoutError(f"{hook} did not finish before its deadline", provider=provider)
