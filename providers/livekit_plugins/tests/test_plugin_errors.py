"""What plugins raise, or only log, is told as what it is."""

from __future__ import annotations

import logging

import aiohttp
import pytest
from livekit.agents import APIConnectionError, APIStatusError, APITimeoutError

from avatar_core.contract.errors import (
    AvatarError,
    ProviderAuthError,
    ProviderQuotaError,
    ProviderRateLimitError,
    ProviderRejectedError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    StartUncertainError,
)
from avatar_provider_livekit.plugin_errors import LoggedTrouble, silent_error, start_error

PACKAGE = "livekit.plugins.of_a_test"


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (APIStatusError("no", status_code=401), ProviderAuthError),
        (APIStatusError("no", status_code=402), ProviderQuotaError),
        (APIStatusError("no", status_code=422), ProviderRejectedError),
        (APIStatusError("slow down", status_code=429), ProviderRateLimitError),
        (
            APIStatusError("no", status_code=400, body="maximum concurrent conversations"),
            ProviderQuotaError,
        ),
        (APIStatusError("oops", status_code=503), ProviderUnavailableError),
        (
            caused(APIConnectionError("all retries"), APIStatusError("x", status_code=503)),
            ProviderUnavailableError,
        ),
        (APITimeoutError(), ProviderTimeoutError),
        (caused(APIConnectionError(), aiohttp.ServerDisconnectedError()), StartUncertainError),
        (RuntimeError("401 Unauthorized"), ProviderAuthError),
        (KeyError("conversation_id"), StartUncertainError),
        (RuntimeError("whatever"), StartUncertainError),
    ],
)
def test_what_is_raised_has_a_kind_and_its_words_are_not_passed_on(
    raised: Exception, kind: type[AvatarError]
) -> None:
    with LoggedTrouble(PACKAGE) as logged:
        error = start_error(raised, logged)
    assert type(error) is kind
    assert "concurrent conversations" not in str(error) and "whatever" not in str(error)


def test_a_failure_that_is_only_logged_is_told_by_the_status_in_the_log() -> None:
    logger = logging.getLogger(f"{PACKAGE}.api")
    with LoggedTrouble(PACKAGE) as logged:
        logger.error("failed to create the token", extra={"status_code": 401})
        assert type(silent_error(logged)) is ProviderAuthError
        logger.error(RuntimeError("API request failed: 503 {}"))
        assert type(silent_error(logged)) is ProviderUnavailableError
    assert not logging.getLogger(PACKAGE).handlers


def test_the_status_of_an_attempt_that_was_logged_is_not_lost() -> None:
    with LoggedTrouble(PACKAGE) as logged:
        try:
            raise APIStatusError("down", status_code=502)
        except APIStatusError:
            logging.getLogger(PACKAGE).exception("failed to call the API")
        error = start_error(APIConnectionError("after all retries"), logged)
    assert (type(error), getattr(error, "status_code", None)) == (ProviderUnavailableError, 502)


def test_what_another_call_logs_meanwhile_is_not_taken() -> None:
    with LoggedTrouble(PACKAGE) as first, LoggedTrouble(PACKAGE) as second:
        logging.getLogger(PACKAGE).error("refused", extra={"status_code": 401})
    assert (first.status, second.status) == (None, 401)
    with LoggedTrouble(PACKAGE) as silent:
        assert type(silent_error(silent)) is StartUncertainError
