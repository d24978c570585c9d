"""After the call: what was heard goes into the timeline, and the film gets its name."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator

from avatar_core.demo.contact_sheet import Mark, draw_contact_sheet
from avatar_core.demo.hearing import Hearing
from avatar_core.demo.part_file import PartFile
from avatar_core.demo.progress import Progress
from avatar_core.demo.recorder import Recorder
from avatar_core.demo.timeline import Segment, Timeline


async def finish_film(
    timeline: Timeline,
    *,
    recorder: Recorder,
    sheet: PartFile,
    hearing: Hearing,
    origin: float,
    progress: Progress,
) -> None:
    """Write the film and its contact sheet, and complete the timeline.

    Args:
        timeline: The call's; what was heard and the film are filled in. Without a recording,
            nothing was received.
        recorder: What was recorded.
        sheet: Where the contact sheet goes.
        hearing: What the viewer heard.
        origin: The call's start, in seconds of ``time.monotonic()``.
        progress: Told what is going on.

    Raises:
        RecordingError: The film could not be written.
    """
    _fill_in_what_was_heard(timeline, hearing, origin)
    progress.status("writing the film")
    recording = await asyncio.to_thread(recorder.finish)
    if recording is None:
        return
    timeline.recording, timeline.recording_at = recording, recording.started_at - origin
    title = (
        f"{timeline.title}   {recording.seconds:.1f} s   {recording.width}x{recording.height}"
        f"   {timeline.frames_per_second:.1f} fps received"
    )
    progress.status("drawing the contact sheet")
    await asyncio.to_thread(
        draw_contact_sheet,
        recording.path,
        sheet.path,
        title=title,
        marks=list(_marks(timeline.segments, timeline.recording_at)),
    )
    sheet.keep()
    timeline.contact_sheet = str(sheet.target)


def _fill_in_what_was_heard(timeline: Timeline, hearing: Hearing, origin: float) -> None:
    ends = [segment.said_at for segment in timeline.segments[1:]] + [math.inf]
    for segment, end in zip(timeline.segments, ends, strict=False):
        since, until = origin + segment.said_at, origin + end
        first = hearing.first(since=since, until=until)
        last = hearing.last(since=since, until=until)
        if first is not None and last is not None:
            segment.heard_at, segment.heard_until = first - origin, last - origin
            segment.silence = hearing.silence(since=first, until=last)
    heard = [segment.heard_at for segment in timeline.segments if segment.heard_at is not None]
    timeline.first_sound_at = min(heard, default=None)
    timeline.silence = hearing.silence(since=origin, until=origin + timeline.ended_at)


def _marks(segments: list[Segment], film_starts_at: float) -> Iterator[Mark]:
    """Place what was heard of each segment in the film."""
    for segment in segments:
        if segment.heard_at is not None and segment.heard_until is not None:
            yield Mark(
                start=segment.heard_at - film_starts_at,
                end=segment.heard_until - film_starts_at,
                label=segment.label,
                interrupted=segment.interrupted,
            )
