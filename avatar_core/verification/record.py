"""The file that says when each provider was verified last; the documentation's table is made of it.

It is JSON: a name for each provider, with its latest entry, or null where there never was one.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from avatar_core.contract.errors import ConfigurationError
from avatar_core.verification.run import Verdict
from avatar_core.verification.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One verification.

    Args:
        date: Its day, UTC.
        service: What was verified against, as far as the options tell.
        real: Whether that was the vendor's own, and nothing on the machine that verified.
        provider_version: Version of the provider's distribution.
        core_version: Version of avatar-core.
        passed: Ids of the clauses that it keeps.
        failed: Ids of those that it does not.
        left_out: Ids of those that were not verified, each with the reason.
    """

    date: str
    service: str | None
    real: bool
    provider_version: str | None
    core_version: str
    passed: Sequence[str]
    failed: Sequence[str]
    left_out: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON; keys are added over time, never removed."""
        return {name: getattr(self, name) for name in self.__slots__}


def entry_of(target: Target, verdicts: Sequence[Verdict], left_out: Mapping[str, str]) -> Entry:
    """Sum a run up.

    Args:
        target: Who was verified.
        verdicts: How each clause ended.
        left_out: Clauses without a verdict, by id, each with the reason.
    """
    return Entry(
        date=datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        service=target.service,
        real=not target.is_here,
        provider_version=target.resolved.provider.version,
        core_version=version("avatar-core"),
        passed=[each.clause.id for each in verdicts if each.passed],
        failed=[each.clause.id for each in verdicts if not each.passed],
        left_out=dict(left_out),
    )


def read_records(path: Path) -> dict[str, Any]:
    """Read such a file; one that is not there holds nothing.

    Args:
        path: Where it is.

    Raises:
        ConfigurationError: It is something else, and is left as it is.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise ConfigurationError(
            f"--record {path}: it cannot be read as JSON ({type(exc).__name__}); name another file"
        ) from exc
    if not isinstance(found, dict) or not all(
        each is None or isinstance(each, dict) for each in found.values()
    ):
        raise ConfigurationError(
            f"--record {path}: it holds something else than verifications; name another file"
        )
    return found


def check_writable(path: Path) -> None:
    """Find out before anything is paid for that the result can be kept.

    Args:
        path: Where it is to be written.

    Raises:
        ConfigurationError: It cannot be.
    """
    read_records(path)
    if not path.parent.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ConfigurationError(f"--record {path}: it cannot be written there")


def write_record(path: Path, provider: str, entry: Entry) -> None:
    """Put an entry in the place of the provider's last one; the others stay.

    Args:
        path: The file.
        provider: The provider's name.
        entry: What is new.
    """
    records = {**read_records(path), provider: entry.to_json()}
    text = json.dumps(dict(sorted(records.items())), indent=2, ensure_ascii=False) + "\n"
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
