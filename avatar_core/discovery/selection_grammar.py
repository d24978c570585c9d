"""The grammar of ``AVATAR_PROVIDER``: ``name[/avatar][?option=value&…]``, comma-separated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from avatar_core.contract.errors import ConfigurationError
from avatar_core.discovery.provider_checks import OFF

if TYPE_CHECKING:
    from avatar_core.discovery.loaded import LoadedProvider

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One provider that was asked for, with what was said about its options.

    Args:
        name: The provider's name.
        avatar: The part behind the first slash, None without one.
        text: Options written as text, each with all its values, in order.
        options: Options given in Python.
        adopted: The provider itself, made of an object that was given in place of a name.
    """

    name: str
    avatar: str | None = field(default=None, repr=False)
    text: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    adopted: LoadedProvider | None = field(default=None, repr=False)


def parse_selection(text: str, *, source: str = "the provider") -> tuple[Candidate, ...]:
    """Read a choice of providers.

    Entries are separated by commas. In each, the part behind the first slash is the avatar, and
    may contain slashes; behind the first ``?`` come options. Avatars and values are
    percent-decoded: a comma in one is written ``%2C``, an ampersand ``%26``, ``+`` stays as it
    is. An option may be repeated if it takes a list.

    Args:
        text: What was written; blanks around an entry do not count.
        source: Where it was written, for messages.

    Returns:
        The candidates in order; none at all if the text is ``off``.

    Raises:
        ConfigurationError: It does not follow the grammar. No value is shown: it may be a key.
    """
    entries = [entry.strip() for entry in text.split(",")]
    candidates = tuple(
        _parse_entry(entry, f"{source}, entry {number}" if len(entries) > 1 else source)
        for number, entry in enumerate(entries, start=1)
    )
    return refuse_mixed_off(candidates, source=source)


def refuse_mixed_off(
    candidates: tuple[Candidate, ...], *, source: str = "the provider"
) -> tuple[Candidate, ...]:
    """Turn a lone ``off`` into no candidates, and refuse it beside anything else.

    Args:
        candidates: What was asked for, in order.
        source: Where it was written, for messages.

    Raises:
        ConfigurationError: ``off`` stands beside a provider, or has an avatar or options.
    """
    if not any(candidate.name == OFF for candidate in candidates):
        return candidates
    if len(candidates) > 1:
        raise ConfigurationError(f"{source}: {OFF!r} means no avatar and must stand alone")
    if candidates[0].avatar is not None or candidates[0].text or candidates[0].options:
        raise ConfigurationError(f"{source}: {OFF!r} takes neither an avatar nor options")
    return ()


def _parse_entry(entry: str, source: str) -> Candidate:
    head, question, query = entry.partition("?")
    name, slash, avatar = head.partition("/")
    name = name.strip()
    if not name:
        raise ConfigurationError(f"{source}: a provider's name is missing")
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{source}: this is no provider's name; write name, name/avatar or"
            " name/avatar?option=value, and separate several with commas"
        )
    avatar = unquote(avatar).strip()
    if slash and not avatar:
        raise ConfigurationError(f"{source}: no avatar behind the slash after {name!r}")
    if name.lower() == OFF:
        name = OFF
    options = _parse_options(query, f"{source} ({name})") if question else {}
    return Candidate(name=name, avatar=avatar if slash else None, text=options)


def _parse_options(query: str, source: str) -> dict[str, tuple[str, ...]]:
    options: dict[str, tuple[str, ...]] = {}
    for number, pair in enumerate(query.split("&"), start=1):
        key, equals, value = pair.partition("=")
        key = unquote(key).strip()
        if not equals or not key.isidentifier():
            raise ConfigurationError(f"{source}: option {number} is not of the form option=value")
        options[key] = (*options.get(key, ()), unquote(value))
    return options
