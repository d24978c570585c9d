"""A JSON API, as a provider's author wants to call it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from avatar_core.contract.errors import (
    ProviderError,
    ProviderInvalidResponseError,
    ProviderTimeoutError,
    StartUncertainError,
)
from avatar_core.contract.models import ConnectOptions
from avatar_core.provider_http.base_url import BaseUrl, QueryValue
from avatar_core.provider_http.error_table import ErrorTable
from avatar_core.provider_http.problem import read_problem
from avatar_core.provider_http.retry_after import retry_after_seconds
from avatar_core.provider_http.secret import ApiKey

if TYPE_CHECKING:
    from avatar_core.provider_http.attempt import HttpAnswer, HttpRequest
    from avatar_core.provider_http.pool import HttpPool

T = TypeVar("T")

LARGEST_ANSWER = 1024 * 1024
_HARMLESS = frozenset({"GET", "HEAD", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonApi:
    """Calls a JSON API through the connections of a call.

    Every call is bounded by its deadline, retried where that can help and do no harm, and fails
    with avatar-core's errors alone, whose texts hold neither a body nor the key.

    Args:
        pool: The connections, from the hook's request.
        base_url: Where the API is.
        key: Its key; None for an API without one.
        errors: Which answer is which error.
        connect: Retries, and the timeout of one attempt in seconds.
        user_agent: Who calls.
        largest_answer: Bytes an answer may have.
        clock: Seconds, monotonic, as the deadlines.
        wall_clock: Unix time, for dates in answers.
        sleep: Waits between attempts.
    """

    pool: HttpPool
    base_url: BaseUrl
    key: ApiKey | None = None
    errors: ErrorTable = ErrorTable()
    connect: ConnectOptions = ConnectOptions()
    user_agent: str = "avatar-core"
    largest_answer: int = LARGEST_ANSWER
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def get(
        self,
        *path: str,
        into: type[T],
        deadline: float,
        query: Iterable[tuple[str, QueryValue]] = (),
        public: bool = False,
    ) -> T:
        """Read something.

        Args:
            path: Segments of the path; each is escaped.
            into: What the answer has to be: a pydantic model, or a type such as ``list[Plan]``.
            deadline: ``clock`` value by which it has to be done.
            query: Names and values.
            public: Leave out the key.

        Raises:
            ProviderError: By its own class; see ``ErrorTable``.
        """
        return await self.call(
            "GET", *path, into=into, deadline=deadline, query=query, public=public
        )

    async def post(
        self,
        *path: str,
        into: type[T],
        deadline: float,
        body: object = None,
        idempotency_key: str | None = None,
        creates: bool = False,
        repeatable: bool | None = None,
    ) -> T:
        """Change something.

        Args:
            path: Segments of the path; each is escaped.
            into: What the answer has to be; an empty one counts as None.
            deadline: ``clock`` value by which it has to be done.
            body: Sent as JSON, the same bytes in every attempt; None for an empty body.
            idempotency_key: Sent in every attempt, so that they count as one request.
            creates: Makes a session: a failure that leaves open whether it did is a
                ``StartUncertainError``.
            repeatable: Doing it twice does no more than once; by default if there is an
                idempotency key.

        Raises:
            StartUncertainError: A session may exist.
            ProviderError: By its own class; see ``ErrorTable``.
        """
        return await self.call(
            "POST",
            *path,
            into=into,
            deadline=deadline,
            body=body,
            idempotency_key=idempotency_key,
            creates=creates,
            repeatable=repeatable,
        )

    async def call(
        self,
        method: str,
        *path: str,
        into: type[T],
        deadline: float,
        query: Iterable[tuple[str, QueryValue]] = (),
        body: object = None,
        idempotency_key: str | None = None,
        creates: bool = False,
        repeatable: bool | None = None,
        public: bool = False,
    ) -> T:
        """Call any method; see ``get`` and ``post``."""
        from avatar_core.provider_http.attempt import AttemptFailedError
        from avatar_core.provider_http.retrying import with_retries

        request = self._request(method, path, query, body, idempotency_key)
        if repeatable is None:
            repeatable = method in _HARMLESS or idempotency_key is not None
        may_have_worked = False

        async def attempt() -> T:
            nonlocal may_have_worked
            try:
                answer = await self._send(request, deadline=deadline, public=public)
                return self._read(answer, into)
            except AttemptFailedError as failed:
                may_have_worked = may_have_worked or failed.may_have_worked
                failed.again = failed.again and (repeatable or not failed.may_have_worked)
                raise

        try:
            return await with_retries(
                attempt,
                connect=self.connect,
                deadline=deadline,
                clock=self.clock,
                sleep=self.sleep,
                what=f"{method} /{path[0] if path else ''}",
            )
        except AttemptFailedError as failed:
            error = failed.error
        # Also when the last attempt was a plain refusal: an earlier one may have worked.
        if creates and may_have_worked:
            raise _uncertain(error) from error
        raise error

    async def prewarm(self, *path: str, deadline: float) -> None:
        """Open a connection, so that the next call pays for neither DNS nor TLS.

        Args:
            path: Something public and small; what it answers does not matter.
            deadline: ``clock`` value by which it has to be done.

        Raises:
            ProviderError: No connection.
        """
        from avatar_core.provider_http.attempt import AttemptFailedError

        request = self._request("GET", path, (), None, None)
        try:
            await self._send(request, deadline=deadline, public=True)
        except AttemptFailedError as failed:
            raise failed.error from failed.error.__cause__

    def _request(
        self,
        method: str,
        path: Iterable[str],
        query: Iterable[tuple[str, QueryValue]],
        body: object,
        idempotency_key: str | None,
    ) -> HttpRequest:
        from avatar_core.provider_http.attempt import HttpRequest

        headers = {"Accept": "application/json", "User-Agent": self.user_agent}
        data = None
        if body is not None:
            data = json.dumps(body, allow_nan=False).encode()
            headers["Content-Type"] = "application/json"
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        url = self.base_url.join(path, query)
        return HttpRequest(method=method, url=url, headers=headers, body=data)

    async def _send(self, request: HttpRequest, *, deadline: float, public: bool) -> HttpAnswer:
        from avatar_core.provider_http.attempt import AttemptFailedError, send

        remaining = deadline - self.clock()
        late = AttemptFailedError(
            ProviderTimeoutError("there was no time left for the call"),
            again=False,
            may_have_worked=False,
        )
        if remaining <= 0:
            raise late
        key: Mapping[str, str] = {}
        if self.key is not None and not public:
            try:
                key = await self.key.headers(timeout=remaining)
            except asyncio.TimeoutError:
                raise late from None
        remaining = deadline - self.clock()
        if remaining <= 0:
            raise late
        return await send(
            self.pool.session(direct=self.base_url.loopback),
            request,
            key=key,
            timeout=min(self.connect.timeout, remaining),
            largest=self.largest_answer,
        )

    def _read(self, answer: HttpAnswer, into: type[T]) -> T:
        from avatar_core.provider_http.attempt import AttemptFailedError

        if 200 <= answer.status < 300:
            try:
                return _parse(answer.body, into)
            except ValueError:  # pydantic's too; neither is chained, for they quote the body
                error = ProviderInvalidResponseError(
                    "the API's answer is not what it should be",
                    status_code=answer.status,
                    request_id=self._problem(answer).request_id,
                    body=answer.body,
                )
            raise AttemptFailedError(error, again=False, may_have_worked=True)
        problem = self._problem(answer)
        refusal, again = self.errors.error(problem)
        # A gateway's 5xx says nothing about what happened behind it, nor does a redirect; a 4xx
        # and the API's own 503 do.
        refused = 400 <= answer.status < 500 and answer.status not in (408, 499)
        open_question = not refused and not (answer.status == 503 and problem.told)
        raise AttemptFailedError(refusal, again=again, may_have_worked=open_question)

    def _problem(self, answer: HttpAnswer) -> Any:
        try:
            body = json.loads(answer.body)
        except (ValueError, RecursionError):
            body = answer.body
        return read_problem(
            status=answer.status,
            headers=answer.headers,
            body=body,
            retry_after=retry_after_seconds(answer.headers, now=self.wall_clock()),
        )


def _parse(body: bytes, into: type[T]) -> T:
    adapter: TypeAdapter[T] = TypeAdapter(into)
    try:
        return adapter.validate_json(body) if body else adapter.validate_python(None)
    except (ValidationError, RecursionError) as exc:
        raise ValueError(type(exc).__name__) from None


def _uncertain(error: ProviderError) -> StartUncertainError:
    return StartUncertainError(
        f"whether a session was created is not known: {error.message}",
        status_code=error.status_code,
        code=error.code,
        request_id=error.request_id,
        retry_after=error.retry_after,
        body=error.body,
    )
