"""LiveKit's own avatar plugins, unmodified, in real calls: what "proven" means in the docs.

One call each for speech, for what happens in mid-sentence, and for starts that fail; the vendors'
clouds alone are doubles. ``make test`` lets every plugin speak, and two of them, which differ in
what they wait for and how they fail, go through all of it; ``make compat`` lets all.
"""

from __future__ import annotations

import os

import pytest

from avatar_core import AvatarPolicy
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.avatar_call import open_avatar_call, open_stage
from avatar_core.testing.scripted_api import ScriptedApi

from . import promises
from .doubles import DOUBLES, VendorDouble

THROUGH_ALL = tuple(DOUBLES) if os.environ.get("EVERY_PLUGIN_THROUGH_ALL") else ("tavus", "simli")


@pytest.fixture(params=DOUBLES)
def double(request: pytest.FixtureRequest, scripted_api: ScriptedApi) -> VendorDouble:
    return DOUBLES[request.param](scripted_api)


through_all = pytest.mark.parametrize("double", THROUGH_ALL, indirect=True)


async def test_it_speaks_is_interrupted_paused_and_closed(
    livekit_server: LiveKitServer, double: VendorDouble
) -> None:
    policy = AvatarPolicy(on_failure="raise", join_timeout=promises.PATIENCE)
    avatar = promises.avatar_of(double, policy)
    async with (
        open_stage(livekit_server) as stage,
        open_avatar_call(stage, avatar, patience=promises.PATIENCE) as call,
    ):
        await promises.it_speaks(call)
        await promises.it_is_interrupted(call)
        await promises.it_is_paused_and_resumed(call, double)
        await promises.it_gives_the_voice_back(call, double)


@through_all
async def test_it_takes_over_from_another_vendor_and_dies_in_mid_sentence(
    livekit_server: LiveKitServer, double: VendorDouble
) -> None:
    peer = promises.peer_of(double)
    policy = AvatarPolicy(on_failure="raise", join_timeout=promises.PATIENCE, max_recoveries=0)
    avatar = promises.avatar_of(peer, policy)
    async with (
        open_stage(livekit_server) as stage,
        open_avatar_call(stage, avatar, patience=promises.PATIENCE),
    ):
        await promises.the_sentence_goes_on_at(double, stage, avatar)
        await promises.the_voice_goes_on_when_its_worker_dies(double, stage, avatar)


@through_all
async def test_it_fails_plainly_and_the_next_candidate_takes_its_place(
    livekit_server: LiveKitServer, double: VendorDouble
) -> None:
    async with open_stage(livekit_server) as stage:
        await promises.a_refused_key_is_told(double, stage)
        await promises.a_vendor_that_is_down_is_told(double, stage)
        await promises.a_hang_is_bounded(double, stage)
        await promises.a_dropped_answer_leaves_nobody(double, stage)
        await promises.one_that_never_joins_is_replaced(double, stage)
