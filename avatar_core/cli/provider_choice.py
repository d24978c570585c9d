"""The providers that a command is about: named on the command line or by ``AVATAR_PROVIDER``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from avatar_core.contract.errors import ConfigurationError
from avatar_core.discovery.default import default_registry
from avatar_core.discovery.environment import PROVIDER_VARIABLE
from avatar_core.discovery.selection import Resolved, Selection
from avatar_core.discovery.selection_grammar import Candidate, parse_selection


def choose_providers(
    given: str | None, options: Sequence[str], *, hook: str
) -> tuple[Resolved, ...]:
    """Resolve what was chosen to providers that have a hook.

    Args:
        given: ``--provider``, in the grammar of ``AVATAR_PROVIDER``; None takes that variable.
        options: ``key=value`` each, for the one provider that is named.
        hook: What the command calls. Of several providers, those without it are left out.

    Raises:
        AvatarError: Nothing is chosen, or it does not exist, cannot be used or lacks the hook;
            or an option is wrong.
    """
    source = "--provider" if given else PROVIDER_VARIABLE
    written = given or os.environ.get(PROVIDER_VARIABLE, "").strip()
    if not written:
        raise ConfigurationError(
            f"no avatar provider is chosen: give --provider NAME, or set {PROVIDER_VARIABLE}"
            f" ({_having(hook)})"
        )
    candidates = parse_selection(written, source=source)
    if not candidates:
        raise ConfigurationError(
            f"{source} is 'off', which is no provider: give --provider NAME ({_having(hook)})"
        )
    if options:
        candidates = (_with_options(candidates, options),)
    chosen = Selection(candidates=candidates).resolve(default_registry())
    able = tuple(each for each in chosen if each.provider.implements(hook))
    if not able:
        names = " and ".join(dict.fromkeys(repr(each.provider.name) for each in chosen))
        raise ConfigurationError(
            f"provider {names} cannot do this: it has no hook {hook} ({_having(hook)})"
        )
    return able


def _having(hook: str) -> str:
    rows = default_registry().list_providers(load=True, members=False)
    names = sorted({row.name for row in rows if hook in row.hooks})
    return f"providers that can: {', '.join(names) or 'none'}"


def _with_options(candidates: tuple[Candidate, ...], options: Sequence[str]) -> Candidate:
    if len(candidates) > 1:
        raise ConfigurationError(
            "--option belongs to one provider, and several are given: write each one's options"
            " behind its name, name?option=value"
        )
    text = dict(candidates[0].text)
    for item in options:
        key, equals, value = item.partition("=")
        key = key.strip()
        if not equals or not key.isidentifier():
            raise ConfigurationError("--option is not of the form key=value")
        text[key] = (*text.get(key, ()), value)
    return replace(candidates[0], text=text)
