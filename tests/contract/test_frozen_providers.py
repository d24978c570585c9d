"""A provider that was written for a contract goes on working when the contract grows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import AgentSession

import avatar_core
from avatar_core import AvatarSession, ProviderLoadError, SessionUsage
from avatar_core.cli.app import run
from avatar_core.contract.hookspecs import HOOKS_BY_VERSION
from avatar_core.contract.models import CONTRACT_VERSION, OLDEST_CONTRACT_VERSION
from avatar_core.discovery import default
from avatar_core.discovery.registry import ProviderRegistry
from avatar_core.discovery.selection import Resolved
from avatar_core.operations.account import open_accounts
from tests.contract.frozen_provider import (
    FROZEN_V1,
    FROZEN_V2,
    Frozen,
    frozen_service,
    install_frozen,
)
from tests.discovery.installed import Site, installed_site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    yield from installed_site(tmp_path / "site", monkeypatch)


@pytest.fixture
def registry(site: Site, monkeypatch: pytest.MonkeyPatch) -> ProviderRegistry:
    """The process's registry, with what the test installed and nothing else."""
    fresh = ProviderRegistry(entry_points=site.entry_points)
    monkeypatch.setattr(default, "_providers", fresh)
    return fresh


@pytest.mark.parametrize("frozen", [FROZEN_V1, FROZEN_V2], ids=lambda frozen: frozen.name)
def test_a_provider_frozen_at_a_version_is_sound_with_all_that_it_brought(
    site: Site, registry: ProviderRegistry, frozen: Frozen
) -> None:
    install_frozen(site, frozen)
    provider = registry.get(frozen.name)
    assert provider.info.contract_version == frozen.version
    assert set(HOOKS_BY_VERSION[frozen.version]) <= set(provider.hooks)


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


async def test_one_of_version_2_is_started_listed_billed_and_ended_over_http(
    site: Site, registry: ProviderRegistry
) -> None:
    install_frozen(site, FROZEN_V2)
    provider = registry.get("frozen2")
    with frozen_service() as given:
        agent: AgentSession[Any] = AgentSession(vad=None, turn_handling={"turn_detection": None})
        async with AvatarSession("frozen2/berta", **given) as avatar:
            await avatar.start(agent, rtc.Room())
            assert avatar.state == "live" and avatar.wrapped.mood == "frosty"
            options = provider.info.options.from_mapping("frozen2", given)
            async with open_accounts([Resolved(provider=provider, options=options)]) as (account,):
                assert [each.level for each in await account.check()] == ["ok"]
                (listed,) = await account.list_sessions()
                assert listed.session_id == avatar.session_id
                (started,) = provider.plugin.started  # type: ignore[attr-defined]
                usage = await account.usage(started, room=None)
                assert usage == SessionUsage(billed_seconds=12.5, final=True)
                await avatar.aclose()
                assert await account.list_sessions() == ()
                await account.end_started(started, room=None, reason="again")
        await agent.aclose()


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
newer = get_provider("frozen2")
assert newer.info.contract_version == 2 and newer.implements("session_usage")
assert not newer.implements("repaint") and newer.plugin.repaint("blue") == "blue"


async def call():
    async with AvatarSession("frozen2", api_url=sys.argv[2], api_key=sys.argv[3]) as avatar:
        agent = AgentSession(vad=None, turn_handling={"turn_detection": None})
        await avatar.start(agent, rtc.Room())
        assert avatar.state == "live" and avatar.wrapped.mood == "frosty"
        await agent.aclose()
    agent = AgentSession(vad=None, turn_handling={"turn_detection": None})
    async with AvatarSession("frozen", joins=False) as avatar:
        await avatar.start(agent, rtc.Room())
        assert avatar.state == "live" and len(provider.plugin.live) == 1
    await agent.aclose()


asyncio.run(call())
assert provider.plugin.live == {}
print(*newer.plugin.called, *provider.plugin.called)
"""


def test_a_later_core_with_a_hook_more_starts_and_ends_them_all_the_same(
    site: Site, tmp_path: Path
) -> None:
    install_frozen(site)  # it has a function of its own named like the hook that is to come
    install_frozen(site, FROZEN_V2)
    later = tmp_path / "later" / "avatar_core"
    source = Path(avatar_core.__file__).parent
    shutil.copytree(source, later, ignore=shutil.ignore_patterns("__pycache__", "template"))
    for name, changes in LATER.items():
        text = (later / name).read_text(encoding="utf-8")
        for old, new in changes:
            assert text.count(old) == 1, (name, old)
            text = text.replace(old, new)
        (later / name).write_text(text, encoding="utf-8")

    with frozen_service() as given:
        done = subprocess.run(
            [sys.executable, "-c", CALL, str(later.parent), given["api_url"], given["api_key"]],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(later.parent), str(site.folder)]),
            },
            capture_output=True,
            text=True,
            timeout=120,
        )

    assert done.returncode == 0, done.stderr
    called = done.stdout.split()
    assert called[:3] == ["start_session", "end_session", "start_session"]
    assert "end_session" in called[3:]


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
