"""What was written for a contract goes on working when the contract grows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import avatar_core
from avatar_core import AvatarSession, ProviderLoadError
from avatar_core.cli.app import run
from avatar_core.contract.hookspecs import HOOKS_BY_VERSION, REQUIRED_HOOKS, ProviderHooks
from avatar_core.contract.models import CONTRACT_VERSION, OLDEST_CONTRACT_VERSION, ProviderInfo
from avatar_core.contract.options import ProviderOptions
from avatar_core.discovery import default
from avatar_core.discovery.hook_checks import hook_names
from avatar_core.discovery.loaded import PROVIDER_HOOKS
from avatar_core.discovery.registry import ProviderRegistry
from tests.contract.described import contract
from tests.contract.frozen_provider import install_frozen
from tests.discovery.installed import Site, installed_site

# Written when version 1 was the newest; never again.
V1 = json.loads((Path(__file__).parent / "contract_v1.json").read_text(encoding="utf-8"))
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


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    yield from installed_site(tmp_path / "site", monkeypatch)


@pytest.fixture
def registry(site: Site, monkeypatch: pytest.MonkeyPatch) -> ProviderRegistry:
    """The process's registry, with what the test installed and nothing else."""
    fresh = ProviderRegistry(entry_points=site.entry_points)
    monkeypatch.setattr(default, "_providers", fresh)
    return fresh


# --- the contract of version 1 is still there -----------------------------------------------------


def test_every_hook_has_the_version_that_brought_it() -> None:
    assert sorted(HOOKS_BY_VERSION) == list(range(1, CONTRACT_VERSION + 1))
    listed = [hook for hooks in HOOKS_BY_VERSION.values() for hook in hooks]
    assert sorted(listed) == sorted(hook_names(ProviderHooks))
    assert OLDEST_CONTRACT_VERSION <= CONTRACT_VERSION
    # A hook that came later can be required of nobody who was there before.
    assert set(REQUIRED_HOOKS) <= set(HOOKS_BY_VERSION[OLDEST_CONTRACT_VERSION])


def test_the_hooks_of_version_1_are_called_as_they_were() -> None:
    now = contract()
    for hook, arguments in V1["hooks"].items():
        assert now["hooks"][hook][: len(arguments)] == arguments, hook
    assert set(now["required_hooks"]) <= set(V1["required_hooks"])
    assert set(V1["hooks"]) - {"around_call"} == set(HOOKS_BY_VERSION[1])


@pytest.mark.parametrize("record", V1["records"])
def test_a_record_of_version_1_has_what_it_had(record: str) -> None:
    now, then = contract()["records"][record], V1["records"][record]
    assert then.keys() <= now.keys()
    if record in MADE_BY_PROVIDERS:
        added = {name: value for name, value in now.items() if name not in then}
        assert None not in added.values(), f"who makes a {record} does not know of {added}"
        assert {name: now[name] for name in then} == then, "what is left out means what it meant"


def test_an_error_of_version_1_is_caught_as_it_was() -> None:
    now = contract()["errors"]
    for error, bases in V1["errors"].items():
        assert set(bases) <= set(now[error]), error
    # An option that a provider has must not become AvatarSession's own overnight.
    assert contract()["reserved_options"] == V1["reserved_options"]


def test_a_name_that_providers_of_version_1_import_is_still_there() -> None:
    assert set(V1["public_names"]) <= set(avatar_core.__all__)
    for name in V1["public_names"]:
        assert getattr(avatar_core, name) is not None


def test_who_states_no_version_was_written_for_the_first() -> None:
    stated = ProviderInfo(name="acme", title="Acme", options=ProviderOptions)
    assert stated.contract_version == 1


# --- a provider that was written for version 1 ----------------------------------------------------


def test_a_provider_frozen_at_version_1_is_sound_with_all_its_hooks(
    site: Site, registry: ProviderRegistry
) -> None:
    install_frozen(site)
    provider = registry.get("frozen")
    assert provider.info.contract_version == 1
    assert provider.hooks == tuple(hook for hook in PROVIDER_HOOKS if hook in HOOKS_BY_VERSION[1])


