"""What a registry knows, as one line for each provider; nothing is imported here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from avatar_core.discovery.entry_points import Claim, duplicate_reason
from avatar_core.discovery.environment import BLOCKED_VARIABLE, names_in
from avatar_core.discovery.loaded import LoadedProvider, Origin, ProviderListing, Status

Claims = Mapping[str, tuple[Claim, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a load failed.

    Args:
        reason: In one sentence.
        distribution: The distribution that brought it, if known.
    """

    reason: str
    distribution: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was loaded so far.

    Args:
        loaded: Providers by name.
        families: Prefixes of the families that were imported.
        failures: Failed loads by name, ``prefix.*`` for a family's own.
        missing: What families know and is not installed, with what installs it.
    """

    loaded: Mapping[str, LoadedProvider]
    families: frozenset[str]
    failures: Mapping[str, Failure]
    missing: Mapping[str, str] = field(default_factory=dict)


def blocking_name(name: str) -> str | None:
    """Give the entry of ``AVATAR_BLOCKED_PROVIDERS`` that blocks a name, or None.

    Args:
        name: A provider's name; a family's prefix blocks all its members.
    """
    blocked = names_in(BLOCKED_VARIABLE)
    prefix, dot, _ = name.partition(".")
    candidates = (name, prefix, f"{prefix}.*") if dot else (name,)
    return next((candidate for candidate in candidates if candidate in blocked), None)


def list_rows(claims: Claims, families: Claims, known: Known) -> tuple[ProviderListing, ...]:
    """Describe every provider, sorted by name.

    Args:
        claims: Who claims which provider's name.
        families: Who claims which family's prefix.
        known: What was loaded so far.
    """
    rows = [*_provider_rows(claims, known), *_family_rows(families, known)]
    rows = [_blocked(row) if blocking_name(row.name) else row for row in rows]
    return tuple(sorted(rows, key=lambda row: (row.name, row.distribution or "")))


def _provider_rows(claims: Claims, known: Known) -> Iterator[ProviderListing]:
    for name, several in claims.items():
        if name in known.loaded:
            continue  # whoever else claims it: this one is in use, and listed below
        for claim in several:
            failure = known.failures.get(name)
            yield _row(name, several, claim, "entry point", "available", failure)
    for provider in known.loaded.values():
        yield ProviderListing(
            name=provider.name,
            distribution=provider.distribution,
            version=provider.version,
            status="loaded",
            origin=provider.origin,
            title=provider.info.title,
            hooks=provider.hooks,
        )


def _family_rows(families: Claims, known: Known) -> Iterator[ProviderListing]:
    for prefix, several in families.items():
        name = f"{prefix}.*"
        status: Status = "loaded" if prefix in known.families else "available"
        for claim in several:
            yield _row(name, several, claim, "family", status, known.failures.get(name))
        for member, failure in known.failures.items():
            if member.startswith(f"{prefix}.") and member != name and member not in known.loaded:
                yield _row(member, several[:1], several[0], "family", "broken", failure)
        for member, command in known.missing.items():
            if member.startswith(f"{prefix}.") and member not in known.loaded:
                row = _row(member, several[:1], several[0], "family", "not installed", None)
                yield replace(row, error=command)


def _row(
    name: str,
    several: tuple[Claim, ...],
    claim: Claim,
    origin: Origin,
    status: Status,
    failure: Failure | None,
) -> ProviderListing:
    error = None
    if len(several) > 1:
        status, error = "duplicate", duplicate_reason(several)
    elif failure is not None:
        status, error = "broken", failure.reason
    return ProviderListing(
        name=name,
        distribution=claim.distribution,
        version=claim.version,
        status=status,
        error=error,
        origin=origin,
    )


def _blocked(row: ProviderListing) -> ProviderListing:
    reason = f"{BLOCKED_VARIABLE} blocks {blocking_name(row.name)!r}"
    return replace(row, status="blocked", error=reason)
