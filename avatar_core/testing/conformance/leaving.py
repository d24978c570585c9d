"""Clauses about avatars that go: by themselves, thrown out, and two that are there at once."""

from __future__ import annotations

import asyncio
import time

from livekit import api, rtc

from avatar_core.testing.avatar_call import AvatarCall
from avatar_core.testing.conformance.adoption import Adoption
from avatar_core.testing.conformance.clauses import clause
from avatar_core.testing.conformance.speaking import SENTENCE
from avatar_core.testing.conformance.subject import Subject
from avatar_core.testing.speech_sound import assert_whole


class Leaving(Adoption):
    """How it goes, and who comes then."""

    @clause(
        "two-at-once",
        "two calls at once have an avatar each, which says its own agent's words and goes on when"
        " the other ends.",
        needs=("concurrency",),
        sessions=2,
        at_once=2,
    )
    async def test_two_at_once(self, conformance: Subject) -> None:
        """Speak in two rooms, end one, and speak on in the other."""
        async with conformance.call() as one:
            async with conformance.call() as two:
                said = await asyncio.gather(one.says(SENTENCE), two.says(2 * SENTENCE))
                assert_whole(said[0], seconds=SENTENCE)
                assert_whole(said[1], seconds=2 * SENTENCE)
                assert said[0].last < SENTENCE + 0.2, "one avatar said the other's words"
                ids = [each.session_id for each in conformance.recorder.started]
                assert ids == [None, None] or len(set(ids)) == 2, f"both sessions are {ids[0]!r}"
            assert_whole(await one.says(SENTENCE), seconds=SENTENCE)

    @clause(
        "replaced",
        "an avatar that is thrown out of the room is replaced by another session, and its own is"
        " ended.",
        needs=("concurrency",),
        sessions=2,
        at_once=2,
    )
    async def test_replaced(self, conformance: Subject) -> None:
        """Take it out of the room and wait for another."""
        async with conformance.call() as call:
            first = call.avatar.avatar_identity
            async with call.stage.server.api() as server:
                await server.room.remove_participant(
                    api.RoomParticipantIdentity(room=call.stage.room_name, identity=first)
                )
            limit = self.patience + conformance.info.rejoin_grace
            await self._until_live_again(call, first, timeout=limit)
            assert_whole(await call.says(SENTENCE), seconds=SENTENCE)
            await call.avatar.aclose()
            await conformance.settled()
            started = len(conformance.recorder.started)
            ended = [each for each in conformance.recorder.of("end_session") if not each.call.error]
            assert started == len(ended) == 2, f"{started} sessions started, {len(ended)} ended"
            await conformance.none_listed()

    @clause(
        "comes-back",
        "an avatar that leaves and comes back within its declared rejoin_grace goes on in the same"
        " session.",
        needs=("coming back",),
    )
    async def test_comes_back(self, conformance: Subject) -> None:
        """Let it leave once and come back."""
        left, back = asyncio.Event(), asyncio.Event()
        moments: list[float] = []
        async with conformance.call(join=False, **(self.comes_back or {})) as call:
            identity = call.avatar.avatar_identity

            def gone(participant: rtc.RemoteParticipant) -> None:
                if participant.identity == identity:
                    moments.append(time.monotonic())
                    left.set()

            def come(participant: rtc.RemoteParticipant) -> None:
                if participant.identity == identity and left.is_set():
                    moments.append(time.monotonic())
                    back.set()

            viewer = call.stage.viewer.room
            viewer.on("participant_disconnected", gone)
            viewer.on("participant_connected", come)
            await asyncio.wait_for(left.wait(), self.patience)
            await asyncio.wait_for(back.wait(), self.patience)
            away = moments[1] - moments[0]
            grace = conformance.info.rejoin_grace
            assert away < grace, f"it was away for {away:.1f} s, and declares {grace:g} s at most"
            await call.avatar.wait_for_join(timeout=self.patience)
            await call.until_listened_to()
            assert_whole(await call.says(SENTENCE), seconds=SENTENCE)
            assert len(conformance.recorder.of("start_session")) == 1, "it was started again"

    async def _until_live_again(self, call: AvatarCall, first: str, *, timeout: float) -> None:
        await call.stage.viewer.until(
            lambda: call.avatar.state == "live" and call.avatar.avatar_identity != first,
            timeout=timeout,
        )
        await call.until_listened_to()
