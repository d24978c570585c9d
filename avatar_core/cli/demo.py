"""``avatar demo``: a real call with a face, recorded as anyone in the room receives it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from avatar_core.cli.demo_page import show_page, wants_page
from avatar_core.cli.output import print_json, print_trouble, stdout_console

if TYPE_CHECKING:
    from rich.console import Console

_ORDER = "avatar_core.demo.order"
_INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C ended


class DemoCommand(TyperCommand):
    """Remembers in which order ``--say`` and ``--audio`` were given, across both."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse once more than needed: options are handed on grouped by name."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[_ORDER] = [param.name for param in order if param.name in ("say", "audio")]
        return super().parse_args(ctx, args)


demo = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@demo.command("demo", cls=DemoCommand)
def record(
    ctx: typer.Context,
    say: Annotated[
        list[str] | None,
        typer.Option("--say", metavar="TEXT", help="Say a text; may be given several times."),
    ] = None,
    audio: Annotated[
        list[Path] | None,
        typer.Option(
            "--audio",
            metavar="FILE",
            help="Say what is in a sound file (WAV, MP3, FLAC, Opus, …); also several times, and"
            " mixed with --say: the order counts.",
        ),
    ] = None,
    interrupt_at: Annotated[
        list[float] | None,
        typer.Option(
            "--interrupt-at",
            metavar="S",
            help="Interrupt the first utterance S seconds in, then go on with the next; given"
            " again, the second one, and so on.",
        ),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(
            "--provider",
            metavar="SPEC",
            help="The avatar: name[/avatar][?option=value&…], or off. Default: AVATAR_PROVIDER,"
            " else mock.",
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", metavar="KEY=VALUE", help="An option of the provider; several times."
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", metavar="N", help="End the call after N seconds at the latest."),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="FILE", help="The film; its contact sheet goes beside it as .png."
        ),
    ] = Path("demo.mp4"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the timeline as JSON on stdout.")
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", help="Do not ask whether a provider without a key may be emulated here."
        ),
    ] = False,
    page: Annotated[
        bool | None,
        typer.Option(
            "--page/--record",
            help="Talk to the avatar on a page in the browser, or record a call. Without either:"
            " the page on a terminal with a browser, unless an option is of the recording.",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", metavar="N", min=0, max=65535, help="Of the page; a taken one picks another."
        ),
    ] = None,
) -> None:
    """Talk to an avatar on a page, or let one talk and record it, in a real LiveKit room.

    A server on this machine is used unless LIVEKIT_URL is set, and an emulator of the provider,
    if it has one, where the provider's key is not set. Ctrl-C ends the call and keeps what was
    recorded.
    """
    try:
        from avatar_core.demo.command import DemoRequest, run_demo
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] == "avatar_core":
            raise
        print_trouble(
            f'avatar demo needs the package {exc.name!r}: pip install "avatar-core[demo]"'
        )
        raise typer.Exit(1) from None

    if wants_page(page, recording=_recording_options(ctx)):
        show_page(provider, option or [], port, console=_console, warnings_on=_warnings_on)
        return
    request = DemoRequest(
        inputs=_in_order(ctx, say or [], audio or []),
        interruptions=interrupt_at or [],
        provider=provider,
        options=option or [],
        seconds=seconds,
        out=out,
    )
    try:
        with _console() as console, _warnings_on(console):
            timeline = run_demo(request, console=console, ask=None if yes else _asker(console))
    except KeyboardInterrupt:
        print_trouble("stopped; nothing was recorded")
        raise typer.Exit(_INTERRUPTED) from None
    if as_json:
        print_json(timeline.to_json())
    else:
        from avatar_core.demo.timeline_table import print_timeline

        print_timeline(timeline, stdout_console())
    if timeline.stopped_by == "interrupt":
        raise typer.Exit(_INTERRUPTED)
    if timeline.stopped_by == "lost":
        print_trouble("the call ended early: the connection to the LiveKit server was lost")
        raise typer.Exit(1)
    if timeline.avatar_missing:
        print_trouble(f"no avatar joined the call: {timeline.provider} was not to be seen")
        raise typer.Exit(1)


def _recording_options(ctx: typer.Context) -> list[str]:
    """Return which options were given that only a recorded call has."""
    names = ("say", "audio", "interrupt_at", "seconds", "out", "as_json")
    return [
        f"--{name.removeprefix('as_').replace('_', '-')}"
        for name in names
        # By its name: typer brings a click of its own, whose types are others.
        if getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE"
    ]


def _asker(console: Console) -> Callable[[str], bool] | None:
    """Return what asks the person at the terminal; None where nobody is there to answer."""
    if not (console.is_terminal and sys.stdin.isatty()):
        return None

    def ask(question: str) -> bool:
        # The console is on stderr: what is on stdout may be read by a program.
        console.print(f"{question} [Y/n] ", end="", soft_wrap=True, markup=False)
        try:
            return input().strip().lower() in ("", "y", "yes")
        except EOFError:  # Ctrl-D
            console.print()
            return False

    return ask


def _in_order(ctx: typer.Context, say: list[str], audio: list[Path]) -> list[str | Path]:
    """Return texts and files as they were given; all texts first if nobody kept the order."""
    texts, files = iter(say), iter(audio)
    order: list[str] = ctx.meta.get(_ORDER) or ["say"] * len(say) + ["audio"] * len(audio)
    return [next(texts) if name == "say" else next(files) for name in order]


@contextmanager
def _console() -> Iterator[Console]:
    """Make the console for progress, which on a terminal nothing else draws into."""
    from rich.console import Console

    from avatar_core.demo.native_notices import without_codec_remarks

    if not sys.stderr.isatty():
        yield Console(stderr=True, highlight=False, emoji=False)
        return
    with without_codec_remarks() as stream:
        yield Console(file=stream, highlight=False, emoji=False)


@contextmanager
def _warnings_on(console: Console) -> Iterator[None]:
    """Show what avatar-core and LiveKit warn of between the progress lines, not across them."""
    # LiveKit's native part warns of its own clean-up, also after the call: nobody can act on it.
    logging.getLogger("livekit").setLevel(logging.ERROR)
    logging.getLogger("livekit.agents").setLevel(logging.WARNING)
    handler = _ConsoleHandler(console)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


class _ConsoleHandler(logging.Handler):
    """Writes each record as one line, where the line that moves makes room for it."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        if record.name == "livekit" and record.getMessage().endswith("closed unexpectedly"):
            return  # said of a participant that the server removes, as an avatar is at its end
        style = "red" if record.levelno >= logging.ERROR else "yellow"
        line = f"{record.levelname.lower()}: {self._text(record)}"
        self._console.print(line, style=style, markup=False, soft_wrap=True)

    def _text(self, record: logging.LogRecord) -> str:
        """Say what happened, and where only if the place is in our own code."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None or not record.name.startswith("livekit"):
            return self.format(record)
        # LiveKit logs a traceback for each thing it could not send once the room is lost.
        return f"{record.getMessage()} ({type(error).__name__})"
