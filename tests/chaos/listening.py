"""What a listener in the room missed of what the agent said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avatar_core.testing.speech_sound import HUM, SLOPE, START_HZ, pitches
from avatar_core.testing.viewer import SAMPLE_RATE, Heard

Stretch = tuple[float, float]
"""From and to, ``time.monotonic()``."""

TAIL = 1.0
"""Seconds for which the last of a sentence is on its way to the listener, on a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listened:
    """One sentence at a listener, in seconds.

    Args:
        silence: The longest time without a sound while the sentence was owed.
        silent_from: When that began, from the moment the sentence was said.
        lost: The longest stretch of the sentence that was not heard.
        repeated: What was heard more than once.
        both: For how long two participants were heard at once.
        last: The latest moment of the sentence that was heard.
    """

    silence: float
    silent_from: float
    lost: float
    repeated: float
    both: float
    last: float


def listen(
    heard: Mapping[str, Heard], *, said: float, finished: float, without: Sequence[Stretch] = ()
) -> Listened:
    """Read what was heard of a sweep.

    Args:
        heard: By participant.
        said: When it was said.
        finished: When LiveKit was told that it had been heard.
        without: Stretches in which nothing could leave the agent: these do not count as silence.
    """
    loud: list[float] = []
    spoken: list[tuple[float, float]] = []
    bins: dict[int, set[str]] = {}
    for identity, each in heard.items():
        chosen = [
            (at, chunk)
            for at, chunk in zip(each.times, each.chunks, strict=True)
            if said <= at <= finished + TAIL
        ]
        if not chosen:
            continue
        times = [at for at, chunk in chosen if chunk.size and int(np.abs(chunk).max()) > 500]
        loud += times
        for at in times:
            bins.setdefault(int(at / 0.02), set()).add(identity)
        begun = chosen[0][0]
        # A stretch that came late came at once: its place in the sound, not its arrival, counts.
        sound = np.concatenate([chunk for _, chunk in chosen])
        arrivals = np.array([at for at, _ in chosen])
        lengths = np.array([chunk.size for _, chunk in chosen]).cumsum()
        for offset, pitch in pitches(sound):
            place = int(np.searchsorted(lengths, offset * SAMPLE_RATE))
            at = float(arrivals[min(place, len(arrivals) - 1)]) if len(arrivals) else begun
            position = (pitch - START_HZ) / SLOPE
            if position > -HUM:
                spoken.append((at, position))
    spoken.sort()
    positions = [position for _, position in spoken]
    ordered = sorted(positions)
    gaps = [after - before for before, after in zip(ordered, ordered[1:], strict=False)]
    repeated = sum(
        before - after
        for before, after in zip(positions, positions[1:], strict=False)
        if before - after > 0.05
    )
    silence, silent_from = _longest_silence(loud, said=said, finished=finished, without=without)
    return Listened(
        silence=silence,
        silent_from=silent_from - said,
        lost=max([ordered[0], *gaps] if ordered else [finished - said]),
        repeated=repeated,
        both=sum(0.02 for who in bins.values() if len(who) > 1),
        last=ordered[-1] if ordered else 0.0,
    )


def _longest_silence(
    loud: Sequence[float], *, said: float, finished: float, without: Sequence[Stretch]
) -> Stretch:
    marks = sorted([said, *(at for at in loud if at <= finished), finished])
    longest, begun = 0.0, said
    for before, after in zip(marks, marks[1:], strict=False):
        owed = after - before
        for begin, end in without:
            owed -= max(0.0, min(after, end) - max(before, begin))
        if owed > longest:
            longest, begun = owed, before
    return longest, begun
