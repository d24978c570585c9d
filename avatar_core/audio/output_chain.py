"""Putting a front sink into an AgentSession's audio chain, and taking it out again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioOutput

from avatar_core.audio.front_sink import FrontSink

PARKED_SECONDS = 5.0
"""Seconds to wait for somebody to hear the agent's own track, where a greeting waits for that: a
front end that only takes the avatar's never will."""


class OutputChain:
    """The audio output of one AgentSession, as far as a front sink is concerned.

    The sink goes in and out at a segment boundary only: LiveKit reports a segment whose sink is
    swapped under it as finished, interrupted, at position 0 (livekit-agents 1.8.9).

    Args:
        agent_session: The session whose output is used.
        front: The sink to put in.
    """

    def __init__(self, *, agent_session: AgentSession[Any], front: FrontSink) -> None:
        self._session = agent_session
        self._front = front
        self._waiting_on: AudioOutput | None = None
        self._parked_timer: asyncio.TimerHandle | None = None
        self._waits_for_parked = True
        self._installed_callback: Callable[[], None] | None = None
        self.leaf: AudioOutput | None = None
        """LiveKit's own sink that the front sink replaced; None where there was none."""

    @property
    def installed(self) -> bool:
        """Whether the front sink is in the chain now."""
        sink = self._session.output.audio
        while sink is not None:
            if sink is self._front:
                return True
            sink = sink.next_in_chain
        return False

    def install(self, on_installed: Callable[[], None]) -> None:
        """Put the sink in at the next segment boundary, which mostly is now.

        Args:
            on_installed: Called when it is in.
        """
        self._installed_callback = on_installed
        self._try_install()

    def _try_install(self, *_: object) -> None:
        if self._waiting_on is not None:
            self._waiting_on.off("playback_finished", self._try_install)
            self._waiting_on = None
        if self._installed_callback is None:
            return  # given up meanwhile
        leaf = self.current_leaf()
        if isinstance(leaf, FrontSink) and not leaf.idle:
            # An avatar that was closed in mid-sentence: its sink goes first.
            leaf.when_idle(self._try_install)
            return
        busy = self._under_way()
        if busy is not None:
            # A segment is under way in LiveKit's own sink: it is heard to its end there.
            self._waiting_on = busy
            busy.on("playback_finished", self._try_install)
            if self._parked_timer is None:
                self._parked_timer = asyncio.get_running_loop().call_later(
                    PARKED_SECONDS, self._parked_for_long
                )
            return
        self._stop_timer()
        self.leaf = leaf
        self._session.output.replace_audio_tail(self._front)
        callback, self._installed_callback = self._installed_callback, None
        callback()

    def _parked_for_long(self) -> None:
        self._waits_for_parked = False
        self._try_install()

    def _stop_timer(self) -> None:
        if self._parked_timer is not None:
            self._parked_timer.cancel()
            self._parked_timer = None

    def restore(self) -> None:
        """Put LiveKit's sink back; call it while the front sink is idle.

        Leaves a chain alone that no longer holds the front sink: after ``AgentSession.aclose()``
        there is none, and an application may have set another.
        """
        if self._waiting_on is not None:
            self._waiting_on.off("playback_finished", self._try_install)
            self._waiting_on = None
        self._stop_timer()
        self._installed_callback = None
        if self.leaf is not None and self.installed:
            self._session.output.replace_audio_tail(self.leaf)

    def remove(self) -> None:
        """Take the sink out where it was the whole chain; before the AgentSession starts only."""
        if self._session.output.audio is self._front:
            self._session.output.audio = None

    def current_leaf(self) -> AudioOutput | None:
        """The sink at the bottom of the chain now."""
        sinks = self._sinks()
        return sinks[-1] if sinks else None

    def _sinks(self) -> list[AudioOutput]:
        """The chain from the outermost sink down."""
        sinks = []
        sink = self._session.output.audio
        while sink is not None:
            sinks.append(sink)
            sink = sink.next_in_chain
        return sinks

    def _under_way(self) -> AudioOutput | None:
        """The outermost sink that still has a segment to report, None at a segment boundary.

        While nobody has subscribed to the agent's track, LiveKit's sink keeps a capture waiting
        and has not counted it; the proxy above it has. A capture cancelled there stays counted
        for good and is never reported: behind its flush it is no segment any more.
        """
        sinks = self._sinks()
        in_leaf = bool(sinks) and sinks[-1]._pending_playback_count > 0
        for sink in sinks:
            parked = self._waits_for_parked and getattr(sink, "_capturing", False)
            if sink._pending_playback_count > 0 and (in_leaf or parked):
                return sink
        return None
