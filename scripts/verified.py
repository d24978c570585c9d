"""Writes docs/reference/verified.md from verified.json beside it: python -m scripts.verified."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
DATA = FOLDER / "verified.json"
PAGE = FOLDER / "verified.md"

INTRODUCTION = """\
<!-- Written by scripts/verified.py from docs/reference/verified.json, by make docs. -->

# Verified providers

Doubles of a vendor's cloud prove what we know of it, and not what it does. This table says when
each provider of this repository was last held to the
[clauses of the contract](conformance.md#clauses) against the vendor's real service, by
`avatar verify`, and with what result. Everything else that is said of a provider here was measured
against an emulator or a double on one machine.
"""

CLOSING = """\
A run against anything on the machine that verifies does not count. The mock has no service: it runs
on its user's machine, where CI holds it to every clause. Whoever has a key can fill in a row, by
`avatar verify protoface --record docs/reference/verified.json` and `make docs`.
"""


def page(records: Mapping[str, dict[str, Any] | None]) -> str:
    """Return the whole page.

    Args:
        records: By provider, its latest entry or None.
    """
    return "\n".join([INTRODUCTION, *_table(records), "", CLOSING])


def read() -> dict[str, dict[str, Any] | None]:
    """Return the records of this repository."""
    found: dict[str, dict[str, Any] | None] = json.loads(DATA.read_text(encoding="utf-8"))
    return found


def _table(records: Mapping[str, dict[str, Any] | None]) -> Iterator[str]:
    yield "| Provider | Last verified | Versions | Kept | Broken | Left out |"
    yield "|---|---|---|---|---|---|"
    for provider, entry in sorted(records.items()):
        yield f"| {' | '.join([f'`{provider}`', *_cells(entry)])} |"


def _cells(entry: dict[str, Any] | None) -> list[str]:
    # Whatever was verified against a stand-in proves nothing about the service.
    if entry is None or not entry["real"]:
        return ["never", "", "", "", ""]
    return [
        entry["date"],
        f"{entry['provider_version']} with avatar-core {entry['core_version']}",
        str(len(entry["passed"])),
        _clauses(entry["failed"]) or "none",
        _clauses(entry["left_out"]) or "none",
    ]


def _clauses(names: Any) -> str:
    return ", ".join(f"[{name}](conformance.md#{name})" for name in names)


if __name__ == "__main__":
    PAGE.write_text(page(read()), encoding="utf-8")
