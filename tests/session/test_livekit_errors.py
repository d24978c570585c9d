from __future__ import annotations

import pytest
from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError

from avatar_core.contract import errors
from avatar_core.contract.errors import ProviderError
from avatar_core.session.livekit_errors import as_livekit_error

CASES: list[tuple[ProviderError, type[APIError]]] = [
    (errors.ProviderTimeoutError("no answer"), APITimeoutError),
    (errors.ProviderUnavailableError("down", status_code=503), APIConnectionError),
    (errors.ProviderRateLimitError("slow down", status_code=429), APIConnectionError),
    (errors.StartUncertainError("lost"), APIConnectionError),
    (errors.ProviderAuthError("refused", status_code=401), APIStatusError),
    (errors.ProviderRejectedError("no such avatar", status_code=422), APIStatusError),
    (errors.ProviderQuotaError("no credits", status_code=402), APIStatusError),
    (errors.ProviderQuotaError("no credits"), APIError),
    (errors.ProviderInvalidResponseError("nonsense"), APIError),
]


@pytest.mark.parametrize(("error", "theirs"), CASES, ids=lambda value: str(value)[:30])
def test_an_error_is_livekits_as_well_as_ours(error: ProviderError, theirs: type[APIError]) -> None:
    converted = as_livekit_error(error)
    assert isinstance(converted, theirs)
    assert isinstance(converted, type(error))
    assert type(converted).__name__ == type(error).__name__


@pytest.mark.parametrize(("error", "theirs"), CASES, ids=lambda value: str(value)[:30])
def test_its_facts_and_text_stay(error: ProviderError, theirs: type[APIError]) -> None:
    converted = as_livekit_error(error)
    assert str(converted) == str(error)
    assert repr(converted) == repr(error)
    for fact in ("message", "provider", "status_code", "code", "request_id", "retryable", "body"):
        assert getattr(converted, fact) == getattr(error, fact)


def test_cause_and_traceback_stay() -> None:
    try:
        try:
            raise KeyError("secret")
        except KeyError as exc:
            raise errors.ProviderUnavailableError("down") from exc
    except ProviderError as exc:
        converted = as_livekit_error(exc)
        assert converted.__cause__ is exc.__cause__
        assert converted.__traceback__ is exc.__traceback__
    assert "secret" not in str(converted) + repr(converted)


def test_one_class_a_pair_and_no_second_conversion() -> None:
    first = as_livekit_error(errors.ProviderTimeoutError("a"))
    second = as_livekit_error(errors.ProviderTimeoutError("b"))
    assert type(first) is type(second)
    assert as_livekit_error(first) is first
