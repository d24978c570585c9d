"""Which clauses do not apply to a provider, by what it says of itself."""

from __future__ import annotations

from avatar_core.contract.errors import AvatarError, ProviderLoadError
from avatar_core.contract.models import ProviderInfo
from avatar_core.discovery.default import get_provider
from avatar_core.discovery.entry_points import UnfitPluginError
from avatar_core.discovery.provider_checks import check_provider
from avatar_core.testing.conformance.adoption import Adoption
from avatar_core.testing.conformance.clauses import Clause, Need


def why_not(suite: type[Adoption], clause: Clause) -> str | None:
    """Say what keeps a clause from applying to a provider; None where it applies.

    Args:
        suite: The provider's test class.
        clause: Which one.
    """
    try:
        info = info_of(suite)
    except AvatarError:
        return None  # it cannot even be loaded: that is for the tests to say
    lacking = lacks(suite, info)
    return next((lacking[need] for need in clause.needs if need in lacking), None)


def info_of(suite: type[Adoption]) -> ProviderInfo:
    """Return what a provider says of itself.

    Args:
        suite: Its test class.

    Raises:
        AvatarError: It cannot be loaded.
    """
    if suite.plugin is None:
        return get_provider(suite.provider).info
    try:
        _, info = check_provider(suite.plugin, suite.provider)
    except UnfitPluginError as exc:
        raise ProviderLoadError(suite.provider, str(exc)) from exc.__cause__
    return info


def what_is_missing(suite: type[Adoption]) -> str | None:
    """Say what a test class has to say and does not; None where it says all.

    Args:
        suite: The test class.
    """
    if isinstance(getattr(suite, "provider", None), str):
        return None
    return (
        f"{suite.__name__} does not say which provider it holds to the contract: give it the name"
        ' of the entry point, as in provider = "acme"'
    )


def lacks(suite: type[Adoption], info: ProviderInfo) -> dict[Need, str]:
    """Return what a provider declares that it has not, with the words for it."""
    found: dict[Need, str] = {}
    if not info.credentials:
        found["credentials"] = "it declares no credentials"
    if not suite.reaches_an_api():
        found["http api"] = suite.no_api
    if info.tokens == "none":
        found["token"] = 'it declares tokens="none"'
    if not info.capabilities.explicit_end:
        found["explicit end"] = "it declares explicit_end=False"
    if info.capabilities.concurrent_sessions == 1:
        found["concurrency"] = "it declares concurrent_sessions=1"
    if suite.comes_back is None:
        found["coming back"] = suite.no_return
    return found
