"""What an API says is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Short and plain, so that a hostile or confused API cannot put a key, a token or lines of its own
# into our logs.
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}")
_PARAM = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-\[\]]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiProblem:
    """An answer that is no success.

    Args:
        status: HTTP status.
        kind: The API's class of errors, such as ``rate_limit``.
        code: The API's own code.
        param: The field of the request it is about.
        request_id: The API's id of the request.
        retry_after: Seconds after which it asks to be called again.
        told: Whether the body was an error of this API, not a proxy's page.
        message: The API's own words: to be read by a provider, never to be printed.
        body: The body, parsed where it is JSON; never printed.
    """

    status: int
    kind: str | None = None
    code: str | None = None
    param: str | None = None
    request_id: str | None = None
    retry_after: float | None = None
    told: bool = False
    message: str = field(default="", repr=False)
    body: Any = field(default=None, repr=False)


def read_problem(
    *, status: int, headers: Mapping[str, str], body: Any, retry_after: float | None
) -> ApiProblem:
    """Read an error in one of the shapes that APIs use.

    Known are ``{"error": {"type", "code", "message", "param", "request_id"}}`` and the same
    names at the top.

    Args:
        status: HTTP status.
        headers: Of the answer.
        body: Parsed JSON, or text.
        retry_after: Seconds.
    """
    told = body if isinstance(body, dict) else {}
    if isinstance(told.get("error"), dict):
        told = told["error"]
    message = told.get("message") or told.get("detail") or ""
    request_id = told.get("request_id") or headers.get("X-Request-Id")
    return ApiProblem(
        status=status,
        kind=_plain(told.get("type"), _CODE),
        code=_plain(told.get("code"), _CODE),
        param=_plain(told.get("param"), _PARAM),
        request_id=_plain(request_id, _CODE),
        retry_after=retry_after,
        told=bool(told.get("code") or told.get("type")),
        message=message if isinstance(message, str) else "",
        body=body,
    )


def _plain(value: object, pattern: re.Pattern[str]) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None