def test_its_commands_check_and_sessions_are_understood(
    site: Site, registry: ProviderRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    install_frozen(site)
    assert run(["snow"]) == 0
    assert capsys.readouterr().out == "it snows\n"
    assert run(["providers", "frozen", "--check", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["contract_version"] == 1
    assert [check["level"] for check in told["checks"]] == ["ok", "warning"]
    assert run(["sessions", "--provider", "frozen", "--json"]) == 0
    (session,) = json.loads(capsys.readouterr().out)
    assert session["id"] == "frozen-1"


# --- a core that came later, and one that came before ---------------------------------------------

LATER = {
    "contract/provider_info.py": [
        ("\nCONTRACT_VERSION = 2\n", "\nCONTRACT_VERSION = 3\n"),
        ("    docs: str | None = None\n", "    docs: str | None = None\n    motto: str = ''\n"),
    ],
    "contract/hookspecs.py": [
        ("HOOKS_BY_VERSION: dict[int, tuple[str, ...]] = {\n",
         "HOOKS_BY_VERSION = {\n3: ('repaint',),"),
        (
            "    @hookspec(firstresult=True)\n    def cli_commands(",
            "    @hookspec(firstresult=True)\n"
            "    def repaint(self, request, brush):\n"
            "        'Change the colour.'\n\n"
            "    @hookspec(firstresult=True)\n    def cli_commands(",
        ),
    ],
    "contract/requests.py": [
        ("    idempotency_key: str\n    agent_session", "    idempotency_key: str\n    season: str"
         " = 'winter'\n    agent_session"),
    ],
    "contract/sessions.py": [
        ("    idle_timeout: float | None = None\n", "    idle_timeout: float | None = None\n"
         "    mood: str = ''\n"),
    ],
}  # fmt: skip
"""What a version 3 could bring: a hook, a field of a request, and fields of records."""

CALL = """
import asyncio, sys
import avatar_core
from avatar_core import (
    CONTRACT_VERSION, AvatarSession, ProviderInfo, ProviderOptions, get_provider,
)
from livekit import rtc
from livekit.agents import AgentSession

assert avatar_core.__file__.startswith(sys.argv[1]), avatar_core.__file__
assert CONTRACT_VERSION == 3
unstated = ProviderInfo(name="acme", title="Acme", options=ProviderOptions)
assert unstated.contract_version == 1
provider = get_provider("frozen")
assert not provider.implements("repaint") and provider.plugin.repaint("blue") == "blue"
assert provider.info.motto == ""


async def call():
    agent = AgentSession(vad=None, turn_handling={"turn_detection": None})
    async with AvatarSession("frozen", joins=False) as avatar:
        await avatar.start(agent, rtc.Room())
        assert avatar.state == "live" and len(provider.plugin.live) == 1
    await agent.aclose()


asyncio.run(call())
assert provider.plugin.live == {}
print(*provider.plugin.called)
"""


def test_a_later_core_with_a_hook_more_starts_and_ends_it_all_the_same(
    site: Site, tmp_path: Path
) -> None:
    install_frozen(site)  # it has a function of its own named like the hook that is to come
    later = tmp_path / "later" / "avatar_core"
    source = Path(avatar_core.__file__).parent
    shutil.copytree(source, later, ignore=shutil.ignore_patterns("__pycache__", "template"))
    for name, changes in LATER.items():
        text = (later / name).read_text(encoding="utf-8")
        for old, new in changes:
            assert text.count(old) == 1, (name, old)
            text = text.replace(old, new)
        (later / name).write_text(text, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-c", CALL, str(later.parent)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(later.parent), str(site.folder)])},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    called = done.stdout.split()
    assert called[:1] == ["start_session"] and "end_session" in called


def test_a_provider_for_a_contract_to_come_is_refused_with_what_to_do(
    site: Site, registry: ProviderRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    install_frozen(site, contract_version=CONTRACT_VERSION + 1)
    with pytest.raises(ProviderLoadError) as caught:
        AvatarSession("frozen")
    reason = caught.value.reason
    assert f"written for contract version {CONTRACT_VERSION + 1}, this avatar-core" in reason
    assert reason.endswith(f"has version {CONTRACT_VERSION}: upgrade avatar-core")
    assert "acme-frozen" in str(caught.value)

    assert run(["providers", "--check"]) == 1
    assert reason in capsys.readouterr().err
    # It harms nobody else.
    site.provider("healthy")
    assert registry.get("healthy").name == "healthy"


def test_a_provider_for_a_contract_long_gone_is_refused_with_what_to_do(
    site: Site, registry: ProviderRegistry
) -> None:
    install_frozen(site, contract_version=OLDEST_CONTRACT_VERSION - 1)
    with pytest.raises(ProviderLoadError, match="and later: upgrade the provider"):
        registry.get("frozen")
