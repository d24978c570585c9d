"""Joins a room and publishes the avatar's two tracks."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit import rtc

from avatar_core.rtc_exit import end_rtc_before_the_interpreter
from avatar_core.worker.options import WorkerOptions

# Speech is bounded by its sender; this only keeps a hostile one from filling the memory.
_MAX_STREAM_BYTES = 256 * 1024 * 1024
_BITS_PER_PIXEL = 0.15
_MIN_BITRATE = 300_000
_CODECS = {
    "h264": rtc.VideoCodec.H264,
    "vp8": rtc.VideoCodec.VP8,
    "vp9": rtc.VideoCodec.VP9,
    "av1": rtc.VideoCodec.AV1,
}


async def connect(room: rtc.Room, url: str, token: str, *, options: WorkerOptions) -> None:
    """Join the room with nothing subscribed.

    Raises:
        rtc.ConnectError: The server was not reached or refused the token.
    """
    end_rtc_before_the_interpreter()
    data_stream = rtc.DataStreamOptions(max_payload_byte_length=_MAX_STREAM_BYTES)
    room_options = rtc.RoomOptions(
        auto_subscribe=False, connect_timeout=options.connect_timeout, data_stream=data_stream
    )
    await room.connect(url, token, room_options)


async def leave(room: rtc.Room, connecting: asyncio.Task[None] | None) -> None:
    """Leave the room, also if joining it is still under way.

    Args:
        room: The room.
        connecting: The task that joins. It is waited for: the native side finishes a connect
            whose caller was cancelled, and ends the process if nobody then takes the room.
    """
    if connecting is not None:
        await asyncio.wait([connecting])
        if not connecting.cancelled():
            connecting.exception()  # known to whoever started; not reported a second time
    if room.isconnected():
        await room.disconnect()


async def publish(
    room: rtc.Room,
    *,
    audio: rtc.AudioSource,
    video: rtc.VideoSource | None,
    size: tuple[int, int],
    fps: float,
    options: WorkerOptions,
    closed: asyncio.Event,
) -> rtc.LocalTrackPublication:
    """Publish both tracks at once, without waiting for a subscriber.

    Args:
        room: The room, connected.
        audio: Source of the microphone track.
        video: Source of the camera track; None publishes none.
        size: Width and height of the pictures.
        fps: Pictures per second.
        options: Names, codec, bit rate.
        closed: Set when the worker has left the room.

    Returns:
        The publication of the sound.

    Raises:
        PublishTrackError: The server refused a track.
        RuntimeError: The worker was closed, or taken out of the room, meanwhile.
    """
    participant = room.local_participant
    audio_options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    audio_track = rtc.LocalAudioTrack.create_audio_track(options.audio_track_name, audio)
    publishing = [asyncio.create_task(participant.publish_track(audio_track, audio_options))]
    if video is not None:
        video_track = rtc.LocalVideoTrack.create_video_track(options.video_track_name, video)
        video_options = _video_options(size=size, fps=fps, options=options)
        publishing.append(
            asyncio.create_task(participant.publish_track(video_track, video_options))
        )
    # A publication under way when the room goes is never answered (livekit rtc 1.1.21).
    ended = asyncio.create_task(closed.wait())
    tasks: set[asyncio.Task[Any]] = {ended, *publishing}
    try:
        while not ended.done() and not all(task.done() for task in publishing):
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {ended}:
                task.result()  # a track that is refused: the other one is of no use
            tasks -= done
        if not all(task.done() for task in publishing):
            raise RuntimeError("the avatar worker was closed while it published its tracks")
        return publishing[0].result()
    finally:
        left = [task for task in (ended, *publishing) if not task.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        for task in publishing:
            if not task.cancelled():
                task.exception()  # of two that failed one is told


def _video_options(
    *, size: tuple[int, int], fps: float, options: WorkerOptions
) -> rtc.TrackPublishOptions:
    width, height = size
    bitrate = options.video_bitrate
    if bitrate is None:
        bitrate = max(round(width * height * fps * _BITS_PER_PIXEL), _MIN_BITRATE)
    return rtc.TrackPublishOptions(
        source=rtc.TrackSource.SOURCE_CAMERA,
        # Without an encoding of its own a track gets a preset by its size: 20 fps at 512x512.
        video_encoding=rtc.VideoEncoding(max_bitrate=bitrate, max_framerate=fps),
        video_codec=_CODECS[options.video_codec],
        # One small picture: further layers cost an encoder each and no viewer needs them.
        simulcast=False,
    )
