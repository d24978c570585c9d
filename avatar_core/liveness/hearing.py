"""Whether what the avatar was given to say is heard."""

from __future__ import annotations

from collections import deque

from avatar_core.liveness.speech_now import SpeechNow

UNHEARD = 0.8
"""Seconds of speech, silence left out, that may go unheard on top of the lag that is usual."""

UNHEARD_END = 0.5
UNHEARD_SHARE = 0.05
"""The same of a segment that should be over, in seconds and as a share of it: how much of it was
heard is known from when sound arrived, and soft speech counts as silence now and then."""


START_MARGIN = 0.3
START_FACTOR = 1.5
"""How much longer than lately, in seconds and as a factor, an avatar may take to begin."""

_STARTS_KEPT = 5


class Hearing:
    """Adds up the speech that was due since something was heard.

    How long an avatar takes to begin is learned, for when it does not say that it has begun: some
    draw for a second and more before the first word is heard. One that fell silent before it was
    interrupted gets less time for the next that it is given.
    """

    def __init__(self) -> None:
        self._segment: int | None = None
        self._lag = self._audible = 0.0
        self._started = False
        self._silent = 0.0
        self._age = 0.0  # since the first of it was due
        self._heard = self._quiet = self._told = self._was_louder = False
        self._starts: deque[float] = deque(maxlen=_STARTS_KEPT)
        self._behind = 0.0  # of all that was due in the segment, what was not heard
        self._owed = 0.0  # of what was due in the segment before, when that was cut short
        self.due = 0.0
        """Seconds of speech, silence left out, due since something was heard."""
        self.missing = 0.0
        """The same since a packet of sound arrived, loud or not."""

    def update(
        self,
        *,
        speech: SpeechNow | None,
        seconds: float,
        can_judge: bool,
        louder: bool,
        arrived: bool,
        margin: float,
    ) -> bool:
        """Take what happened since the last time; tells whether too much went unheard.

        Args:
            speech: What is said now.
            seconds: Length of that time; what came due in a stall of our own is not counted.
            can_judge: Silence would be the avatar's: it can be heard, and gets its speech.
            louder: Something was heard.
            arrived: A packet of sound arrived.
            margin: Seconds that the way there and back may take.
        """
        was_louder, self._was_louder = self._was_louder, louder
        if louder:
            self._owed = 0.0
        if speech is None or speech.segment != self._segment:
            self._owe()
        if speech is None:
            self._segment, self.due, self.missing = None, 0.0, 0.0
            return False
        if speech.segment != self._segment:
            self._segment, self._audible, self.due = speech.segment, 0.0, 0.0
            self._started, self._behind, self._silent = False, 0.0, 0.0
            self._age = 0.0
            self._heard = self._told = False
            self._quiet = not was_louder
        self._lag = speech.lag
        told = speech.start_lag is None
        if (speech.started and not self._started) or (told and not self._told):
            self._started, self._audible = speech.started, speech.audible
        if told and not self._told:
            # What was due before counted from when it was sent, not from when it was played; what
            # was heard before runs ahead of what is due from now on.
            self._told = True
            self.due, self._behind = 0.0, min(0.0, self._behind)
        seconds = max(seconds, 0.0)
        if self._age > 0.0 or speech.audible > 0.0:
            # The look before it may be long ago.
            self._age += min(seconds, speech.audible) if self._age == 0.0 else seconds
        came_due = min(max(0.0, speech.audible - self._audible), seconds)
        self._audible = max(self._audible, speech.audible)
        self.due += came_due
        self._behind += came_due
        self.missing = 0.0 if arrived else self.missing + came_due
        self._silent += seconds
        if louder or not can_judge:
            self.due = self._silent = 0.0
            self._behind -= seconds if can_judge else came_due
        limit = UNHEARD + margin
        if not louder:
            self._quiet = True
        elif self._quiet and not self._heard:  # else it may be the end of what was said before
            self._heard = True
            self._starts.append(self._age)
        if speech.start_lag is not None and self._age <= limit + self._patience(speech.start_lag):
            return False
        # Where reports lag, the sound is over before they say so. That it was all heard shows in
        # how much of it was.
        heard_all = not speech.started or self._behind <= limit
        if speech.over and speech.started and self._silent > limit:
            unheard = min(self.due, self._behind)
            return unheard > UNHEARD_END + UNHEARD_SHARE * self._audible
        return self.due > limit + (speech.lag if heard_all else 0.0)

    def _owe(self) -> None:
        """Keep what an avatar owed that had begun and fell silent; what was its lag is no debt."""
        if self._segment is not None and self._heard:
            self._owed = min(max(self._owed, self.due - self._lag), UNHEARD)

    def _patience(self, start_lag: float) -> float:
        """Tell how many seconds an avatar that does not say when it begins may take to."""
        if self._starts:
            start_lag = START_FACTOR * max(self._starts) + START_MARGIN
        return start_lag - self._owed
