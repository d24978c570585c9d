from __future__ import annotations

import asyncio
from typing import get_args

import pytest
from pydantic import ValidationError

from avatar_core import AvatarPolicy
from avatar_core.contract.errors import AvatarNotJoinedError, SessionStateError
from avatar_core.session.states import AvatarState, AvatarStateChangedEvent, may_follow
from avatar_core.session.status import SessionStatus

STATES: tuple[AvatarState, ...] = get_args(AvatarState)
ALLOWED = {
    ("idle", "starting"),
    ("starting", "joining"),
    ("starting", "voice_only"),
    ("joining", "live"),
    ("joining", "voice_only"),
    ("live", "voice_only"),
    ("voice_only", "live"),
    *((state, "closing") for state in STATES if state not in ("closing", "closed")),
    ("closing", "closed"),
}


@pytest.mark.parametrize("old", STATES)
@pytest.mark.parametrize("new", STATES)
def test_the_ways_between_the_states(old: AvatarState, new: AvatarState) -> None:
    assert may_follow(old, new) is ((old, new) in ALLOWED)


def status_with_events() -> tuple[SessionStatus, list[AvatarStateChangedEvent]]:
    told: list[AvatarStateChangedEvent] = []
    return SessionStatus(on_change=told.append), told


def test_a_change_that_does_not_fit_changes_nothing_and_is_not_told() -> None:
    status, told = status_with_events()
    assert not status.to("live", "too soon")
    assert (status.state, told) == ("idle", [])
    assert status.to("starting", "now")
    assert not status.to("starting", "again")
    assert [(event.old_state, event.new_state, event.reason) for event in told] == [
        ("idle", "starting", "now")
    ]


async def test_waiting_is_over_when_it_is_live() -> None:
    status, _ = status_with_events()
    status.to("starting", "")
    waiting = [asyncio.create_task(status.wait_live(timeout=10)) for _ in range(3)]
    await asyncio.sleep(0)
    status.to("joining", "")
    status.to("live", "")
    await asyncio.gather(*waiting)


async def test_waiting_goes_on_while_it_may_still_come() -> None:
    status, _ = status_with_events()
    status.to("starting", "")
    status.to("voice_only", "it did not join in time")
    with pytest.raises(asyncio.TimeoutError) as caught:
        await status.wait_live(timeout=0.05)
    assert not isinstance(caught.value, AvatarNotJoinedError)


@pytest.mark.parametrize("how", ["given up", "closing"])
async def test_waiting_is_over_when_it_cannot_come(how: str) -> None:
    status, _ = status_with_events()
    status.to("starting", "")
    waiting = asyncio.create_task(status.wait_live(timeout=None))
    await asyncio.sleep(0)
    if how == "given up":
        status.given_up = True
        status.to("voice_only", "the start failed")
    else:
        status.to("closing", "the start failed")
    with pytest.raises(AvatarNotJoinedError, match="the start failed"):
        await asyncio.wait_for(waiting, 5)


async def test_nobody_waits_where_no_avatar_is_wanted() -> None:
    status, _ = status_with_events()
    status.to("starting", "")
    status.without_avatar = True
    status.to("voice_only", "it is off")
    await asyncio.wait_for(status.wait_live(timeout=None), 5)


async def test_waiting_before_the_start_is_a_mistake() -> None:
    with pytest.raises(SessionStateError):
        await status_with_events()[0].wait_live(timeout=1)


# --- policy ------------------------------------------------------------------------------------


def test_the_default_policy_keeps_the_agent_speaking() -> None:
    policy = AvatarPolicy()
    assert (policy.on_failure, policy.while_joining) == ("voice", "wait")
    assert (policy.join_timeout, policy.allow_insecure_url) == (10.0, False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"join_timeout": 0},
        {"start_timeout": -1},
        {"end_timeout": 0},
        {"on_failure": "silence"},
        {"while_joining": "sing"},
        {"join_timout": 5},
    ],
    ids=str,
)
def test_a_wrong_policy_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AvatarPolicy.model_validate(wrong)


def test_a_policy_cannot_be_changed_under_a_session() -> None:
    policy = AvatarPolicy()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(policy, "join_timeout", 1.0)  # noqa: B010 - a type checker refuses it too
