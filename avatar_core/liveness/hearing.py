"""Whether what the avatar was given to say is heard."""

from __future__ import annotations

from avatar_core.liveness.speech_now import SpeechNow

UNHEARD = 0.8
"""Seconds of speech, silence left out, that may go unheard on top of the lag that is usual."""

UNHEARD_END = 0.5
UNHEARD_SHARE = 0.05
"""The same of a segment that should be over, in seconds and as a share of it: how much of it was
heard is known from when sound arrived, and soft speech counts as silence now and then."""


class Hearing:
    """Adds up the speech that was due since something was heard."""

    def __init__(self) -> None:
        self._segment: int | None = None
        self._audible = 0.0
        self._started = False
        self._silent = 0.0
        self._behind = 0.0  # of all that was due in the segment, what was not heard
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
        if speech is None:
            self._segment, self.due, self.missing = None, 0.0, 0.0
            return False
        if speech.segment != self._segment:
            self._segment, self._audible, self.due = speech.segment, 0.0, 0.0
            self._started, self._behind, self._silent = False, 0.0, 0.0
        if speech.started and not self._started:
            # What was due before counted from when it was sent, not from when it was played; what
            # was heard before runs ahead of what is due from now on.
            self._started, self._audible = True, speech.audible
            self.due, self._behind = 0.0, min(0.0, self._behind)
        seconds = max(seconds, 0.0)
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
        # Where reports lag, the sound is over before they say so. That it was all heard shows in
        # how much of it was.
        heard_all = not speech.started or self._behind <= limit
        if speech.over and speech.started and self._silent > limit:
            unheard = min(self.due, self._behind)
            return unheard > UNHEARD_END + UNHEARD_SHARE * self._audible
        return self.due > limit + (speech.lag if heard_all else 0.0)
