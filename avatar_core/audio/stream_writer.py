"""Writes speech to an avatar as byte streams, in order, in a task of its own."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from livekit import rtc
from livekit.agents import utils

from avatar_core.audio.playback_rpc import CLEAR_BUFFER
from avatar_core.log import logger
from avatar_core.timed_wait import event_within

AUDIO_STREAM_TOPIC = "lk.audio_stream"

CLEAR_RPC_TIMEOUT = 1.5
"""Seconds for the avatar to answer a clear; a dead one is not heard of for 7 s otherwise."""

CLOSE_TIMEOUT = 2.0
"""Seconds for the room to take the end of a stream; the SDK waits for it without a limit."""

FIRST_PIECE = 2_400
"""Bytes of the first write of a segment: it is heard sooner the smaller it is. Speech written in
pieces of at most this size was played 10 to 30 ms later, in one of 240 kB 40 to 145 ms later."""

PIECE = 9_600
"""Bytes of the writes that follow."""

SEND_AHEAD = 2.0
"""Seconds sent ahead of what is played. A clear waits behind all that was sent before it: a 10 s
sentence sent at once was heard for 0.9 s after an interruption, a minute for 6 s (livekit-server
1.13.5, loopback)."""


@dataclass(slots=True)
class _Step:
    kind: Literal["open", "write", "close", "clear"]
    frame: rtc.AudioFrame | None = None


class StreamWriter:
    """Takes what is to be sent without waiting; its task exists while there is something to send.

    Args:
        room: The agent's room, connected.
        identity: The participant that receives.
        on_sent: Called after every piece that was sent.
        on_refused: Called when the avatar did not take a clear.
        on_failure: Called when the room refuses what is sent; nothing is queued any more then.
    """

    def __init__(
        self,
        *,
        room: rtc.Room,
        identity: str,
        on_sent: Callable[[], None],
        on_refused: Callable[[], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._room = room
        self._identity = identity
        self._on_sent = on_sent
        self._on_refused = on_refused
        self._on_failure = on_failure
        self._steps: deque[_Step] = deque()
        self._stream: rtc.ByteStreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._sent_until = 0.0
        self._dropped = 0
        self._hurry = asyncio.Event()
        self._piece = FIRST_PIECE
        self.sent = 0.0
        """Seconds of the segment that were handed to the room."""

    @property
    def has_more(self) -> bool:
        """Part of the segment, or its end, has not been handed to the room."""
        return bool(self._steps) or self._stream is not None

    def open(self, frame: rtc.AudioFrame) -> None:
        """Begin a segment in the format of its first frame; ``write`` that frame next."""
        self._add(_Step("open", frame))

    def write(self, frame: rtc.AudioFrame) -> None:
        """Send a frame, s16le."""
        self._add(_Step("write", frame))

    def close(self) -> None:
        """End the segment behind what is queued."""
        self._add(_Step("close"))

    def clear(self) -> None:
        """Drop what is queued, end the segment, and tell the avatar to be silent."""
        self.drop()
        self._add(_Step("close"))
        self._add(_Step("clear"))

    def drop(self) -> None:
        """Send nothing more of what is queued."""
        self._steps.clear()
        self._sent_until = 0.0
        self._dropped += 1
        self._hurry.set()

    async def aclose(self) -> None:
        """Stop."""
        self._steps.clear()
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._close_stream()

    def _add(self, step: _Step) -> None:
        self._steps.append(step)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name="avatar-stream-writer")

    async def _work(self) -> None:
        try:
            while self._steps:
                await self._take(self._steps.popleft())
        except Exception as exc:  # noqa: BLE001 - the SDK raises several, all mean the same here
            logger.error(
                "speech could not be sent to the avatar",
                extra={"identity": self._identity, "error_type": type(exc).__name__},
            )
            self._stream = None
            self._steps.clear()
            self._on_failure(exc)

    async def _take(self, step: _Step) -> None:
        if step.kind == "open":
            assert step.frame is not None
            await self._close_stream()
            self._stream = await self._room.local_participant.stream_bytes(
                name=utils.shortuuid("AUDIO_"),
                topic=AUDIO_STREAM_TOPIC,
                destination_identities=[self._identity],
                attributes={
                    "sample_rate": str(step.frame.sample_rate),
                    "num_channels": str(step.frame.num_channels),
                },
            )
            self._piece = FIRST_PIECE
            self.sent = 0.0
        elif step.kind == "write":
            assert step.frame is not None
            data, seconds = bytearray(step.frame.data), step.frame.duration
            while self._steps and self._steps[0].kind == "write" and len(data) < self._piece:
                following = self._steps.popleft().frame
                assert following is not None
                data += following.data
                seconds += following.duration
            await self._send(bytes(data), seconds)
        elif step.kind == "close" and self._steps and self._steps[0].kind == "clear":
            self._steps.popleft()
            # On the way together: the room's answer to the one takes 10 to 20 ms of sound.
            await asyncio.gather(self._close_stream(), self._clear())
        elif step.kind == "close":
            await self._close_stream()
        else:
            await self._clear()

    async def _send(self, data: bytes, seconds: float) -> None:
        """Send sound in pieces, none of it long before it is played."""
        dropped = self._dropped
        begin = 0
        while begin < len(data):
            await self._wait_for_playback()
            if self._dropped != dropped or self._stream is None:
                return
            piece = data[begin : begin + self._piece]
            await self._stream.write(piece)
            begin += len(piece)
            self._piece = PIECE
            # Never later than it is played: what comes after a pause of the TTS plays at once.
            duration = seconds * len(piece) / len(data)
            self._sent_until = max(self._sent_until, time.time()) + duration
            self.sent += duration
            self._on_sent()

    async def _wait_for_playback(self) -> None:
        early = self._sent_until - time.time() - SEND_AHEAD
        if early <= 0:
            return
        self._hurry.clear()
        await event_within(self._hurry, early)

    async def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            try:
                await asyncio.wait_for(stream.aclose(), CLOSE_TIMEOUT)
            except asyncio.TimeoutError:
                logger.warning(
                    "the end of an audio stream was not taken by the room",
                    extra={"identity": self._identity, "waited_seconds": CLOSE_TIMEOUT},
                )
            except Exception as exc:  # noqa: BLE001 - nothing is lost by it
                # The receiver ends a stream that is superseded or idle by itself.
                logger.debug("audio stream not closed", extra={"error_type": type(exc).__name__})

    async def _clear(self) -> None:
        try:
            await asyncio.wait_for(
                self._room.local_participant.perform_rpc(
                    destination_identity=self._identity,
                    method=CLEAR_BUFFER,
                    payload="",
                    response_timeout=CLEAR_RPC_TIMEOUT,
                ),
                CLEAR_RPC_TIMEOUT,
            )
        except (rtc.RpcError, asyncio.TimeoutError) as exc:
            logger.warning(
                "the avatar did not take the interruption",
                extra={"identity": self._identity, "error_type": type(exc).__name__},
            )
            self._on_refused()
