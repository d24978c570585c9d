"""Everything avatar-core raises.

    AvatarError
    ├── ConfigurationError            the caller's options, credentials or room are wrong
    ├── SessionStateError             the call does not fit the session's state (start twice)
    ├── AvatarNotJoinedError          the avatar is not coming; also an asyncio.TimeoutError
    ├── ProviderNotFoundError         nobody registered that name
    ├── ProviderLoadError             installed, but broken, duplicate, blocked or incompatible
    └── ProviderError                 the provider or its API failed
        ├── ProviderAuthError         the credentials were refused
        ├── ProviderQuotaError        credits or concurrent sessions are used up
        ├── ProviderRateLimitError    too many calls; later it works
        ├── ProviderRejectedError     the request itself was refused (4xx)
        ├── ProviderTimeoutError      no answer before the deadline
        ├── ProviderUnavailableError  the provider is down or unreachable
        ├── ProviderInvalidResponseError  the answer makes no sense
        └── StartUncertainError       a session may exist: recover_session can tell

``str()`` and ``repr()`` never contain a response body, the text of a cause or a secret.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import ClassVar


class AvatarError(Exception):
    """Base of every error that avatar-core raises."""


class ConfigurationError(AvatarError, ValueError):
    """Options, credentials or the room do not fit; a retry without a change cannot help."""


class SessionStateError(AvatarError, RuntimeError):
    """The call does not fit the state of the session, such as a second ``start()``."""


class AvatarNotJoinedError(AvatarError, asyncio.TimeoutError):
    """The avatar has not joined, and waiting longer cannot help."""


class ProviderNotFoundError(AvatarError, LookupError):
    """No installed package and no ``register_provider`` call knows the name.

    Args:
        name: The name asked for.
        installed: Names that exist.
        hint: What to do, a sentence without a full stop.
    """

    def __init__(self, name: str, *, installed: Iterable[str] = (), hint: str = "") -> None:
        self.name = name
        self.installed = tuple(sorted(installed))
        self.hint = hint
        known = ", ".join(self.installed) or "none"
        super().__init__(
            f"no avatar provider named {name!r} (installed: {known})"
            + (f"; {hint}" if hint else "")
        )


class ProviderLoadError(AvatarError):
    """The provider is installed and cannot be used.

    Args:
        name: The provider's name.
        reason: What is wrong with it, in one sentence.
        distribution: The distribution that brought it, if known.
    """

    def __init__(self, name: str, reason: str, *, distribution: str | None = None) -> None:
        self.name = name
        self.reason = reason
        self.distribution = distribution
        origin = f" (from {distribution})" if distribution else ""
        super().__init__(f"avatar provider {name!r}{origin} cannot be used: {reason}")


class ProviderError(AvatarError):
    """The provider, or the API behind it, failed.

    Args:
        message: What failed, whose fault it is and what to do; no body, no secret.
        provider: The provider's name, when the raiser knows it; the core fills it in.
        status_code: HTTP status of the answer, or None without one.
        code: The API's own machine-readable code.
        request_id: The API's id of the request, for its support.
        retryable: Whether the same call may succeed later; None takes the class's default.
        retry_after: Seconds after which the API asks to be called again.
        body: The answer's body, for the caller's eyes only: never in ``str()`` or ``repr()``.
    """

    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        status_code: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
        body: object = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.status_code = status_code
        self.code = code
        self.request_id = request_id
        self.retryable = self.default_retryable if retryable is None else retryable
        self.retry_after = retry_after
        self.body = body

    def __str__(self) -> str:
        prefix = f"{self.provider}: " if self.provider else ""
        facts = ", ".join(
            f"{label} {value}"
            for label, value in (
                ("status", self.status_code),
                ("code", self.code),
                ("request id", self.request_id),
            )
            if value is not None
        )
        return f"{prefix}{self.message}" + (f" ({facts})" if facts else "")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class ProviderAuthError(ProviderError):
    """The provider refused the credentials; failover does not hide this."""


class ProviderQuotaError(ProviderError):
    """Credits, minutes or concurrent sessions are used up."""


class ProviderRateLimitError(ProviderError):
    """Too many calls in too short a time."""

    default_retryable = True


class ProviderRejectedError(ProviderError):
    """The provider understood the request and refuses it."""


class ProviderTimeoutError(ProviderError):
    """No answer came before the deadline."""

    default_retryable = True


class ProviderUnavailableError(ProviderError):
    """The provider is down, overloaded or unreachable."""

    default_retryable = True


class ProviderInvalidResponseError(ProviderError):
    """The provider answered with something that makes no sense."""


class StartUncertainError(ProviderError):
    """Whether a session was created is unknown: its answer was lost, unreadable or incomplete."""

    default_retryable = True
