"""What a demo uses where the provider's credentials are missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from avatar_core.contract.errors import AvatarError, ConfigurationError
from avatar_core.contract.models import Credential, StandIn
from avatar_core.demo.progress import Progress
from avatar_core.discovery.default import default_registry
from avatar_core.discovery.loaded import LoadedProvider
from avatar_core.discovery.selection_grammar import Candidate, parse_selection


class StandInFailedError(AvatarError):
    """The provider's stand-in could not be run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenStandIn:
    """A stand-in that is going to be used.

    Args:
        provider: Name of the provider it stands in for.
        offer: What the provider offers.
        reason: Which variables are not set, as the first half of a sentence.
    """

    provider: str
    offer: StandIn
    reason: str

    @contextmanager
    def running(self, progress: Progress) -> Iterator[Mapping[str, Any]]:
        """Run it, and say so.

        Args:
            progress: Where it is said.

        Yields:
            Options for the provider.

        Raises:
            StandInFailedError: It could not be started; the cause is chained.
        """
        progress.status(f"starting {self.offer.title}")
        with ExitStack() as stack:
            try:
                options = stack.enter_context(self.offer.run())
            except Exception as exc:
                raise StandInFailedError(
                    f"{self.offer.title} could not be started ({type(exc).__name__})"
                ) from exc
            progress.line(f"{self.reason}: this call uses {self.offer.title} on this machine")
            yield options


def choose_stand_in(spec: str, *, ask: Callable[[str], bool] | None) -> ChosenStandIn | None:
    """Find what stands in for a provider whose credentials are missing.

    Where several providers are named for failover, none is looked for: the others are the
    remedy.

    Args:
        spec: The provider, in the grammar of ``AVATAR_PROVIDER``.
        ask: Asks a yes-or-no question; None uses a stand-in without asking.

    Returns:
        The stand-in; None where no credential is missing, or the provider has none.

    Raises:
        ConfigurationError: There is one, and it is not wanted or not installed.
        AvatarError: There is no such provider, or the spec is wrong.
    """
    candidates = parse_selection(spec)
    if len(candidates) != 1:
        return None
    provider = default_registry().get(candidates[0].name)
    given = _given(candidates[0], provider)
    missing = [each for each in provider.info.credentials if each.option not in given]
    if not missing:
        return None
    offer = _offer(provider)
    if offer is None or given & set(offer.options):
        return None
    reason = " and ".join(each.variable for each in missing) + (
        " is not set" if len(missing) == 1 else " are not set"
    )
    if offer.install is not None:
        raise ConfigurationError(
            f"{reason}: {_remedy(missing)}, or try {offer.title} on this machine without it:"
            f" {offer.install}"
        )
    if ask is not None and not ask(f"{reason}: use {offer.title} on this machine?"):
        raise ConfigurationError(f"{reason}: {_remedy(missing)}")
    return ChosenStandIn(provider=provider.name, offer=offer, reason=reason)


def _given(candidate: Candidate, provider: LoadedProvider) -> set[str]:
    given = {*candidate.text, *candidate.options}
    if candidate.avatar is not None and provider.info.avatar_option is not None:
        given.add(provider.info.avatar_option)
    variables = provider.info.options.environment_variables()
    return given | {option for option, variable in variables.items() if os.environ.get(variable)}


def _offer(provider: LoadedProvider) -> StandIn | None:
    if not provider.implements("local_stand_in"):
        return None
    offer = provider.caller("local_stand_in")()
    return offer if isinstance(offer, StandIn) else None


def _remedy(missing: list[Credential]) -> str:
    sources = ", ".join(each.description for each in missing if each.description)
    return ("set it" if len(missing) == 1 else "set them") + (f" ({sources})" if sources else "")
