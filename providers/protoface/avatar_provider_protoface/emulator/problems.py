"""Refusals, in the envelope that every answer but a 2xx has."""

from __future__ import annotations

from typing import Any

TYPES = {
    400: "invalid_request",
    401: "authentication",
    402: "quota_exceeded",
    403: "permission",
    404: "not_found",
    405: "invalid_request",
    408: "service_unavailable",
    409: "conflict",
    413: "invalid_request",
    422: "unprocessable",
    429: "rate_limit",
    500: "internal",
    503: "service_unavailable",
}


class ApiProblemError(Exception):
    """A request is refused.

    Args:
        status: HTTP status.
        code: Machine-readable code.
        message: For people.
        param: Dot-path of the field it is about.
        kind: Class of errors; by the status if not given.
        retry_after: Seconds, sent as ``Retry-After``.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        kind: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.kind = kind or TYPES.get(status, "internal")
        self.retry_after = retry_after

    def envelope(self, request_id: str) -> dict[str, Any]:
        """Return the body."""
        return {
            "error": {
                "type": self.kind,
                "code": self.code,
                "message": self.message,
                "param": self.param,
                "request_id": request_id,
            }
        }
