"""The reference of the hooks says what the hook specification says."""

from __future__ import annotations

import dataclasses
import inspect
import re

import pytest

from avatar_core.contract import models
from avatar_core.contract.hookspecs import REQUIRED_HOOKS, ExtensionHooks, ProviderHooks
from avatar_core.discovery.hook_checks import hook_names
from scripts import hook_reference

TEXT = hook_reference.PAGE.read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"(?ms)^###? (\w+)\n(.*?)(?=^###? |\Z)", TEXT))


def test_the_page_is_what_the_specification_gives() -> None:
    assert hook_reference.page() == TEXT, "write it anew: python -m scripts.hook_reference"


@pytest.mark.parametrize("name", [*hook_names(ProviderHooks), *hook_names(ExtensionHooks)])
def test_a_hook_is_there_with_its_arguments_and_all_that_its_request_has(name: str) -> None:
    owner = ExtensionHooks if name in hook_names(ExtensionHooks) else ProviderHooks
    section = SECTIONS[name]
    for argument in list(inspect.signature(getattr(owner, name)).parameters.values())[1:]:
        kind = str(argument.annotation).rpartition(".")[2]
        assert f"{name}({argument.name}: {kind})" in section
        request = getattr(models, kind, None)
        common = {field.name for field in dataclasses.fields(models.ProviderRequest)}
        own = {field.name for field in dataclasses.fields(request)} - common if request else set()
        assert own <= set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    if owner is ProviderHooks:
        assert ("Required; since version" in section) is (name in REQUIRED_HOOKS)
        assert ("Optional; since version" in section) is (name not in REQUIRED_HOOKS)


def test_a_record_that_providers_make_tells_required_fields_from_defaults() -> None:
    section = SECTIONS["ProviderInfo"]
    for field in dataclasses.fields(models.ProviderInfo):
        (row,) = [line for line in section.splitlines() if line.startswith(f"| `{field.name}` ")]
        assert ("| required |" in row) is (field.default is dataclasses.MISSING)


def test_a_field_that_came_later_says_with_which_version() -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Grown:
        """Something.

        Args:
            old: Was there from the start.
            new: Came later; what it means
                goes on here.
        """

        old: int
        new: str | None = dataclasses.field(default=None, metadata={"since": 2})

    rows = hook_reference._fields(Grown, made=True)
    assert rows[2:] == [
        "| `old` | `int` | required | 1 | Was there from the start. |",
        "| `new` | `str or None` | `None` | 2 | Came later; what it means goes on here. |",
    ]


def test_a_link_of_the_page_leads_to_a_heading_of_it() -> None:
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"(?m)^#+ (.+)$", TEXT)}
    assert set(re.findall(r"\]\(#([\w-]+)\)", TEXT)) <= headings
