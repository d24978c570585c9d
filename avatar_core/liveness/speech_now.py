"""What an avatar is saying at one moment, as the one who gave it the speech sees it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechNow:
    """The segment under way.

    Args:
        segment: Tells one segment from the next.
        started: It counts as begun.
        audible: Seconds of this segment, silence left out, that should have been heard by now.
            Before ``started`` it is counted from when the speech was sent.
        start_lag: Seconds that the avatar may take to begin, as long as it is not known how many
            it takes; None where it has said that it began.
        lag: Seconds of it that may go unheard at its end: what the provider's reports lag behind
            the sound.
        over: All of it should have been heard by now, but for the lag, and the avatar has not
            said so.
    """

    segment: int
    started: bool
    audible: float
    start_lag: float | None = None
    lag: float = 0.0
    over: bool = False
