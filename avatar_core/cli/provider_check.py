"""``avatar providers NAME --check``: what the provider itself finds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from avatar_core.cli.operator_log import operator_log
from avatar_core.cli.output import text
from avatar_core.cli.provider_choice import choose_providers
from avatar_core.contract.models import Finding
from avatar_core.discovery.loaded import LoadedProvider
from avatar_core.discovery.selection import Resolved

_STYLES = {"ok": "green", "warning": "yellow", "error": "red"}


def check_provider(provider: LoadedProvider) -> tuple[Finding, ...]:
    """Ask a provider whether a call could start now, with the options of the environment.

    Args:
        provider: Whom.

    Returns:
        What it found; nothing where it has no checks of its own.

    Raises:
        AvatarError: An option is missing or wrong, or the check itself failed.
    """
    if not provider.implements("check_provider"):
        return ()
    (chosen,) = choose_providers(provider.name, [], hook="check_provider")
    with operator_log():
        return asyncio.run(_check(chosen))


def failed(findings: Sequence[Finding]) -> bool:
    """Tell whether a call could not start.

    Args:
        findings: Of the check.
    """
    return any(each.level == "error" for each in findings)


def findings_json(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """Return findings for JSON; keys are added over time, never removed.

    Args:
        findings: Of the check.
    """
    return [
        {"level": each.level, "message": each.message, "remedy": each.remedy} for each in findings
    ]


def finding_rows(findings: Sequence[Finding]) -> list[tuple[str, Any]]:
    """Return findings as rows of level and words.

    Args:
        findings: Of the check.
    """
    return [
        (
            each.level,
            text(
                each.message + (f": {each.remedy}" if each.remedy else ""),
                _STYLES.get(each.level, ""),
            ),
        )
        for each in findings
    ]


async def _check(chosen: Resolved) -> tuple[Finding, ...]:
    from avatar_core.operations.account import open_accounts

    async with open_accounts([chosen]) as (account,):
        return await account.check()
