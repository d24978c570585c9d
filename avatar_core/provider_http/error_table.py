"""Which answer is which error, and which is worth another attempt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from avatar_core.contract.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderInvalidResponseError,
    ProviderQuotaError,
    ProviderRateLimitError,
    ProviderRejectedError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from avatar_core.provider_http.problem import ApiProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRule:
    """One line of an error table; what is None fits everything.

    Args:
        error: What to raise.
        say: What failed and what to do about it, in words of the provider's author; or a function
            that says it. The API's own message must not be passed on: it may hold anything.
        status: HTTP status.
        kind: The API's class of errors.
        code: The API's code.
        again: Whether the same request is sent again.
    """

    error: type[ProviderError]
    say: str | Callable[[ApiProblem], str]
    status: int | None = None
    kind: str | None = None
    code: str | None = None
    again: bool = False

    def fits(self, problem: ApiProblem) -> bool:
        """Tell whether the rule is about this answer."""
        return (
            self.status in (None, problem.status)
            and self.kind in (None, problem.kind)
            and self.code in (None, problem.code)
        )


# 408, 429 and nginx's 499 say that the server did not take up the request: of all that blames
# the caller only these are worth another attempt.
_BY_STATUS: tuple[ErrorRule, ...] = (
    ErrorRule(status=401, error=ProviderAuthError, say="the API key was refused"),
    ErrorRule(status=402, error=ProviderQuotaError, say="the credits are used up"),
    ErrorRule(status=403, error=ProviderAuthError, say="the API key lacks a permission"),
    ErrorRule(status=408, error=ProviderTimeoutError, say="the API timed out", again=True),
    ErrorRule(status=429, error=ProviderRateLimitError, say="too many calls", again=True),
    ErrorRule(status=499, error=ProviderTimeoutError, say="the API timed out", again=True),
)


class ErrorTable:
    """Turns answers into errors: a provider's own rules first, then those of HTTP.

    Args:
        rules: The provider's, the first that fits wins.
    """

    def __init__(self, rules: Sequence[ErrorRule] = ()) -> None:
        self._rules = (*rules, *_BY_STATUS)

    def error(self, problem: ApiProblem) -> tuple[ProviderError, bool]:
        """Return the error for an answer, and whether to send the request again."""
        rule = next((rule for rule in self._rules if rule.fits(problem)), None) or _other(problem)
        said = rule.say if isinstance(rule.say, str) else rule.say(problem)
        error = rule.error(
            said,
            status_code=problem.status,
            code=problem.code,
            request_id=problem.request_id,
            retryable=rule.again,
            retry_after=problem.retry_after,
            body=problem.body,
        )
        return error, rule.again


def _other(problem: ApiProblem) -> ErrorRule:
    if problem.status >= 500:
        return ErrorRule(error=ProviderUnavailableError, say="the API failed", again=True)
    if problem.status >= 400:
        about = f" because of {problem.param!r}" if problem.param else ""
        return ErrorRule(error=ProviderRejectedError, say=f"the API refused the request{about}")
    return ErrorRule(
        error=ProviderInvalidResponseError,
        say="the API answered with a redirect, which is not followed with a key: check its address",
    )
