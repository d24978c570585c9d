"""What a plugin raised, or only logged, as one of avatar-core's errors."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import re
from collections.abc import Iterator
from types import TracebackType

import aiohttp
from livekit.agents import APITimeoutError
from typing_extensions import Self

from avatar_core.contract.errors import (
    AvatarError,
    ProviderAuthError,
    ProviderError,
    ProviderQuotaError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    StartUncertainError,
)
from avatar_core.provider_http.error_table import ErrorTable
from avatar_core.provider_http.problem import ApiProblem

_STATUSES = ErrorTable()
_STATUS_IN_PROSE = re.compile(r"\b([45]\d\d)\b")
# Vendors answer a used-up plan with 400, 402, 403, 409 or 429, and say which it is in prose.
_QUOTA = re.compile(r"quota|credit|concurren|insufficient|limit (?:reached|exceeded)|billing", re.I)
_AUTH = re.compile(
    r"unauthori[sz]ed|forbidden|(?:invalid|wrong|missing) (?:api )?(?:key|token)", re.I
)

_listening: contextvars.ContextVar[LoggedTrouble | None] = contextvars.ContextVar(
    "avatar_livekit_logged_trouble", default=None
)


class LoggedTrouble(logging.Handler):
    """Listens to what a plugin logs while it starts.

    Two plugins log a failure and return as if all were well, others hide the status of an answer
    in a log line and raise without it (livekit plugins 1.8.9). Only what this task and its own
    log is taken: another call may be starting the same plugin.

    Args:
        package: The plugin's package, which is the name of its logger.
    """

    def __init__(self, package: str) -> None:
        super().__init__(level=logging.WARNING)
        self._logger = logging.getLogger(package)
        self._token: contextvars.Token[LoggedTrouble | None] | None = None
        self.error: BaseException | None = None
        """The latest error that was logged."""
        self.status: int | None = None
        """The latest HTTP status."""
        self.words = ""
        """What was said; to be read, never to be printed."""

    def __enter__(self) -> Self:
        self._token = _listening.set(self)
        self._logger.addHandler(self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._logger.removeHandler(self)
        if self._token is not None:
            _listening.reset(self._token)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record down."""
        if _listening.get() is not self:
            return
        told = record.exc_info[1] if record.exc_info else None
        said: object = record.msg
        self.error = told or (said if isinstance(said, BaseException) else self.error)
        extra = getattr(record, "error", "")
        self.words = f"{said} {extra}"
        status = getattr(record, "status_code", None)
        if status is None and (found := _STATUS_IN_PROSE.search(self.words)) is not None:
            status = int(found[1])
        self.status = status if isinstance(status, int) else self.status


def start_error(exc: BaseException, logged: LoggedTrouble) -> AvatarError:
    """Turn what a plugin's start raised into our error; chain the cause yourself.

    Args:
        exc: What it raised.
        logged: What it logged meanwhile.
    """
    if isinstance(exc, AvatarError):
        return exc
    chain = [*_chain(exc), *(_chain(logged.error) if logged.error is not None else ())]
    for each in chain:
        status = _status(each)
        if status is not None and status >= 400:
            return _of_status(status, body=getattr(each, "body", None), words=str(each))
    if logged.status is not None and logged.status >= 400:
        return _of_status(logged.status, body=None, words=logged.words)
    words = " ".join(str(each) for each in chain)
    if any(isinstance(each, (asyncio.TimeoutError, APITimeoutError)) for each in chain):
        return ProviderTimeoutError("its API did not answer in time; a session may exist there")
    if any(isinstance(each, (aiohttp.ClientConnectorError, aiohttp.InvalidURL)) for each in chain):
        return ProviderUnavailableError("its API cannot be reached: check the network and api_url")
    if (kind := _prose(words)) is not None:
        return kind
    if any(isinstance(each, (aiohttp.ContentTypeError, ValueError, LookupError)) for each in chain):
        return StartUncertainError(
            "its API's answer could not be read by LiveKit's plugin; a session may exist there"
        )
    return StartUncertainError(
        f"LiveKit's plugin raised {type(exc).__name__}, which is chained; a session may exist at"
        " the vendor, and it cannot be asked"
    )


def silent_error(logged: LoggedTrouble) -> ProviderError:
    """Say what went wrong where a plugin returned and has installed nothing.

    Args:
        logged: What it logged meanwhile.
    """
    if logged.status is not None and logged.status >= 400:
        return _of_status(logged.status, body=None, words=logged.words)
    return _prose(logged.words) or StartUncertainError(
        "LiveKit's plugin returned without an audio output: its start failed, and it only logged"
        " that. A session may exist at the vendor"
    )


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while exc is not None and id(exc) not in seen:
        seen.add(id(exc))
        yield exc
        exc = exc.__cause__ or exc.__context__


def _status(exc: BaseException) -> int | None:
    for name in ("status_code", "status"):
        found = getattr(exc, name, None)
        if isinstance(found, int) and not isinstance(found, bool):
            return found
    return None


def _of_status(status: int, *, body: object, words: str) -> ProviderError:
    if status in (400, 402, 403, 409, 429) and _QUOTA.search(f"{words} {body}"):
        return ProviderQuotaError(
            "credits or concurrent sessions are used up, as the vendor says",
            status_code=status,
            body=body,
        )
    error, _ = _STATUSES.error(ApiProblem(status=status, body=body))
    return error


def _prose(words: str) -> ProviderError | None:
    if _AUTH.search(words):
        return ProviderAuthError("the vendor refused the credentials")
    if _QUOTA.search(words):
        return ProviderQuotaError("credits or concurrent sessions are used up")
    return None
