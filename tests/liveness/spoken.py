"""What an agent says to an avatar, and what it knows of it at each moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import numpy as np
from livekit import rtc

from avatar_core.liveness.speech_now import SpeechNow
from tests.worker.speech_sender import FINISHED, STARTED, TOPIC, tone

RATE = 24000
SEND_AHEAD = 2.0
START_LAG = 0.7
_PIECE = 0.1


class Spoken:
    """Sends a tone, with pauses if wanted, paced as the core's sender does."""

    def __init__(self, *, room: rtc.Room, avatar: str = "avatar") -> None:
        self._room = room
        self._avatar = avatar
        self._segment = 0
        self._sending: asyncio.Task[None] | None = None
        self._sent_at: float | None = None
        self._loud: list[bool] = []
        self.started_at: float | None = None
        self.finished = asyncio.Event()
        room.local_participant.register_rpc_method(STARTED, self._on_started)
        room.local_participant.register_rpc_method(FINISHED, self._on_finished)

    def say(self, seconds: float, *, pause_every: float | None = None, pause: float = 1.0) -> None:
        """Begin a segment; with pauses of so many seconds after every so many of speech."""
        self._segment += 1
        self.started_at = self._sent_at = None
        self.finished.clear()
        pieces = round(seconds / _PIECE)
        period = None if pause_every is None else pause_every + pause
        self._loud = [
            period is None or pause_every is None or (i * _PIECE) % period < pause_every
            for i in range(pieces)
        ]
        self._sending = asyncio.create_task(self._send())

    def now(self) -> SpeechNow | None:
        if self._sending is None:
            return None
        begun = self.started_at or self._sent_at
        due = 0 if begun is None else round((time.monotonic() - begun) / _PIECE)
        return SpeechNow(
            segment=self._segment,
            started=self.started_at is not None,
            audible=sum(self._loud[:due]) * _PIECE,
            start_lag=None if self.started_at is not None else START_LAG,
        )

    async def aclose(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])
        self._sending = None

    def _pieces(self) -> Iterator[bytes]:
        loud = tone(_PIECE, rate=RATE)
        for is_loud in self._loud:
            yield (loud if is_loud else np.zeros_like(loud)).tobytes()

    async def _send(self) -> None:
        writer = await self._room.local_participant.stream_bytes(
            "speech",
            topic=TOPIC,
            destination_identities=[self._avatar],
            attributes={"sample_rate": str(RATE), "num_channels": "1"},
        )
        sent = 0.0
        for piece in self._pieces():
            await writer.write(piece)
            self._sent_at = self._sent_at or time.monotonic()
            sent += _PIECE
            early = self._sent_at + sent - SEND_AHEAD - time.monotonic()
            if early > 0:
                await asyncio.sleep(early)
        await writer.aclose()

    def _on_started(self, call: rtc.RpcInvocationData) -> str:
        self.started_at = time.monotonic()
        return "ok"

    def _on_finished(self, call: rtc.RpcInvocationData) -> str:
        self._sending = None
        self.finished.set()
        return "ok"
