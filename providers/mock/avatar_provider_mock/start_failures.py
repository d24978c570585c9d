"""The errors that the mock fails to start with when told to."""

from __future__ import annotations

from avatar_core.contract import errors
from avatar_provider_mock.options import StartFailure

REQUEST_ID = "req_mock"


def start_failure(kind: StartFailure) -> Exception:
    """Return a fresh error of the kind asked for.

    Args:
        kind: An option value of ``fail``; ``defect`` is an error no provider should raise.
    """
    told = f"the mock was told to fail (fail={kind!r})"
    if kind == "auth":
        return errors.ProviderAuthError(
            told, status_code=401, code="mock.auth", request_id=REQUEST_ID
        )
    if kind == "quota":
        return errors.ProviderQuotaError(
            told, status_code=402, code="mock.quota", request_id=REQUEST_ID
        )
    if kind == "rate_limit":
        return errors.ProviderRateLimitError(
            told, status_code=429, code="mock.rate_limit", retry_after=1.0, request_id=REQUEST_ID
        )
    if kind == "rejected":
        return errors.ProviderRejectedError(
            told, status_code=422, code="mock.rejected", request_id=REQUEST_ID
        )
    if kind == "timeout":
        return errors.ProviderTimeoutError(told)
    if kind == "unavailable":
        return errors.ProviderUnavailableError(told, status_code=503, request_id=REQUEST_ID)
    if kind == "invalid_response":
        return errors.ProviderInvalidResponseError(told, status_code=200, request_id=REQUEST_ID)
    if kind == "uncertain":
        return errors.StartUncertainError(told)
    return RuntimeError(told)
