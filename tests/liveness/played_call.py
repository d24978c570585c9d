"""A call for the state machine alone: an avatar, a network and an agent that exist on paper."""

from __future__ import annotations

from dataclasses import dataclass, field

from avatar_core.liveness.life_signs import LifeSigns, Tick
from avatar_core.liveness.loss import Loss
from avatar_core.liveness.room_stats import Counts, TrackCount
from avatar_core.liveness.speech_now import SpeechNow

STEP = 0.1


@dataclass
class Track:
    per_second: float
    packets: float = 0.0
    last: float | None = None
    energy: float = 0.0

    def flow(self, now: float, seconds: float, *, loudness: float = 0.0) -> None:
        self.packets += self.per_second * seconds
        self.last = now
        self.energy += loudness * seconds

    def count(self, now: float) -> TrackCount:
        age = None if self.last is None else now - self.last
        return TrackCount(packets=int(self.packets), age=age, energy=self.energy)


@dataclass
class PlayedCall:
    """Everything that may go wrong is an attribute; ``run`` plays until a loss or the end."""

    watch_video: bool = True
    has_video: bool = True
    alive: bool = True
    sends_pictures: bool = True
    sounds: bool = True
    link: bool = True
    connected: bool = True
    answers: bool = True
    round_trip: float = 0.01
    subscribed: bool = True
    published: bool = True
    speaking: bool = True
    audible_share: float = 1.0
    lag: float = 0.0
    start_lag: float | None = None
    now: float = 1000.0
    segment: int = 1
    audible: float = 0.0
    started: bool = True
    over: bool = False
    lateness: float = 0.0
    audio: Track = field(default_factory=lambda: Track(50))
    video: Track = field(default_factory=lambda: Track(25))

    def __post_init__(self) -> None:
        self.signs = LifeSigns(now=self.now, watch_video=self.watch_video)
        self.link_packets = 0
        self.answered: float | None = None
        self.unanswered_since: float | None = None

    def run(self, seconds: float) -> Loss | None:
        """Play so long; the loss that is found ends it."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            loss = self.step()
            if loss is not None:
                return loss
        return None

    def step(self, seconds: float = STEP) -> Loss | None:
        """Play one tick."""
        self.now += seconds
        reaches = self.alive and self.link
        if reaches:
            self.audio.flow(
                self.now, seconds, loudness=0.05 if self.speaking and self.sounds else 0
            )
            if self.sends_pictures and self.has_video:
                self.video.flow(self.now, seconds)
        if reaches and self.answers:
            self.answered, self.unanswered_since = self.now, None
        elif self.unanswered_since is None:
            self.unanswered_since = self.now
        if self.link:
            self.link_packets += 1
        if self.speaking:
            self.audible += seconds * self.audible_share
        return self.signs.update(
            Tick(
                now=self.now,
                lateness=self.lateness,
                connected=self.connected,
                round_trip=self.round_trip,
                answered=self.answered,
                unanswered_since=self.unanswered_since,
                counts=self._counts(),
                audio_published=self.published,
                speech=self._speech(),
            )
        )

    def _counts(self) -> Counts:
        video = self.video.count(self.now) if self.subscribed and self.has_video else None
        audio = self.audio.count(self.now) if self.subscribed else None
        return Counts(link_packets=self.link_packets, audio=audio, video=video)

    def _speech(self) -> SpeechNow | None:
        if not self.speaking:
            return None
        return SpeechNow(
            segment=self.segment,
            started=self.started,
            audible=max(0.0, self.audible),
            start_lag=self.start_lag,
            lag=self.lag,
            over=self.over,
        )
