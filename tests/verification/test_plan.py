"""What is verified and what it costs is known before anything is created."""

from __future__ import annotations

import pytest

from avatar_core.contract.errors import ConfigurationError
from avatar_core.testing.conformance import CLAUSES
from avatar_core.verification.plan import Plan, in_order, make_plan
from avatar_core.verification.suite import ServiceConformance, suite_of
from avatar_core.verification.target import Target, choose_server, choose_target
from tests.verification.scripted_account import Cloud

SCRIPTED = ("api-down", "slow", "garbled", "comes-back")


def suite(target: Target, *, cancellations: int = 6) -> type[ServiceConformance]:
    return suite_of(target, patience=20.0, most_cancellations=cancellations, environment={})


def plan(target: Target, **settings: object) -> Plan:
    chosen: dict[str, object] = {"starts_per_minute": None, **settings}
    return make_plan(suite(target), **chosen)  # type: ignore[arg-type] # a test's shorthand


def test_every_clause_is_either_verified_or_left_out_with_a_reason(target: Target) -> None:
    made = plan(target)
    assert {each.id for each in made.clauses} | set(made.left_out) == set(CLAUSES)
    assert [each.id for each in made.clauses][:2] == ["starts", "joins"]
    for name in ("two-at-once", "replaced"):
        assert made.left_out[name] == "it declares concurrent_sessions=1"
    assert set(made.left_out) == {*SCRIPTED, "two-at-once", "replaced"}
    assert "a real service does not" in made.left_out["garbled"]
    assert [each.id for each in in_order(suite(target))][-1] == "secrets"


def test_the_cost_is_the_sum_of_what_the_clauses_say(target: Target) -> None:
    alone = plan(target, only=["speaks"])
    assert (alone.sessions, alone.session_minutes, alone.minutes) == (1, 2, 2)
    assert plan(target, only=["wrong-key"]).sessions == 0
    assert plan(target, only=["wrong-key"]).session_minutes == 0
    assert plan(target, only=["cancelled"]).sessions == 7
    both = plan(target, only=["speaks", "cancelled"])
    assert both.sessions == 8
    # Whoever may start once a minute waits for it.
    assert plan(target, only=["cancelled"], starts_per_minute=1).minutes >= 7
    assert plan(target, without=list(set(CLAUSES) - {"starts"})).sessions == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"only": ["speks"]}, "no clause is called 'speks': did you mean 'speaks'"),
        ({"without": ["?"]}, "no clause is called '\\?': there are "),
        ({"only": ["slow"]}, "no clause is left to verify \\(slow: it takes an API"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(
    target: Target, settings: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        plan(target, **settings)


# --- where ----------------------------------------------------------------------------------------


def test_a_vendor_outside_gets_no_server_that_it_cannot_reach(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not target.is_here and target.service == "https://api.acme.example"
    with pytest.raises(ConfigurationError, match="cannot reach .* one on this machine"):
        choose_server(target)
    assert choose_server(target, allow_private=True) is None
    monkeypatch.setenv("LIVEKIT_API_KEY", "key")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "secret")
    monkeypatch.setenv("LIVEKIT_URL", "ws://127.0.0.1:7880")
    with pytest.raises(ConfigurationError, match="the one at 127.0.0.1, of LIVEKIT_URL"):
        choose_server(target)
    monkeypatch.setenv("LIVEKIT_URL", "wss://lk.example.com")
    found = choose_server(target)
    assert found is not None and found.url == "wss://lk.example.com"
    assert "secret" not in repr(found)


def test_what_is_on_this_machine_gets_a_server_on_this_machine(cloud: Cloud) -> None:
    here = choose_target("cloud", ["api_url=http://127.0.0.1:80"])
    assert here.is_here and choose_server(here) is None
    mock = choose_target("mock", [])
    assert mock.is_here and mock.service is None


def test_one_provider_that_joins_a_room_is_verified_at_a_time(cloud: Cloud) -> None:
    with pytest.raises(ConfigurationError, match="one provider is verified at a time"):
        choose_target("cloud,mock", [])
    with pytest.raises(ConfigurationError, match="'off'"):
        choose_target("off", [])


def test_the_options_are_those_of_the_command_and_of_the_environment(cloud: Cloud) -> None:
    options = choose_target("cloud", ["region=there"]).options
    assert sorted(options) == ["api_key", "region"]
    assert options["region"] == "there"
