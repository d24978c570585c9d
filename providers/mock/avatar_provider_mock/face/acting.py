"""What the character does of its own accord: a calm, living presence that follows the call."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

from .expression import Expression
from .visemes import Mouth

_SWAY_PERIOD = 7.5  # seconds of one figure of eight of the head
_BREATH_PERIOD = 4.4
_SETTLE = 0.3  # seconds to change from one attitude to another
_CLOSING, _CLOSED, _OPENING = 0.08, 0.04, 0.16  # seconds of a blink
_NOD = 0.8  # seconds of a listener's nod
_STARTLE = 1.1  # seconds until an interruption is forgotten
LIPS_SHUT = 0.24  # seconds after an interruption in which the lips close whatever is heard


@dataclass(frozen=True, slots=True)
class _Attitude:
    turn: float = 0.0
    nod: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)
    attentive: float = 0.0
    thinking: float = 0.0
    smile: float = 0.0
    wander: float = 1.0  # how far the eyes stray


_CALM = _Attitude()
_ATTITUDES = {
    "listening": _Attitude(turn=0.62, nod=0.22, attentive=1.0, wander=0.3),
    "thinking": _Attitude(turn=-0.5, nod=-0.42, gaze=(-0.62, -0.9), thinking=1.0, wander=0.8),
    "speaking": _Attitude(smile=0.5, wander=0.6),
}


class Actor:
    """Turns the time, the agent's state and the mouth into an expression.

    The same seed and the same calls give the same expressions.
    """

    def __init__(self, *, seed: int) -> None:
        """Start calm, eyes on the viewer.

        Args:
            seed: Of all chance: when to blink, where to look, when to nod.
        """
        self._chance = random.Random(seed)
        self._time: float | None = None
        self._phase = self._chance.uniform(0, math.tau)
        self._attitude = _CALM
        self._gaze = (0.0, 0.0)
        self._fixation = (0.0, 0.0)
        self._next_fixation = 0.0
        self._blink_at = 0.0
        self._nod_at = math.inf
        self._was_listening = False
        self._stress = 0.0
        self._emphatic = False
        self._emphasis = 0.0
        self._startled_at: float | None = None
        self._startle = False

    @property
    def lips_shut(self) -> bool:
        """An interruption is so recent that the lips close whatever is heard."""
        if self._startle:
            return True
        return (
            self._startled_at is not None
            and self._time is not None
            and self._time - self._startled_at < LIPS_SHUT
        )

    def startle(self) -> None:
        """React to an interruption, from the next moment on."""
        self._startle = True

    def act(self, *, time: float, state: str | None, mouth: Mouth) -> Expression:
        """Return what to show.

        Args:
            time: Seconds on the worker's clock, never falling.
            state: ``speaking``, ``listening``, ``thinking``, or anything else for calm.
            mouth: What the lips do.
        """
        if self._time is None:
            self._blink_at = time + self._chance.uniform(0.8, 2.4)
            self._next_fixation = time + 1.0
            elapsed = 0.0
        else:
            elapsed = min(0.25, max(0.0, time - self._time))  # a stall is no reason to jump
        self._time = time
        if self._startle:
            self._startle, self._startled_at = False, time
            self._blink_at = time + 0.55  # startled eyes stay open, then blink
        now = self._settled(_ATTITUDES.get(state or "", _CALM), elapsed)
        self._look_around(time, now, elapsed)
        # The swing's pace wanders so that no period is noticed.
        pace = 1 + 0.35 * math.sin(0.21 * time) + 0.2 * math.sin(0.077 * time + 1.0)
        self._phase += elapsed * pace * math.tau / _SWAY_PERIOD
        self._stress += (mouth.open - self._stress) * min(1.0, elapsed / 0.28)
        startle = self._startle_strength(time)
        return Expression(
            turn=now.turn + 0.42 * math.sin(self._phase),
            nod=now.nod
            + 0.3 * math.sin(2 * self._phase + 0.6)
            + 0.6 * self._stress
            + self._listeners_nod(time, state)
            - 0.7 * startle,
            breath=0.5 - 0.5 * math.cos(time * math.tau / _BREATH_PERIOD),
            gaze=(self._gaze[0] * (1 - startle), self._gaze[1] * (1 - startle)),
            blink=self._blink(time),
            wide=startle,
            smile=now.smile * (1 - startle),
            raised=max(startle, self._emphasis_brows(elapsed)),
            attentive=now.attentive,
            thinking=now.thinking,
            mouth=_pursed(mouth, now.thinking * (1 - startle)),
        )

    def _settled(self, goal: _Attitude, elapsed: float) -> _Attitude:
        part, old = 1 - math.exp(-elapsed / _SETTLE), self._attitude

        def step(now: float, then: float) -> float:
            return now + part * (then - now)

        self._attitude = _Attitude(
            step(old.turn, goal.turn),
            step(old.nod, goal.nod),
            (step(old.gaze[0], goal.gaze[0]), step(old.gaze[1], goal.gaze[1])),
            step(old.attentive, goal.attentive),
            step(old.thinking, goal.thinking),
            step(old.smile, goal.smile),
            step(old.wander, goal.wander),
        )
        return self._attitude

    def _look_around(self, time: float, now: _Attitude, elapsed: float) -> None:
        if time >= self._next_fixation:
            glance = self._chance.random() < 0.16
            reach = now.wander * (0.75 if glance else 0.2)
            self._fixation = (
                self._chance.uniform(-reach, reach),
                self._chance.uniform(-reach, reach) * 0.5,
            )
            self._next_fixation = time + (0.7 if glance else self._chance.uniform(0.9, 2.8))
        goal = (now.gaze[0] + self._fixation[0], now.gaze[1] + self._fixation[1])
        part = 1 - math.exp(-elapsed / 0.035)  # eyes jump, they do not glide
        self._gaze = (
            max(-1.0, min(1.0, self._gaze[0] + part * (goal[0] - self._gaze[0]))),
            max(-1.0, min(1.0, self._gaze[1] + part * (goal[1] - self._gaze[1]))),
        )

    def _blink(self, time: float) -> float:
        since = time - self._blink_at
        if since < 0:
            return 0.0
        if since < _CLOSING:
            return 0.4 + 0.6 * since / _CLOSING
        if since < _CLOSING + _CLOSED:
            return 1.0
        left = 1 - (since - _CLOSING - _CLOSED) / _OPENING
        if left > 0:
            return left
        twice = self._chance.random() < 0.12
        pause = 0.12 if twice else min(7.0, 1.6 + self._chance.expovariate(1 / 2.2))
        self._blink_at = time + pause
        return 0.0

    def _listeners_nod(self, time: float, state: str | None) -> float:
        if state != "listening":
            self._was_listening = False
            since = time - self._nod_at
            if not 0 <= since < _NOD:
                self._nod_at = math.inf
                return 0.0
        elif not self._was_listening:
            self._was_listening = True
            self._nod_at = time + self._chance.uniform(1.2, 2.6)
        since = time - self._nod_at
        if since < 0:
            return 0.0
        if since >= _NOD:
            self._nod_at = time + self._chance.uniform(2.5, 6.0)
            return 0.0
        return 0.75 * math.sin(math.pi * since / _NOD) ** 2

    def _emphasis_brows(self, elapsed: float) -> float:
        # Two thresholds, or brows would flutter with the syllables.
        self._emphatic = self._stress > (0.3 if self._emphatic else 0.46)
        goal = 0.4 if self._emphatic else 0.0
        self._emphasis += (goal - self._emphasis) * min(1.0, elapsed / 0.1)
        return self._emphasis

    def _startle_strength(self, time: float) -> float:
        if self._startled_at is None:
            return 0.0
        since = time - self._startled_at
        if since >= _STARTLE:
            self._startled_at = None
            return 0.0
        if since < 0.3:
            return min(1.0, 0.45 + since / 0.12)
        return 0.5 + 0.5 * math.cos(math.pi * (since - 0.3) / (_STARTLE - 0.3))


def _pursed(mouth: Mouth, thinking: float) -> Mouth:
    """Return the mouth of a thinker, who says nothing."""
    return replace(mouth, press=max(mouth.press, 0.8 * thinking * (1 - min(1.0, 2 * mouth.open))))
