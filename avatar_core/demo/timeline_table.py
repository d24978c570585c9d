"""The timeline as a person reads it."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from avatar_core.demo.timeline import Segment, Timeline


def print_timeline(timeline: Timeline, console: Console) -> None:
    """Print the call's landmarks, each segment, and where the film is.

    Args:
        timeline: The finished call.
        console: Where to.
    """
    # Not the table's own title: rich would cut that to the width of the table.
    console.print(Text(f"Call with {timeline.title}", style="bold"), soft_wrap=True)
    landmarks = Table(box=None)
    landmarks.add_column("", style="cyan")
    landmarks.add_column("", justify="right")
    landmarks.add_column("")
    for name, at, note in (
        ("started", timeline.started_at, timeline.session_id or ""),
        ("joined", timeline.joined_at, timeline.avatar_identity or ""),
        ("first frame", timeline.first_frame_at, _picture_facts(timeline)),
        ("first sound", timeline.first_sound_at, ""),
        ("ended", timeline.ended_at, _ENDED[timeline.stopped_by]),
    ):
        shown = Text(note if at is not None else "", style="bright_black")
        landmarks.add_row(name, _seconds(at), shown)
    landmarks.add_row("silence", _seconds(timeline.silence), _of(timeline.ended_at))
    console.print(landmarks)
    if timeline.segments:
        console.print()
        console.print(_segments(timeline.segments))
    if timeline.recording is not None:
        console.print()
        console.print(f"film           {timeline.recording.path}", soft_wrap=True, highlight=False)
        if timeline.contact_sheet is not None:
            console.print(
                f"contact sheet  {timeline.contact_sheet}", soft_wrap=True, highlight=False
            )


_ENDED = {
    "end": "",
    "interrupt": "stopped by Ctrl-C",
    "time": "the time given was up",
    "lost": "the connection to the LiveKit server was lost",
}


def _segments(segments: list[Segment]) -> Table:
    table = Table(title="Segments", title_justify="left", title_style="bold", box=None)
    table.add_column("#", justify="right", style="cyan")
    table.add_column("what", max_width=36, no_wrap=True, overflow="ellipsis")
    for name in ("length", "said at", "heard after", "heard", "reported"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("outcome")
    for segment in segments:
        heard = None
        if segment.heard_at is not None and segment.heard_until is not None:
            heard = segment.heard_until - segment.heard_at
        after = None if segment.heard_at is None else segment.heard_at - segment.said_at
        table.add_row(
            str(segment.number),
            Text(segment.label),
            _seconds(segment.seconds),
            _seconds(segment.said_at),
            _seconds(after),
            _seconds(heard),
            _seconds(segment.position),
            _outcome(segment),
        )
    return table


def _outcome(segment: Segment) -> Text:
    parts: list[tuple[str, str]] = []
    if segment.overdue:
        parts.append(("no report of its end", "red"))
    if segment.interrupted:
        parts.append(("interrupted", "yellow"))
        if segment.stopped_after is not None:
            parts.append((f"silent after {segment.stopped_after * 1000:.0f} ms", "yellow"))
    elif segment.interrupted_at is not None:
        parts.append(("played to its end in spite of the interruption", "red"))
    if segment.heard_at is None:
        parts.append(("not heard", "red"))
    elif segment.added_silence > 0:
        parts.append((f"{segment.added_silence:.2f} s of silence in it", "red"))
    if not parts:
        parts.append(("played", "green"))
    return Text(", ").join(Text(text, style=style) for text, style in parts)


def _picture_facts(timeline: Timeline) -> str:
    film = timeline.recording
    if film is None or timeline.first_frame_at is None:
        return ""
    dropped = f", {film.dropped} not recorded" if film.dropped else ""
    return f"{film.width}x{film.height}, {timeline.frames_per_second:.1f} fps received{dropped}"


def _of(seconds: float) -> Text:
    return Text(f"of {seconds:.2f} s: nothing audible", style="bright_black")


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"
