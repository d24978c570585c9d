from __future__ import annotations

import asyncio
import inspect

import pytest

from avatar_core.contract import errors
from avatar_core.contract.errors import AvatarError, ProviderError

PROVIDER_ERRORS = [
    error
    for error in vars(errors).values()
    if inspect.isclass(error) and issubclass(error, ProviderError)
]
RETRYABLE = {
    "ProviderRateLimitError",
    "ProviderTimeoutError",
    "ProviderUnavailableError",
    "StartUncertainError",
}


def test_everything_that_is_raised_has_one_base() -> None:
    raised = [e for e in vars(errors).values() if inspect.isclass(e) and issubclass(e, Exception)]
    assert [e for e in raised if not issubclass(e, AvatarError)] == []
    assert [e for e in raised if not e.__name__.endswith("Error")] == []


def test_errors_are_what_python_calls_their_kind_too() -> None:
    assert issubclass(errors.ConfigurationError, ValueError)
    assert issubclass(errors.SessionStateError, RuntimeError)
    assert issubclass(errors.ProviderNotFoundError, LookupError)
    assert issubclass(errors.AvatarNotJoinedError, asyncio.TimeoutError)


@pytest.mark.parametrize("kind", PROVIDER_ERRORS, ids=lambda kind: kind.__name__)
def test_its_text_has_what_support_needs_and_no_body(kind: type[ProviderError]) -> None:
    error = kind(
        "the session was not made",
        provider="acme",
        status_code=503,
        code="overloaded",
        request_id="req_1",
        body={"token": "secret-1"},
    )
    try:
        raise error from RuntimeError("secret-2")
    except ProviderError:
        pass
    text = "acme: the session was not made (status 503, code overloaded, request id req_1)"
    assert str(error) == text
    assert repr(error) == f"{kind.__name__}({text!r})"
    assert error.body == {"token": "secret-1"}


@pytest.mark.parametrize("kind", PROVIDER_ERRORS, ids=lambda kind: kind.__name__)
def test_each_kind_knows_whether_a_retry_may_help(kind: type[ProviderError]) -> None:
    assert kind("x").retryable is (kind.__name__ in RETRYABLE)
    assert kind("x", retryable=True).retryable is True
    assert kind("x", retryable=False).retryable is False


def test_facts_that_are_not_known_are_not_printed() -> None:
    assert str(ProviderError("it failed")) == "it failed"
    assert str(ProviderError("it failed", status_code=0)) == "it failed (status 0)"


def test_not_found_says_what_there_is_and_what_to_do() -> None:
    error = errors.ProviderNotFoundError("tavis", installed=["mock", "acme"], hint="did you mean x")
    assert str(error) == (
        "no avatar provider named 'tavis' (installed: acme, mock); did you mean x"
    )
    assert (
        str(errors.ProviderNotFoundError("x")) == "no avatar provider named 'x' (installed: none)"
    )


def test_a_load_error_says_whose_it_is() -> None:
    error = errors.ProviderLoadError("acme", "it is a class", distribution="avatar-acme")
    assert str(error) == ("avatar provider 'acme' (from avatar-acme) cannot be used: it is a class")
