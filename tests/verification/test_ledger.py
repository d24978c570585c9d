"""What was announced is the most that is created, and all of it is ended."""

from __future__ import annotations

import pytest

from avatar_core.contract.errors import (
    ConfigurationError,
    ProviderAuthError,
    ProviderUnavailableError,
    StartUncertainError,
)
from avatar_core.contract.models import SessionUsage
from avatar_core.verification import aftermath
from avatar_core.verification.aftermath import clean_up
from avatar_core.verification.ledger import Ledger
from avatar_core.verification.plan import Plan
from avatar_core.verification.report import tell_end
from avatar_core.verification.target import Target
from tests.verification.scripted_account import Caller, Cloud, done


async def test_a_start_beyond_what_was_announced_is_refused(cloud: Cloud, ledger: Ledger) -> None:
    caller = Caller(ledger)
    ledger.allow(1, clause="speaks")
    await caller.end(await caller.start())
    with pytest.raises(ConfigurationError, match="'speaks' wanted more sessions than were"):
        await caller.start()
    assert len(cloud.made) == 1
    assert [each.clause for each in ledger.entries] == ["speaks"]
    assert ledger.unended == []


async def test_what_made_no_session_uses_nothing_up(cloud: Cloud, ledger: Ledger) -> None:
    caller = Caller(ledger)
    ledger.allow(1, clause="speaks")
    cloud.raises.append(ProviderUnavailableError("no", provider="cloud"))
    with pytest.raises(ProviderUnavailableError):
        await caller.start()
    assert ledger.entries == []
    await caller.start()
    assert len(ledger.unended) == 1


async def test_a_wrong_key_is_tried_where_no_session_is_allowed(
    cloud: Cloud, ledger: Ledger
) -> None:
    caller = Caller(ledger)
    ledger.allow(0, clause="wrong-key")
    cloud.raises.append(ProviderAuthError("refused", provider="cloud"))
    with pytest.raises(ProviderAuthError):
        await caller.start(key="wrong")
    assert ledger.entries == []
    # A service that takes any key has made a session, and that is ended like every other.
    await caller.start(key="wrong")
    assert len(ledger.unended) == 1


async def test_an_uncertain_start_is_kept_until_it_is_known_what_came_of_it(
    cloud: Cloud, ledger: Ledger
) -> None:
    caller = Caller(ledger)
    ledger.allow(2, clause="speaks")
    for _ in range(2):
        cloud.raises.append(StartUncertainError("lost", provider="cloud"))
        with pytest.raises(StartUncertainError):
            await caller.start()
    assert len(ledger.unended) == 2
    del cloud.live["cloud-1"]  # the second one was never made
    found = await caller.recover("key-1")
    assert found is not None and await caller.recover("key-2") is None
    assert [each.session_id for each in ledger.unended] == ["cloud-0"]
    await caller.end(found)
    assert ledger.unended == []
    assert all(each.seconds >= 0 for each in ledger.entries)


def test_what_the_clauses_left_is_ended_and_its_bill_asked_for(
    cloud: Cloud, ledger: Ledger, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aftermath, "_LOOK_SECONDS", 0.01)
    ledger.allow(2, clause="speaks")
    caller = Caller(ledger)
    done(caller.start())
    cloud.raises.append(StartUncertainError("lost", provider="cloud"))
    with pytest.raises(StartUncertainError):
        done(caller.start())
    cloud.add("sess-of-another")
    cloud.bills = [None, SessionUsage(billed_seconds=0.0), SessionUsage(billed_seconds=60.0,
                   final=True), SessionUsage(billed_seconds=30.0, final=True)]  # fmt: skip
    found = clean_up(target, ledger)
    assert sorted(cloud.ended) == ["cloud-0", "cloud-1"]
    assert ledger.unended == [] and found.troubles == ()
    assert found.living(ledger) == []
    assert found.listed is not None
    assert [each.session_id for each in found.listed] == ["sess-of-another"]
    assert {name: each.billed_seconds for name, each in found.usage.items()} == {
        "cloud-0": 60.0,
        "cloud-1": 30.0,
    }


def test_what_is_not_ended_or_not_told_is_said(
    cloud: Cloud, ledger: Ledger, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aftermath, "LIST_SECONDS", 0.0)
    monkeypatch.setattr(aftermath, "USAGE_SECONDS", 0.0)
    ledger.allow(1, clause="speaks")
    done(Caller(ledger).start())
    cloud.end_failures = [ProviderAuthError("the key is gone", provider="cloud")]
    found = clean_up(target, ledger)
    assert [each.session_id for each in found.living(ledger)] == ["cloud-0"]
    (trouble,) = found.troubles
    assert trouble.startswith("cloud-0 is not ended, and may be billed: cloud: the key is gone")
    assert [each.session_id for each in ledger.unended] == ["cloud-0"]
    said: list[str] = []
    tell_end(said.append, None, Plan(clauses={}, left_out={}), ledger, found)
    assert "To end what is left: avatar sessions end --provider cloud -- cloud-0" in said
    assert not [line for line in said if "sessions reap" in line]  # its id is known

    cloud.list_failure = ProviderUnavailableError("down", provider="cloud")
    found = clean_up(target, ledger)
    assert found.listed is None and ledger.unended == []
    assert found.troubles[0].startswith("what lives at the provider is not known: cloud: down")


async def test_of_two_sessions_without_an_id_only_the_one_that_was_ended_is_over(
    cloud: Cloud, ledger: Ledger
) -> None:
    cloud.names = False
    ledger.allow(2, clause="two-at-once")
    one, other = Caller(ledger, room="blue"), Caller(ledger, room="red")
    first, second = await one.start(), await other.start()
    assert first.session_id is None and first == second
    await one.end(first)
    (left,) = ledger.unended
    assert left.request.room is not None and left.request.room.name == "red"
    await other.end(second)
    assert ledger.unended == []
