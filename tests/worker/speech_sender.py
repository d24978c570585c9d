"""The agent's side of the wire, by hand: streams, clear requests, and the reports it gets."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from livekit import rtc

TOPIC = "lk.audio_stream"
STARTED, FINISHED, CLEAR = "lk.playback_started", "lk.playback_finished", "lk.clear_buffer"


@dataclass(frozen=True, slots=True)
class Report:
    method: str
    payload: str
    at: float

    @property
    def position(self) -> float:
        return float(json.loads(self.payload)["playback_position"])

    @property
    def interrupted(self) -> bool:
        return bool(json.loads(self.payload)["interrupted"])


@dataclass(slots=True)
class SpeechSender:
    room: rtc.Room = field(default_factory=rtc.Room)
    avatar: str = "avatar"
    reports: list[Report] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def join(self, *, url: str, token: str, listen: bool = True) -> None:
        await self.room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
        if listen:
            self.listen()

    def listen(self) -> None:
        for method in (STARTED, FINISHED):
            self.room.local_participant.register_rpc_method(method, self.report)

    async def open(
        self, *, rate: int = 24000, channels: int = 1, attributes: dict[str, str] | None = None
    ) -> rtc.ByteStreamWriter:
        if attributes is None:
            attributes = {"sample_rate": str(rate), "num_channels": str(channels)}
        return await self.room.local_participant.stream_bytes(
            "speech", topic=TOPIC, destination_identities=[self.avatar], attributes=attributes
        )

    async def say(
        self,
        pcm: npt.NDArray[np.int16] | bytes,
        *,
        rate: int = 24000,
        channels: int = 1,
        chunk_bytes: int = 4800,
    ) -> None:
        writer = await self.open(rate=rate, channels=channels)
        data = pcm if isinstance(pcm, bytes) else pcm.tobytes()
        for begin in range(0, len(data), chunk_bytes):
            await writer.write(data[begin : begin + chunk_bytes])
        await writer.aclose()

    async def clear(self) -> str:
        return await self.room.local_participant.perform_rpc(
            destination_identity=self.avatar, method=CLEAR, payload=""
        )

    @property
    def started(self) -> list[Report]:
        return [report for report in self.reports if report.method == STARTED]

    @property
    def finished(self) -> list[Report]:
        return [report for report in self.reports if report.method == FINISHED]

    async def until_started(self, count: int) -> list[Report]:
        await self._until(lambda: len(self.started) >= count)
        return self.started

    async def until_finished(self, count: int) -> list[Report]:
        await self._until(lambda: len(self.finished) >= count)
        return self.finished

    async def until_position(self, position: float) -> None:
        await self._until(
            lambda: any(abs(report.position - position) < 0.002 for report in self.finished)
        )

    async def _until(self, condition: Any) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), deadline - time.monotonic())

    def report(self, call: rtc.RpcInvocationData) -> str:
        self.reports.append(Report(call.method, call.payload, time.monotonic()))
        self._changed.set()
        return "ok"


def tone(
    seconds: float, *, hz: float = 440.0, rate: int = 24000, channels: int = 1
) -> npt.NDArray[np.int16]:
    wave = np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate) * 10000
    return np.repeat(wave.astype(np.int16), channels)


def pitch(samples: npt.NDArray[np.int16], *, rate: int) -> float:
    """The strongest frequency in Hz."""
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64) * np.hanning(samples.size)))
    return float(np.argmax(spectrum)) * rate / samples.size
