"""Calls that go wrong, because a test said so."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from avatar_provider_protoface.emulator.patience import keep_waiting

HUGE_BYTES = 50 * 1024 * 1024
_DRIP_SECONDS = 0.2

Operation = Literal["any", "create", "get", "list", "end", "avatars", "status", "quota"]


class Fault(BaseModel):
    """One way for calls to go wrong.

    Args:
        on: Which calls.
        times: How many of them; the next ones are well.
        when: Instead of being carried out, or after that, in place of the true answer.
        delay: Seconds before the answer, or before what comes instead.
        answer: What comes: a status and body, the true answer (late), no answer but a broken
            connection, half an answer, fifty megabytes, or a byte now and then.
        status: HTTP status.
        body: JSON, or a text that is sent as it is.
        retry_after: Value of ``Retry-After``: seconds or a date.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    on: Operation = "any"
    times: int = Field(1, ge=1)
    when: Literal["before", "after"] = "before"
    delay: float = Field(0.0, ge=0)
    answer: Literal["error", "true", "reset", "truncate", "huge", "drip"] = "error"
    status: int = Field(500, ge=200, le=599)
    body: Any = None
    retry_after: str | None = None


@dataclass
class FaultQueue:
    """Faults in the order they were given; each applies to its next calls.

    Args:
        pending: Faults with what is left of their times.
    """

    pending: list[tuple[Fault, int]] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        """Let the next calls go wrong."""
        self.pending.append((fault, fault.times))

    def clear(self) -> None:
        """Let all calls be well again."""
        self.pending.clear()

    def take(self, operation: str) -> Fault | None:
        """Return the fault for a call, and count it."""
        for index, (fault, left) in enumerate(self.pending):
            if fault.on in ("any", operation):
                if left > 1:
                    self.pending[index] = (fault, left - 1)
                else:
                    del self.pending[index]
                return fault
        return None


async def misbehave(
    request: web.Request,
    fault: Fault,
    truth: web.StreamResponse | None,
    *,
    closing: asyncio.Event,
) -> web.StreamResponse:
    """Answer as a fault says.

    Args:
        request: The call.
        fault: What is to happen.
        truth: The true answer, where the call was carried out.
        closing: Set when the server stops; nothing is waited for any longer then.
    """
    if fault.delay and not await keep_waiting(request, fault.delay, closing=closing):
        return _cut(request, abort=True)
    if fault.answer == "true" and truth is not None:
        return truth
    if fault.answer == "reset":
        return _cut(request, abort=True)
    if fault.answer == "error":
        return _error(fault)
    response = web.StreamResponse(status=fault.status, headers={"Content-Type": "application/json"})
    if fault.answer == "truncate":
        response.content_length = 1000
        await response.prepare(request)
        await response.write(b'{"id": "sess_')
        _cut(request, abort=False)
        return response
    await response.prepare(request)
    try:
        if fault.answer == "huge":
            for _ in range(HUGE_BYTES // 65536):
                await response.write(b" " * 65536)
        else:
            await response.write(b" ")
            while await keep_waiting(request, _DRIP_SECONDS, closing=closing):
                await response.write(b" ")
            _cut(request, abort=True)
    except ConnectionError:
        return response  # whoever asked has had enough, which is the point
    return response


def _error(fault: Fault) -> web.Response:
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else None
    if isinstance(fault.body, str):
        return web.Response(
            status=fault.status, text=fault.body, content_type="text/html", headers=headers
        )
    if fault.body is None:
        return web.Response(status=fault.status, headers=headers)
    return web.json_response(fault.body, status=fault.status, headers=headers)


def _cut(request: web.Request, *, abort: bool) -> web.Response:
    transport = request.transport
    if transport is not None:
        transport.abort() if abort else transport.close()
    return web.Response()
