"""One request and its answer: bounded in time and size, redirects not followed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from avatar_core.contract.errors import (
    ProviderError,
    ProviderInvalidResponseError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from avatar_core.provider_http.pool import SentMark


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What is sent, the same in every attempt.

    Args:
        method: HTTP method.
        url: Its address, escaped already.
        headers: Without the key.
        body: JSON as bytes; None for no body.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What came back, complete.

    Args:
        status: HTTP status.
        headers: Names in any case.
        body: As bytes.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class AttemptFailedError(Exception):
    """An attempt came to nothing.

    Args:
        error: What to raise if it was the last one.
        again: Whether another attempt makes sense.
        may_have_worked: Whether the API may have done what it was asked to do.
    """

    def __init__(self, error: ProviderError, *, again: bool, may_have_worked: bool) -> None:
        super().__init__(type(error).__name__)
        self.error = error
        self.again = again
        self.may_have_worked = may_have_worked


async def send(
    session: aiohttp.ClientSession,
    request: HttpRequest,
    *,
    key: Mapping[str, str],
    timeout: float,
    largest: int,
) -> HttpAnswer:
    """Send a request once.

    Args:
        session: From an ``HttpPool``.
        request: What to send.
        key: Headers that carry the API key.
        timeout: Seconds until the last byte of the answer.
        largest: Bytes an answer may have.

    Raises:
        AttemptFailedError: No complete answer came.
    """
    mark = SentMark()
    try:
        async with session.request(
            request.method,
            URL(request.url, encoded=True),
            data=request.body,
            headers={**request.headers, **key},
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=timeout),
            trace_request_ctx=mark,
        ) as response:
            body = await _read(response, largest)
            return HttpAnswer(status=response.status, headers=response.headers, body=body)
    except asyncio.TimeoutError as exc:
        error = ProviderTimeoutError(f"no answer within {timeout:.3g} s")
        error.__cause__ = exc
        raise AttemptFailedError(error, again=True, may_have_worked=mark.sent) from None
    except (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError) as exc:
        untrusted = ProviderUnavailableError(
            "no encrypted connection: its certificate was not accepted", retryable=False
        )
        untrusted.__cause__ = exc
        raise AttemptFailedError(untrusted, again=False, may_have_worked=False) from None
    except (aiohttp.ClientError, OSError, ValueError) as exc:
        # ValueError: what aiohttp's parser and its decompressors raise for some kinds of garbage.
        lost = ProviderUnavailableError(
            "the connection was lost before the whole answer had come"
            if mark.sent
            else "the API cannot be reached"
        )
        if not isinstance(exc, aiohttp.ClientResponseError):  # those hold the request's headers
            lost.__cause__ = exc
        raise AttemptFailedError(lost, again=True, may_have_worked=mark.sent) from None


async def _read(response: aiohttp.ClientResponse, largest: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(64 * 1024):
        size += len(part)
        if size > largest:
            response.close()  # reading on, to keep the connection, is what it is limited against
            error = ProviderInvalidResponseError(
                f"the answer is larger than {largest} bytes", status_code=response.status
            )
            raise AttemptFailedError(error, again=False, may_have_worked=True)
        parts.append(part)
    return b"".join(parts)
