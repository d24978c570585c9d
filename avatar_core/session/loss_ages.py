"""Notices that avatars of one provider are lost at one age: a limit that nobody has declared."""

from __future__ import annotations

from collections import defaultdict, deque

from avatar_core.log import logger

LOSSES = 3
"""As many losses at about the same age are no accident."""

TOLERANCE = 0.05
"""Part of that age by which they may differ."""

YOUNGEST = 20.0
"""Seconds; what is lost sooner has failed to come up rather than reached a limit."""


class LossAges:
    """The ages at which the avatars of each provider were lost lately, in this process."""

    def __init__(self) -> None:
        self._ages: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=LOSSES))

    def note(self, provider: str, age: float) -> None:
        """Note a loss that nothing explains, and say so where there is a pattern.

        Args:
            provider: Whose avatar.
            age: Seconds since its session was started.
        """
        if age < YOUNGEST:
            return
        ages = self._ages[provider]
        ages.append(age)
        if len(ages) < LOSSES or max(ages) - min(ages) > TOLERANCE * max(ages):
            return
        limit = int(min(ages))
        logger.warning(
            "the last %d avatars of %s were lost at the age of about %d s: it seems to end its"
            " sessions then. AvatarPolicy(renew=True, max_session_seconds=%d) has a successor take"
            " over before",
            LOSSES,
            provider,
            limit,
            limit,
            extra={"provider": provider, "age_seconds": limit},
        )
        ages.clear()


LOSS_AGES = LossAges()
"""Of this process: a call alone seldom lives to see three of them."""
