"""Provider errors that are LiveKit's as well, for code that catches its ``APIError`` family."""

from __future__ import annotations

from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError

from avatar_core.contract.errors import ProviderError, ProviderTimeoutError


def as_livekit_error(error: ProviderError) -> ProviderError:
    """Return the same error as an instance of its own class and of LiveKit's matching one.

    A timeout is an ``APITimeoutError``; what retries could not help is an ``APIConnectionError``,
    as in LiveKit's plugins; an answer that refuses is an ``APIStatusError``.
    """
    if isinstance(error, APIError):
        return error
    if isinstance(error, ProviderTimeoutError):
        theirs: type[APIError] = APITimeoutError
    elif error.retryable:
        theirs = APIConnectionError
    elif error.status_code is not None:
        theirs = APIStatusError
    else:
        theirs = APIError
    both = _both(type(error), theirs)
    converted = both.__new__(both)
    converted.args = error.args
    converted.__dict__.update(error.__dict__)
    converted.__cause__ = error.__cause__
    converted.__suppress_context__ = error.__suppress_context__
    return converted.with_traceback(error.__traceback__)


_classes: dict[tuple[type[ProviderError], type[APIError]], type[ProviderError]] = {}


def _both(ours: type[ProviderError], theirs: type[APIError]) -> type[ProviderError]:
    """One class a pair, so that a caller's ``except`` and comparisons stay meaningful."""
    if (ours, theirs) not in _classes:
        _classes[ours, theirs] = type(
            ours.__name__, (ours, theirs), {"__module__": ours.__module__}
        )
    return _classes[ours, theirs]
