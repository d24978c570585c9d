"""The clause about a start that is cancelled, wherever it waits."""

from __future__ import annotations

import asyncio

from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.conformance.adoption import Adoption
from avatar_core.testing.conformance.clauses import clause
from avatar_core.testing.conformance.subject import Subject
from avatar_core.testing.suspensions import Suspension, Suspensions

# What a hook awaits is awaited in tasks that nobody has named.
_THE_STARTS = frozenset({"caller", "avatar-start", "avatar-start-session", "unnamed"})


class Cancelling(Adoption):
    """How it is given up."""

    @clause(
        "cancelled",
        "a start that is cancelled, wherever it waits, leaves no session and nobody in the room.",
        each_cancelled=True,
    )
    async def test_cancelled(self, conformance: Subject) -> None:
        """Cancel it at one moment after the other, until it gets through."""
        known: set[Suspension] = set()
        async with conformance.stage() as stage:
            while len(known) < self.most_cancellations:
                at = await self._cancel(conformance, stage, known)
                if at is None:
                    break
                known.add(at)
                where = f"after a start cancelled in {at[1]} (task {at[0]})"
                try:
                    await conformance.nobody_left(stage)
                except AssertionError as exc:
                    raise AssertionError(f"{where}: {exc}") from None
            assert known, "there was no moment at which it waits"
            # Whoever was sent and called back may come late: by the time that another avatar takes
            # to join, he is there.
            await conformance.join_and_close(stage)
            await conformance.nobody_left(stage)
            await conformance.none_listed()

    async def _cancel(
        self, conformance: Subject, stage: CallStage, known: set[Suspension]
    ) -> Suspension | None:
        await self.before_start()
        # A name for each: the core removes participants by name, and the next end would hide who
        # came late after this one.
        name = f"{conformance.info.avatar_identity}-given-up-{len(known)}"
        avatar = conformance.avatar(avatar_participant_identity=name)
        suspensions = Suspensions(
            known=known,
            act=lambda start: start.cancel(),
            counts=lambda task: task in _THE_STARTS,
        )
        error = await suspensions.run(
            avatar.start(stage.agent_session, stage.room, **stage.credentials)
        )
        await avatar.aclose()
        await conformance.settled()
        if suspensions.new is None:
            if error is not None:
                raise error
        else:
            assert isinstance(error, asyncio.CancelledError), (
                f"a start cancelled in {suspensions.new[1]} raised {error!r}"
            )
        return suspensions.new
