"""What was written for a contract can go on being written so: nothing of it is taken away."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

import avatar_core
from avatar_core.contract.hookspecs import HOOKS_BY_VERSION, REQUIRED_HOOKS, ProviderHooks
from avatar_core.contract.models import CONTRACT_VERSION, OLDEST_CONTRACT_VERSION, ProviderInfo
from avatar_core.contract.options import ProviderOptions
from avatar_core.discovery.hook_checks import hook_names
from tests.contract.described import contract, records

# Each written when its version was the newest; never again.
FREEZES = {
    version: json.loads(
        (Path(__file__).parent / f"contract_v{version}.json").read_text(encoding="utf-8")
    )
    for version in range(1, CONTRACT_VERSION + 1)
}
every_version = pytest.mark.parametrize("version", FREEZES)
MADE_BY_PROVIDERS = (
    "AudioFormat",
    "Capabilities",
    "Credential",
    "DataStream",
    "Discard",
    "Finding",
    "ListedSession",
    "ProviderInfo",
    "SessionUsage",
    "Sink",
    "StandIn",
    "StartedSession",
)


def test_every_hook_has_the_version_that_brought_it() -> None:
    assert sorted(HOOKS_BY_VERSION) == list(range(1, CONTRACT_VERSION + 1))
    listed = [hook for hooks in HOOKS_BY_VERSION.values() for hook in hooks]
    assert sorted(listed) == sorted(hook_names(ProviderHooks))
    assert OLDEST_CONTRACT_VERSION <= CONTRACT_VERSION
    # A hook that came later can be required of nobody who was there before.
    assert set(REQUIRED_HOOKS) <= set(HOOKS_BY_VERSION[OLDEST_CONTRACT_VERSION])


@every_version
def test_the_hooks_of_a_version_are_called_as_they_were(version: int) -> None:
    now, then = contract(), FREEZES[version]
    for hook, arguments in then["hooks"].items():
        assert now["hooks"][hook][: len(arguments)] == arguments, hook
    assert set(now["required_hooks"]) <= set(then["required_hooks"])
    brought = {hook for since in range(1, version + 1) for hook in HOOKS_BY_VERSION[since]}
    assert set(then["hooks"]) - {"around_call"} == brought


@every_version
def test_a_record_of_a_version_has_what_it_had(version: int) -> None:
    for record, then in FREEZES[version]["records"].items():
        now = contract()["records"][record]
        assert then.keys() <= now.keys(), record
        if record in MADE_BY_PROVIDERS:
            added = {name: value for name, value in now.items() if name not in then}
            assert None not in added.values(), f"who makes a {record} does not know of {added}"
            assert {name: now[name] for name in then} == then, "what is left out means the same"


def test_a_field_says_with_which_version_it_came() -> None:
    for name, record in records().items():
        for field in dataclasses.fields(record):
            came = [v for v, then in FREEZES.items() if field.name in then["records"].get(name, {})]
            assert came, f"{name}.{field.name} is in no version: it belongs to a new one"
            assert field.metadata.get("since", 1) == came[0], f"{name}.{field.name}"


@every_version
def test_an_error_of_a_version_is_caught_as_it_was(version: int) -> None:
    now, then = contract(), FREEZES[version]
    for error, bases in then["errors"].items():
        assert set(bases) <= set(now["errors"][error]), error
    # An option that a provider has must not become AvatarSession's own overnight.
    assert now["reserved_options"] == then["reserved_options"]


@every_version
def test_a_name_that_providers_of_a_version_import_is_still_there(version: int) -> None:
    names = FREEZES[version]["public_names"]
    assert set(names) <= set(avatar_core.__all__)
    for name in names:
        assert getattr(avatar_core, name) is not None


@every_version
def test_what_else_authors_of_a_version_call_is_called_as_it_was(version: int) -> None:
    now = contract()["authors"]
    for owner, then in FREEZES[version].get("authors", {}).items():
        for name, arguments in then.items():
            today = now[owner].get(name)
            if arguments == "attribute":
                assert today == arguments, f"{owner}.{name}"
                continue
            assert today is not None and today != "attribute", f"{owner}.{name}"
            assert {each: today.get(each) for each in arguments} == arguments, f"{owner}.{name}"
            added = {each for each in today if each not in arguments}
            assert all("optional" in today[each] for each in added), f"{owner}.{name}: {added}"


def test_who_states_no_version_was_written_for_the_first() -> None:
    stated = ProviderInfo(name="acme", title="Acme", options=ProviderOptions)
    assert stated.contract_version == 1
