"""What ``recover_session`` may answer."""

from __future__ import annotations

from avatar_core.contract.errors import ProviderError
from avatar_core.contract.models import StartedSession


def recovered_session(answer: object, *, provider: str) -> StartedSession | None:
    """Return the session that a provider found, or None where it says that there is none.

    Args:
        answer: What its ``recover_session`` returned.
        provider: Its name.

    Raises:
        ProviderError: It is neither, so there may be one all the same.
    """
    if answer is None or isinstance(answer, StartedSession):
        return answer
    raise ProviderError(
        f"recover_session returned {type(answer).__name__} and neither a StartedSession nor None;"
        " a defect of the provider",
        provider=provider,
    )
