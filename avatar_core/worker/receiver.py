"""Receives speech: audio streams on ``lk.audio_stream``, and ``lk.clear_buffer``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from livekit import rtc

from avatar_core.log import logger
from avatar_core.worker.decoder import SpeechDecoder, UnplayableStreamError
from avatar_core.worker.segment import Ordinals, Samples, Segment

AUDIO_STREAM_TOPIC = "lk.audio_stream"
CLEAR_BUFFER_METHOD = "lk.clear_buffer"

# A stream that a newer one follows has normally ended already; its last chunks may still be on
# their way through the native side, which does not keep the order between streams.
_SUPERSEDED_GRACE = 0.25


class SpeechListener(Protocol):
    """Who is told what arrives; called on the event loop."""

    def segment_opened(self, segment: Segment) -> None:
        """A new segment begins; it fills as it is received."""

    def speech_received(self, samples: Samples) -> None:
        """Samples of a segment arrived."""

    def clear_requested(self) -> None:
        """The sender wants silence now."""


class _Stream:
    """One open audio stream, read by a task and ended by a timer if its end is lost."""

    def __init__(self, *, reader: rtc.ByteStreamReader, segment: Segment, idle: float) -> None:
        self.segment = segment
        self.reader = reader
        self.task: asyncio.Task[None] | None = None
        self._idle = idle
        self._timer: asyncio.TimerHandle | None = None
        self.extend()

    def supersede(self) -> None:
        """Do not wait for the end much longer."""
        self._idle = _SUPERSEDED_GRACE
        self.extend()

    def extend(self) -> None:
        """Wait for data anew."""
        self.stop_timer()
        self._timer = asyncio.get_running_loop().call_later(self._idle, self._give_up)

    def stop_timer(self) -> None:
        """End the wait for data."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        logger.warning(
            "audio stream was not closed; its segment ends with what arrived",
            extra={"segment": self.segment.ordinal, "idle_seconds": self._idle},
        )
        self.reader.close()


class SpeechReceiver:
    """Takes speech from one participant of a room and answers its clear requests.

    All state is per room object: handlers are registered on this room only, and removed again.

    Args:
        room: The worker's room, not connected yet.
        sender_identity: Participant to take speech from; None takes the first that sends.
        output_rate: Rate of the samples passed on, in Hz.
        idle_timeout: Seconds without data after which an open stream counts as ended.
        ordinals: Numbers of the worker's segments.
        listener: Who is told.
        sender_found: Called with the identity when the first participant sends.
    """

    def __init__(
        self,
        *,
        room: rtc.Room,
        sender_identity: str | None,
        output_rate: int,
        idle_timeout: float,
        ordinals: Ordinals,
        listener: SpeechListener,
        sender_found: Callable[[str], None],
    ) -> None:
        self._room = room
        self._sender = sender_identity
        self._output_rate = output_rate
        self._idle_timeout = idle_timeout
        self._listener = listener
        self._sender_found = sender_found
        self._streams: list[_Stream] = []
        self._ordinals = ordinals
        self._live_sender: str | None = None
        self._strangers: set[str] = set()
        self._answers_clear = False
        room.register_byte_stream_handler(AUDIO_STREAM_TOPIC, self._on_stream)

    def answer_clear(self) -> None:
        """Answer ``lk.clear_buffer``; possible once the room is connected."""
        self._room.local_participant.register_rpc_method(CLEAR_BUFFER_METHOD, self._on_clear)
        self._answers_clear = True

    def heard_live(self, identity: str) -> None:
        """Let this participant clear as well: its sound arrives otherwise than by stream."""
        self._live_sender = identity
        if self._sender is None:
            self._sender = identity
            self._sender_found(identity)

    async def aclose(self) -> None:
        """Stop listening; streams under way are dropped."""
        self._room.unregister_byte_stream_handler(AUDIO_STREAM_TOPIC)
        if self._answers_clear and self._room.isconnected():
            self._room.local_participant.unregister_rpc_method(CLEAR_BUFFER_METHOD)
        tasks = [stream.task for stream in self._streams if stream.task is not None]
        self._close_streams()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_stream(self, reader: rtc.ByteStreamReader, identity: str) -> None:
        if self._sender is None:
            self._sender = identity
            self._sender_found(identity)
        if identity != self._sender:
            self._warn_of(identity, "audio stream of a participant that is not the agent ignored")
            reader.close()  # or its subscription to native events stays for good
            return
        for stream in self._streams:
            stream.supersede()
        segment = Segment(ordinal=self._ordinals.next(), sender=identity)
        stream = _Stream(reader=reader, segment=segment, idle=self._idle_timeout)
        self._streams.append(stream)
        self._listener.segment_opened(segment)
        stream.task = asyncio.create_task(self._read(stream), name="avatar_worker.read_stream")

    def _on_clear(self, call: rtc.RpcInvocationData) -> str:
        if call.caller_identity not in (self._sender, self._live_sender):
            self._warn_of(call.caller_identity, "clear request of a stranger rejected")
            return "reject"
        self._close_streams()
        self._listener.clear_requested()
        return "ok"

    async def _read(self, stream: _Stream) -> None:
        segment = stream.segment
        try:
            attributes = stream.reader.info.attributes
            decoder = SpeechDecoder(attributes=attributes, output_rate=self._output_rate)
            async for chunk in stream.reader:
                stream.extend()
                self._pass_on(segment, decoder.push(chunk))
                # Chunks that are there already come without a pause: minutes of speech sent at
                # once would hold up the event loop.
                await asyncio.sleep(0)
            self._pass_on(segment, decoder.flush())
        except UnplayableStreamError as exc:
            segment.unplayable = True
            logger.error(
                "audio stream cannot be played; its segment is reported as interrupted",
                extra={"segment": segment.ordinal, "reason": str(exc)},
            )
        except rtc.StreamError as exc:
            logger.warning(
                "audio stream broke off; its segment ends with what arrived",
                extra={"segment": segment.ordinal, "reason": str(exc)},
            )
        finally:
            stream.stop_timer()
            stream.reader.close()
            if stream in self._streams:
                self._streams.remove(stream)
            segment.end()

    def _pass_on(self, segment: Segment, samples: Samples) -> None:
        if samples.size and not segment.cleared:
            segment.append(samples)
            self._listener.speech_received(samples)

    def _close_streams(self) -> None:
        """Read no further: what is under way belongs to what was cut off."""
        for stream in self._streams:
            stream.segment.clear()
            stream.stop_timer()
            stream.reader.close()
        self._streams.clear()

    def _warn_of(self, identity: str, text: str) -> None:
        if identity not in self._strangers:
            self._strangers.add(identity)  # once each: a stranger must not fill the log
            logger.warning(text)
