"""What killed processes of this host left: found in the journal, and ended at once."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from avatar_core import hookimpl
from avatar_core.contract.errors import ConfigurationError, ProviderUnavailableError
from avatar_core.contract.models import RecoverRequest
from avatar_core.discovery.default import default_registry
from avatar_core.discovery.selection import Resolved
from avatar_core.operations import account
from avatar_core.operations.account import open_accounts
from avatar_core.operations.local_reaper import SETTLE_SECONDS, LocalReaper
from avatar_core.operations.reaper import Reaped
from avatar_core.session.journal_entry import JournalEntry
from avatar_core.session.process_identity import this_process
from tests.operations.acme import Acme, RecoveringAcme, registered

DEAD = replace(this_process(), pid=2**22 + 1)


@dataclass(kw_only=True)
class Host:
    """A host with a journal, and an account.

    Args:
        acme: The account.
        folder: Where the journal lies.
        reaper: Looks into it.
    """

    acme: Acme
    folder: Path
    reaper: LocalReaper

    def left(self, key: str, **facts: Any) -> None:
        """Let a process leave an entry."""
        given: dict[str, Any] = {
            "provider": "acme", "session_id": key, "livekit_url": "wss://livekit.example",
            "room": f"room-of-{key}", "agent_identity": "agent-1", "avatar_identity": "face",
            "created_at": time.time() - 5, "process": DEAD, **facts,
        }  # fmt: skip
        entry = JournalEntry(idempotency_key=key, **given)
        (self.folder / f"{key}.json").write_text(entry.to_json())

    def remembers(self) -> list[str]:
        """Name what is in the journal."""
        return sorted(each.stem for each in self.folder.glob("*.json"))

    async def reap(self) -> dict[str, Reaped]:
        """End what is found; by room."""
        reaped = await self.reaper.end(self.reaper.find())
        return {each.judged.session.room or "": each for each in reaped}


@asynccontextmanager
async def host(folder: Path, acme: Acme | None = None) -> AsyncIterator[Host]:
    acme = acme or RecoveringAcme()
    with registered(acme):
        provider = default_registry().get("acme")
        options = provider.info.options.from_mapping("acme", {})
        async with open_accounts([Resolved(provider=provider, options=options)]) as accounts:
            yield Host(acme=acme, folder=folder, reaper=LocalReaper(accounts, folder))


def rooms(found: Iterable[Any]) -> list[str | None]:
    return [each.session.room for each in found]


async def test_what_a_killed_process_left_is_ended_and_crossed_out(tmp_path: Path) -> None:
    async with host(tmp_path) as the:
        the.acme.add("one", age=1.0)
        the.left("one")
        (found,) = the.reaper.find()
        assert (found.verdict, found.session.session_id) == ("orphaned", "one")
        assert found.reason == f"its agent's process {DEAD.pid} on this host is gone"
        outcome = (await the.reap())["room-of-one"]
        assert (outcome.ended, outcome.error) == (True, None)
        assert (the.acme.live, the.remembers()) == ({}, [])
        (request,) = the.acme.end_requests
        assert request.reason == "agent killed"
        assert request.room is not None
        assert (request.room.name, request.room.agent_identity) == ("room-of-one", "agent-1")


async def test_what_a_living_process_wrote_and_what_is_not_this_hosts_is_left_alone(
    tmp_path: Path,
) -> None:
    async with host(tmp_path) as the:
        the.left("ours", process=this_process())
        the.left("elsewhere", process=replace(DEAD, host="another"))
        the.left("of-another-provider", provider="other")
        assert the.reaper.find() == ()
        assert len(the.remembers()) == 3


async def test_a_session_whose_id_never_came_is_found_by_its_key(tmp_path: Path) -> None:
    acme = RecoveringAcme()
    async with host(tmp_path, acme) as the:
        acme.add("sess_9")
        acme.add("somebody-elses")
        acme.made["cut-off"] = "sess_9"
        the.left("cut-off", session_id=None)
        outcome = (await the.reap())["room-of-cut-off"]
        assert (outcome.ended, outcome.judged.session.session_id) == (True, "sess_9")
        assert (list(acme.live), the.remembers()) == (["somebody-elses"], [])
        (request,) = acme.recover_requests
        assert (request.identity, request.idempotency_key) == ("face", "cut-off")


async def test_a_start_that_made_nothing_is_crossed_out_when_nothing_can_come_of_it_any_more(
    tmp_path: Path,
) -> None:
    async with host(tmp_path) as the:
        the.left("fresh", session_id=None)
        the.left("older", session_id=None, created_at=time.time() - SETTLE_SECONDS - 1)
        outcomes = await the.reap()
        assert outcomes["room-of-fresh"].judged.verdict == "unchecked"
        assert "look again" in outcomes["room-of-fresh"].judged.reason
        assert outcomes["room-of-older"].judged.verdict == "no session"
        assert not any(each.ended for each in outcomes.values())
        assert the.remembers() == ["fresh"]
        assert the.acme.end_requests == []


async def test_a_provider_that_cannot_tell_is_named_once(tmp_path: Path) -> None:
    async with host(tmp_path, Acme()) as the:
        the.left("cut-off", session_id=None)
        error = (await the.reap())["room-of-cut-off"].error
        assert isinstance(error, ConfigurationError)
        assert "no hook recover_session" in str(error)
        assert the.remembers() == []


async def test_an_answer_that_is_no_session_is_not_taken_for_none(tmp_path: Path) -> None:
    class Mumbling(RecoveringAcme):
        @hookimpl
        async def recover_session(self, request: RecoverRequest) -> Any:
            return {"id": "sess_9"}

    async with host(tmp_path, Mumbling()) as the:
        the.left("cut-off", session_id=None, created_at=time.time() - SETTLE_SECONDS - 1)
        error = (await the.reap())["room-of-cut-off"].error
        assert "recover_session returned dict" in str(error)
        assert the.remembers() == ["cut-off"]


async def test_a_session_of_another_account_is_not_taken_for_ended(tmp_path: Path) -> None:
    async with host(tmp_path) as the:
        the.left("of-another-account")
        outcome = (await the.reap())["room-of-of-another-account"]
        assert not outcome.ended
        assert "there is no session of-another-account" in str(outcome.error)
        assert the.remembers() == ["of-another-account"]


async def test_what_could_not_be_ended_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "END_SECONDS", 0.2)
    async with host(tmp_path) as the:
        the.acme.add("one")
        the.left("one")
        the.acme.end_failures = [ProviderUnavailableError("down")]
        outcome = (await the.reap())["room-of-one"]
        assert isinstance(outcome.error, ProviderUnavailableError)
        assert the.remembers() == ["one"]
        assert (await the.reap())["room-of-one"].ended
        assert the.remembers() == []


async def test_without_a_journal_nothing_is_found(tmp_path: Path) -> None:
    async with host(tmp_path / "missing") as the:
        assert the.reaper.find() == ()
        assert LocalReaper([], None).find() == ()


async def test_a_journal_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with host(tmp_path / "file") as the:
        with pytest.raises(ConfigurationError, match="cannot be read"):
            the.reaper.find()
