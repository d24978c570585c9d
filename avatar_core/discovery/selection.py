"""What the caller chose: by argument, by ``Provider`` objects or by ``AVATAR_PROVIDER``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from avatar_core.contract.errors import AvatarError, ConfigurationError, ProviderLoadError
from avatar_core.contract.options import RESERVED_OPTIONS, ProviderOptions
from avatar_core.discovery.default import default_registry
from avatar_core.discovery.entry_points import install_hint, raised
from avatar_core.discovery.environment import PROVIDER_VARIABLE
from avatar_core.discovery.foreign import adopted
from avatar_core.discovery.loaded import LoadedProvider
from avatar_core.discovery.option_text import options_from_text
from avatar_core.discovery.registry import ProviderRegistry
from avatar_core.discovery.selection_grammar import (
    Candidate,
    parse_selection,
    refuse_mixed_off,
)
from avatar_core.log import logger

__all__ = ["Candidate", "Provider", "Resolved", "Selection", "parse_selection", "select"]

_ARGUMENT = "the provider argument"

Chosen = Any
"""A name, a ``Provider``, or an object of a kind that an installed provider family knows."""


class Provider:
    """One provider with options of its own, for a list of several.

    Args:
        name: Its name; ``name/avatar`` and ``name/avatar?option=value`` are understood too.
        options: Its options; they are checked when the session is made, and never printed.
    """

    __slots__ = ("candidate",)

    def __init__(self, name: str, /, **options: Any) -> None:
        if not isinstance(name, str):
            raise ConfigurationError(f"Provider: its name must be text, not {type(name).__name__}")
        parsed = parse_selection(name, source="Provider")
        if len(parsed) > 1:
            raise ConfigurationError("Provider: it takes one name; make a Provider for each")
        candidate = parsed[0] if parsed else Candidate(name=name.strip().lower())
        self.candidate = replace(candidate, options=dict(options))
        reserved = sorted(RESERVED_OPTIONS & options.keys())
        if reserved:
            raise ConfigurationError(
                f"Provider {self.name!r}: {', '.join(reserved)} belongs to AvatarSession itself"
            )

    @property
    def name(self) -> str:
        """The provider's name, without avatar and options."""
        return self.candidate.name

    def __repr__(self) -> str:
        names = [*self.candidate.text, *self.candidate.options]
        shown = "".join(f", {name}=..." for name in dict.fromkeys(names))
        return f"Provider({self.name + ('/...' if self.candidate.avatar else '')!r}{shown})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A provider with its checked options, ready to start.

    Args:
        provider: The loaded provider.
        options: An instance of its options model.
    """

    provider: LoadedProvider
    options: ProviderOptions = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The providers to try, in order.

    Args:
        candidates: The providers asked for; none if ``off``. The same one may come twice: then
            it is tried twice.
        off: No avatar at all: voice only.
        from_environment: ``AVATAR_PROVIDER`` chose, not the code.
        keywords: Options in the code beside a choice of the environment; each provider takes its
            own.
    """

    candidates: tuple[Candidate, ...]
    off: bool = False
    from_environment: bool = False
    keywords: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def resolve(self, registry: ProviderRegistry) -> tuple[Resolved, ...]:
        """Load every candidate and check its options; nothing if ``off``.

        Args:
            registry: Where the providers are.

        Raises:
            ProviderNotFoundError: A candidate does not exist.
            ProviderLoadError: A candidate cannot be used.
            ConfigurationError: An option is unknown, wrong or given twice.
        """
        left_out: dict[str, list[str]] = {}
        resolved = tuple(
            self._resolve_one(candidate, registry, left_out) for candidate in self.candidates
        )
        if left_out:
            named = "; ".join(f"{name}: {', '.join(names)}" for name, names in left_out.items())
            logger.info(
                "%s chose the provider; options in the code that it does not know, or that the"
                " variable sets, are left out (%s)",
                PROVIDER_VARIABLE,
                named,
            )
        return resolved

    def _resolve_one(
        self, candidate: Candidate, registry: ProviderRegistry, left_out: dict[str, list[str]]
    ) -> Resolved:
        provider = candidate.adopted or registry.get(candidate.name)
        model = provider.info.options
        values = options_from_text(provider.name, model, candidate.text)
        given = dict(candidate.text)
        if candidate.avatar is not None:
            option = provider.info.avatar_option
            if option is None:
                valid = ", ".join(sorted(model.model_fields)) or "none"
                raise ConfigurationError(
                    f"avatar provider {provider.name!r} has no option for the avatar behind the"
                    f" slash (valid options: {valid})"
                )
            _set(provider.name, values, option, candidate.avatar)
            given.setdefault(option, (candidate.avatar,))
        for option, value in candidate.options.items():
            if option in values and _says_the_same(value, given[option]):
                continue
            _set(provider.name, values, option, value)
        for option, value in self.keywords.items():
            if option in values or option not in model.model_fields:
                left_out.setdefault(provider.name, []).append(option)
            else:
                values[option] = value
        return Resolved(provider=provider, options=_check(provider, values))


