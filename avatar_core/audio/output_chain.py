"""Putting a front sink into an AgentSession's audio chain, and taking it out again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioOutput

from avatar_core.audio.front_sink import FrontSink


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
        if leaf is not None and leaf._pending_playback_count > 0:
            # A segment is under way in LiveKit's own sink: it is heard to its end there.
            self._waiting_on = leaf
            leaf.on("playback_finished", self._try_install)
            return
        self.leaf = leaf
        self._session.output.replace_audio_tail(self._front)
        callback, self._installed_callback = self._installed_callback, None
        callback()

    def restore(self) -> None:
        """Put LiveKit's sink back; call it while the front sink is idle.

        Leaves a chain alone that no longer holds the front sink: after ``AgentSession.aclose()``
        there is none, and an application may have set another.
        """
        if self._waiting_on is not None:
            self._waiting_on.off("playback_finished", self._try_install)
            self._waiting_on = None
        self._installed_callback = None
        if self.leaf is not None and self.installed:
            self._session.output.replace_audio_tail(self.leaf)

    def remove(self) -> None:
        """Take the sink out where it was the whole chain; before the AgentSession starts only."""
        if self._session.output.audio is self._front:
            self._session.output.audio = None

    def current_leaf(self) -> AudioOutput | None:
        """The sink at the bottom of the chain now."""
        sink = self._session.output.audio
        while sink is not None and sink.next_in_chain is not None:
            sink = sink.next_in_chain
        return sink
