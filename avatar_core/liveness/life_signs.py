"""Judges by the signs of an avatar whether it is lost; no clock and no network of its own."""

from __future__ import annotations

from dataclasses import dataclass

from avatar_core.liveness.hearing import Hearing
from avatar_core.liveness.judged_clock import JudgedClock
from avatar_core.liveness.loss import Loss
from avatar_core.liveness.media_flow import MediaFlow
from avatar_core.liveness.own_link import OwnLink
from avatar_core.liveness.room_stats import Counts
from avatar_core.liveness.speech_now import SpeechNow

MEDIA_SILENCE = 0.35
"""Seconds, on top of two round trips, after which media that came steadily counts as gone."""

LONGEST_MEDIA_SILENCE = 0.8
"""The same where gaps have been long lately, and for a picture that stands still."""

PROBE_SILENCE = 1.5
"""Seconds, on top of two round trips, without an answer where no media was to be expected. A lost
packet holds up all calls behind it until it was sent again, for a second at times."""

ANSWER_IS_RECENT = 0.5
"""Seconds, on top of two round trips, within which an answer shows that speech gets through."""

_FIRST_PICTURE = 2.0
_FIRST_SOUND = 1.0
_FIRST_TRACK = 2.0
_AFTER_A_BREAK = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What is known at one moment; times are ``time.monotonic()``.

    Args:
        now: The moment.
        lateness: Seconds by which the loop was late for it: it stood still.
        connected: The agent's own room connection is up.
        round_trip: Usual seconds from a call to its answer.
        answered: When the latest call that was answered had been sent.
        unanswered_since: When the first call after it was sent.
        counts: What has arrived; None if it was not, or could not be, read.
        audio_published: It has a track of sound that is not muted.
        speech: What is said; None if nothing is.
    """

    now: float
    lateness: float
    connected: bool
    round_trip: float
    answered: float | None
    unanswered_since: float | None
    counts: Counts | None
    audio_published: bool
    speech: SpeechNow | None


class LifeSigns:
    """Takes a tick at a time and says when the avatar is lost.

    Nothing is said against it for a time in which the agent's own loop stood still, or its own
    connection did not live.

    Args:
        now: ``time.monotonic()`` at which judgement begins.
        watch_video: A picture that stands still is a loss.
    """

    def __init__(self, *, now: float, watch_video: bool = True) -> None:
        self._watch_video = watch_video
        self._clock = JudgedClock()
        self._link = OwnLink()
        self._audio = MediaFlow()
        self._video = MediaFlow()
        self._hearing = Hearing()
        self._began = self._before = self._last_sign = now
        self._last_moment = now
        self._speaking_since: float | None = None
        self._heard_moment: float | None = None
        self.last_sound: float | None = None
        """``time.monotonic()`` at which sound last arrived, of whatever speech."""
        self._due_moment = now
        self.listening_since: float | None = None
        """``time.monotonic()`` since when its sound would be noticed; None while it would not."""

    @property
    def heard_until(self) -> float:
        """``time.monotonic()`` at which sound of this speech last arrived, or of its last sign."""
        return self._last_moment if self._heard_moment is None else self._heard_moment

    @property
    def held_up(self) -> float:
        """Seconds, all in all, in which nothing came over the agent's own connection."""
        return self._link.held_up

    def update(self, tick: Tick) -> Loss | None:
        """Take what is known now, and judge.

        Args:
            tick: What is known.
        """
        self._clock.stalled(until=tick.now, seconds=tick.lateness)
        before, now = self._before, self._clock.at(tick.now)
        self._before = now
        self._read(tick, before=before, now=now)
        if tick.speech is None:
            self._speaking_since = self._heard_moment = None
        elif self._speaking_since is None:
            self._speaking_since = now
        deaf = self._hearing.update(
            speech=tick.speech,
            seconds=now - before,
            can_judge=self._can_hear(tick, now=now),
            louder=self._audio.louder,
            arrived=self._audio.arrived,
            margin=2 * tick.round_trip,
        )
        if self._hearing.due == 0.0:
            self._due_moment = tick.now
        if not tick.connected:
            return None
        return (
            self._dead(tick, now=now)
            or (self._deaf(now=now) if deaf else None)
            or self._frozen(tick, now=now)
        )

    def _read(self, tick: Tick, *, before: float, now: float) -> None:
        counts = tick.counts
        self._link.update(
            now=now,
            connected=tick.connected,
            packets=None if counts is None else counts.link_packets,
        )
        if counts is not None:
            for flow, count in ((self._audio, counts.audio), (self._video, counts.video)):
                flow.update(moment=tick.now, now=now, before=before, count=count)
        signs = [(self._last_sign, self._last_moment)]
        if tick.answered is not None:
            signs.append((self._clock.at(tick.answered), tick.answered))
        for flow in (self._audio, self._video):
            if flow.last is not None and flow.last_moment is not None:
                signs.append((flow.last, flow.last_moment))
        self._last_sign, self._last_moment = max(signs)
        if not self._audio.flows or not self._link.lives(now=now, after=self._began):
            self.listening_since = None
        elif self.listening_since is None:
            self.listening_since = tick.now
        if self._audio.louder:
            self._heard_moment = self.last_sound = self._audio.last_moment

    def _dead(self, tick: Tick, *, now: float) -> Loss | None:
        margin = 2 * tick.round_trip
        silent_since = self._last_sign
        if self._media_expected(silent_since, now=now):
            gaps = max(self._audio.longest_gap, self._video.longest_gap)
            limit = min(max(MEDIA_SILENCE + margin, 2 * gaps), LONGEST_MEDIA_SILENCE + margin)
            if self._link.since is None or self._link.since > silent_since:
                limit += _AFTER_A_BREAK  # what was on its way takes a while to come again
            what = "neither sound, picture nor answer"
        elif tick.unanswered_since is not None:
            silent_since = max(silent_since, self._clock.at(tick.unanswered_since))
            limit = PROBE_SILENCE + margin
            what = "no answer"
        else:
            return None
        if not self._link_lived(silent_since, limit=limit, now=now):
            return None
        reason = f"{what} for {now - silent_since:.2f} s"
        return Loss(kind="dead", reason=reason, heard_until=self._last_moment)

    def _media_expected(self, silent_since: float, *, now: float) -> bool:
        """Tell whether media came steadily up to the last sign and must be coming still."""
        for flow in (self._audio, self._video):
            recent = flow.last is not None and flow.last > silent_since - 0.5
            if flow.subscribed_at is None or not recent or not flow.steady:
                continue
            # Sound stops in pauses of the speech; pictures do not.
            if flow is self._video or self._hearing.missing >= 0.5 * (now - silent_since):
                return True
        return False

    def _deaf(self, *, now: float) -> Loss:
        reason = f"{self._hearing.due:.2f} s of speech were due and nothing was heard"
        heard_until = self._due_moment if self._heard_moment is None else self._heard_moment
        return Loss(kind="deaf", reason=reason, heard_until=heard_until)

    def _can_hear(self, tick: Tick, *, now: float) -> bool:
        """Tell whether silence of what was said would be the avatar's.

        Speech travels behind the probes: while those are held up it may be late, too.
        """
        if self._link.since is None or tick.answered is None:
            return False
        if not self._audio.seen and not self._brings_no_sound(tick, now=now):
            return False
        subscribed_at = self._audio.subscribed_at
        if subscribed_at is None:
            since = self._speaking_since
            # A track that is there and does not come is for the agent to subscribe to.
            if tick.audio_published or since is None or now - since < _FIRST_SOUND:
                return False
        elif now - subscribed_at < 0.5:
            return False
        if now - self._clock.at(tick.answered) > ANSWER_IS_RECENT + 2 * tick.round_trip:
            return False
        return self._link.lives(now=now, after=self._began)

    def _brings_no_sound(self, tick: Tick, *, now: float) -> bool:
        """Tell whether it has shown itself, has been given speech, and has no track of sound."""
        since = self._speaking_since
        late = since is not None and now - since > _FIRST_TRACK
        return late and self._video.seen and not tick.audio_published

    def _frozen(self, tick: Tick, *, now: float) -> Loss | None:
        video, subscribed_at = self._video, self._video.subscribed_at
        if not self._watch_video or self._speaking_since is None or subscribed_at is None:
            return None
        if not video.seen or video.last is None:
            return None
        margin = 2 * tick.round_trip
        limit = min(max(LONGEST_MEDIA_SILENCE, 2 * video.longest_gap), _FIRST_PICTURE) + margin
        if video.last < subscribed_at:
            limit = _FIRST_PICTURE + margin  # it takes a key frame to begin
        still_since = max(video.last, subscribed_at, self._speaking_since)
        answered = None if tick.answered is None else self._clock.at(tick.answered)
        others = [at for at in (self._audio.last, answered) if at is not None]
        if not others or max(others) < still_since + 0.4 * limit:
            return None
        if not self._link_lived(still_since, limit=limit, now=now):
            return None
        reason = f"its picture has stood still for {now - still_since:.2f} s"
        # It is heard still: the rest begins where it is now.
        return Loss(kind="frozen", reason=reason, heard_until=self.heard_until)

    def _link_lived(self, silent_since: float, *, limit: float, now: float) -> bool:
        """Tell whether the agent's own connection lived for as long as the avatar was silent."""
        since = self._link.since
        if since is None:
            return False
        reference = max(silent_since, since, self._began)
        return now - reference >= limit and self._link.lives(now=now, after=reference + 0.3 * limit)