def _says_the_same(value: Any, written: tuple[str, ...]) -> bool:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return written in ((text,), (str(value),))


def _set(provider: str, values: dict[str, Any], option: str, value: Any) -> None:
    if option in values and values[option] != value:
        raise ConfigurationError(
            f"avatar provider {provider!r}: option {option!r} is given twice, with two values"
        )
    values[option] = value


def _check(provider: LoadedProvider, values: Mapping[str, Any]) -> ProviderOptions:
    model = provider.info.options
    try:
        return model.from_mapping(provider.name, values)
    except AvatarError:
        raise
    except Exception as exc:
        reason = raised("checking its options", exc, model.__module__)
        raise ProviderLoadError(provider.name, reason, distribution=provider.distribution) from exc


def select(
    argument: Chosen | Sequence[Chosen] | None,
    options: Mapping[str, Any],
    *,
    registry: ProviderRegistry | None = None,
) -> Selection:
    """Understand what the caller chose; nothing is imported yet.

    Args:
        argument: A name in the grammar of ``AVATAR_PROVIDER``, a ``Provider``, an object that a
            provider family can use, several of them in the order to try, or None for what
            ``AVATAR_PROVIDER`` says.
        options: The caller's keywords, without AvatarSession's own. Beside ``off`` they mean
            nothing: the same code runs with and without an avatar.
        registry: Asked for the installed names when nothing was chosen; None is the process's.

    Raises:
        ConfigurationError: Nothing was chosen, the grammar is violated, or keywords were given
            beside several providers.
    """
    if argument is None:
        return _from_environment(options, registry)
    candidates = _candidates(argument, registry or default_registry())
    if not candidates:
        return Selection(candidates=(), off=True)
    if options and len(candidates) > 1:
        names = ", ".join(sorted(options))
        raise ConfigurationError(
            f"several providers are given, so nobody knows whose these options are: {names};"
            ' write them into each, as in Provider("name", option=value)'
        )
    if options:
        first = candidates[0]
        for name in sorted(options.keys() & first.options.keys()):
            if options[name] != first.options[name]:
                raise ConfigurationError(
                    f"avatar provider {first.name!r}: option {name!r} is given twice, with two"
                    " values"
                )
        candidates = (replace(first, options={**first.options, **options}),)
    return Selection(candidates=candidates)


def _from_environment(options: Mapping[str, Any], registry: ProviderRegistry | None) -> Selection:
    text = os.environ.get(PROVIDER_VARIABLE, "").strip()
    if not text:
        raise _nothing_chosen(registry)
    candidates = parse_selection(text, source=PROVIDER_VARIABLE)
    if not candidates:
        return Selection(candidates=(), off=True, from_environment=True)
    return Selection(candidates=candidates, from_environment=True, keywords=dict(options))


def _nothing_chosen(registry: ProviderRegistry | None) -> ConfigurationError:
    rows = (registry or default_registry()).list_providers()
    names = list(dict.fromkeys(row.name for row in rows))
    example = next((row.name for row in rows if "*" not in row.name), "mock")
    remedy = "" if names else f"; none is installed, {install_hint(example)}"
    return ConfigurationError(
        f"no avatar provider is chosen: pass its name, or set {PROVIDER_VARIABLE}, for instance"
        f" {PROVIDER_VARIABLE}={example}; 'off' runs without an avatar"
        f" (installed: {', '.join(names) or 'none'}){remedy}"
    )


def _candidates(
    argument: Chosen | Sequence[Chosen], registry: ProviderRegistry
) -> tuple[Candidate, ...]:
    several = isinstance(argument, Sequence) and not isinstance(argument, (str, bytes, bytearray))
    parts: Any = argument if several else [argument]
    refusal = (
        f"{_ARGUMENT}: its list takes names and Provider"
        if several
        else f"{_ARGUMENT} must be a name, a Provider or a list of them"
    )
    if not parts:
        raise ConfigurationError(f"{_ARGUMENT} is an empty list; name one, or pass 'off'")
    found: list[Candidate] = []
    for part in parts:
        if isinstance(part, Provider):
            found.append(part.candidate)
        elif isinstance(part, str):
            parsed = parse_selection(part, source=_ARGUMENT)
            found.extend(parsed or (Candidate(name="off"),))
        else:
            found.append(adopted(part, registry, refusal=refusal))
    return refuse_mixed_off(tuple(found), source=_ARGUMENT)
