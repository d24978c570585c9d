"""The table of verified providers says what its data says, of every provider there is here."""

from __future__ import annotations

from typing import Any

from avatar_core.discovery.entry_points import FAMILY_GROUP, PROVIDER_GROUP
from scripts import verified
from tests.house.tree import ROOT, projects

ENTRY: dict[str, Any] = {
    "date": "2026-11-23",
    "service": "https://api.acme.example",
    "real": True,
    "provider_version": "1.2",
    "core_version": "0.1.0",
    "passed": ["starts", "speaks"],
    "failed": ["ends"],
    "left_out": {"slow": "not asked for"},
}


def test_the_page_is_what_the_data_gives() -> None:
    text = verified.PAGE.read_text(encoding="utf-8")
    assert verified.page(verified.read()) == text, "write it anew: python -m scripts.verified"


def test_every_provider_of_this_repository_has_a_row() -> None:
    rows = verified.read()
    for folder, project in projects().items():
        groups = project["project"].get("entry-points", {})
        if folder == ROOT:
            continue
        assert set(groups.get(PROVIDER_GROUP, {})) <= set(rows)
        for family in groups.get(FAMILY_GROUP, {}):
            assert [name for name in rows if name.startswith(f"{family}.")], family


def test_a_row_says_when_with_what_and_how_it_ended() -> None:
    (row,) = [line for line in verified.page({"acme": ENTRY}).splitlines() if "`acme`" in line]
    assert row == (
        "| `acme` | 2026-11-23 | 1.2 with avatar-core 0.1.0 | 2 | [ends](conformance.md#ends)"
        " | [slow](conformance.md#slow) |"
    )


def test_a_stand_in_on_the_machine_that_verified_does_not_count() -> None:
    page = verified.page({"acme": {**ENTRY, "real": False}, "other": None})
    assert [line for line in page.splitlines() if line.startswith("| `")] == [
        "| `acme` | never |  |  |  |  |",
        "| `other` | never |  |  |  |  |",
    ]
