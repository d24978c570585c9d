"""The demo as a command runs it: checks first, then the server, then the call."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from rich.console import Console

from avatar_core.contract.errors import AvatarError, ConfigurationError
from avatar_core.demo.audio_files import read_audio
from avatar_core.demo.call import Call, Script
from avatar_core.demo.connection import Connection, configured_server
from avatar_core.demo.part_file import PartFile
from avatar_core.demo.progress import Progress
from avatar_core.demo.recorder import Recorder
from avatar_core.demo.speech import synthesize
from avatar_core.demo.stand_in import choose_stand_in
from avatar_core.demo.timeline import Timeline
from avatar_core.demo.utterance import Utterance
from avatar_core.livekit_server import LiveKitServer
from avatar_core.session.avatar_session import AvatarSession

GREETING = (
    "Hello! I am a voice agent, and this is my face. Everything you see and hear went through a"
    " real LiveKit room. Now it is your turn: give me something to say."
)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class NothingReceivedError(AvatarError):
    """The call took place and nothing could be seen or heard of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRequest:
    """What was asked for on the command line.

    Args:
        inputs: Texts to say and files to play, in order; empty for a greeting.
        interruptions: Seconds into the first, the second, … utterance.
        provider: The provider's spec, None for ``AVATAR_PROVIDER`` or the mock.
        options: ``key=value`` each.
        seconds: Cap on the call.
        out: The film.
    """

    inputs: Sequence[str | Path]
    interruptions: Sequence[float]
    provider: str | None
    options: Sequence[str]
    seconds: float | None
    out: Path


def run_demo(
    request: DemoRequest, *, console: Console, ask: Callable[[str], bool] | None = None
) -> Timeline:
    """Run a demo to its end; every mistake that can be found before the call is found before it.

    Args:
        request: What to do.
        console: Where progress goes.
        ask: Asks a yes-or-no question, before anything moves on the console; None answers yes.

    Returns:
        What happened, with the film.

    Raises:
        AvatarError: It could not run; the text is one line for the person who asked.
        KeyboardInterrupt: It was stopped before anything was recorded.
    """
    progress = Progress(console)
    if request.out.suffix.lower() != ".mp4":
        raise ConfigurationError(f"--out {request.out}: the film is an MP4, its name ends in .mp4")
    if request.seconds is not None and not request.seconds > 0:
        raise ConfigurationError("--seconds must be more than 0")
    configured = configured_server()
    spec = spec_with(
        request.provider or os.environ.get("AVATAR_PROVIDER") or "mock", request.options
    )
    chosen = choose_stand_in(spec, ask=ask)
    with progress.running(), ExitStack() as stack:
        options = stack.enter_context(chosen.running(progress)) if chosen is not None else {}
        return _record(
            AvatarSession(spec, **options),
            request,
            configured,
            progress,
            stand_in=chosen.offer.title if chosen is not None else None,
        )


def _record(
    avatar: AvatarSession,
    request: DemoRequest,
    configured: Connection | None,
    progress: Progress,
    *,
    stand_in: str | None,
) -> Timeline:
    recorder = Recorder(request.out)
    try:
        sheet = PartFile(request.out.with_suffix(".png"))
        try:
            script = Script(
                utterances=_utterances(request.inputs),
                interruptions=request.interruptions,
                seconds=request.seconds,
            )
            _check_interruptions(script)
            with _server(configured, progress) as connection:
                call = Call(
                    avatar=avatar,
                    connection=connection,
                    script=script,
                    recorder=recorder,
                    sheet=sheet,
                    progress=progress,
                    stand_in=stand_in,
                )
                return asyncio.run(_run(call, progress))
        finally:
            sheet.discard()
    finally:
        recorder.abandon()


async def _run(call: Call, progress: Progress) -> Timeline:
    loop = asyncio.get_running_loop()
    interrupts = 0

    def interrupt() -> None:
        nonlocal interrupts
        interrupts += 1
        if interrupts == 1:
            progress.line("ending the call; Ctrl-C again: without a film")
            call.stop("interrupt")
        else:
            call.give_up_film()
            release()  # whoever is still not content ends the process as it is

    def release() -> None:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, interrupt)
    try:
        timeline = await call.run()
    finally:
        release()
    if timeline.recording is None:
        if timeline.stopped_by == "interrupt":
            raise KeyboardInterrupt
        raise NothingReceivedError(
            "nothing was seen or heard of the call, so there is no film: the avatar sent neither"
            " pictures nor sound"
        )
    return timeline


@contextmanager
def _server(configured: Connection | None, progress: Progress) -> Iterator[Connection]:
    if configured is not None:
        yield configured
        return
    progress.status("starting a LiveKit server on this machine")
    with LiveKitServer.start(progress=progress.line) as server:
        yield Connection(url=server.url, api_key=server.api_key, api_secret=server.api_secret)


def _utterances(inputs: Sequence[str | Path]) -> list[Utterance]:
    return [
        read_audio(item) if isinstance(item, Path) else synthesize(item)
        for item in inputs or [GREETING]
    ]


def _check_interruptions(script: Script) -> None:
    if len(script.interruptions) > len(script.utterances):
        raise ConfigurationError(
            f"--interrupt-at is given {len(script.interruptions)} times and there are"
            f" {len(script.utterances)} utterances: the n-th interrupts the n-th"
        )
    for utterance, at in zip(script.utterances, script.interruptions, strict=False):
        if not 0 < at < utterance.seconds:
            raise ConfigurationError(
                f"--interrupt-at {at:g} is not inside {utterance.label!r}, which is"
                f" {utterance.seconds:.2f} s long"
            )


def spec_with(spec: str, options: Sequence[str]) -> str:
    """Write a provider and its options in the one grammar there is for both.

    Args:
        spec: The provider, or several.
        options: ``key=value`` each.

    Raises:
        ConfigurationError: It cannot be told whose the options are, or one is malformed.
    """
    spec = spec.strip()
    if options and "," in spec:
        raise ConfigurationError(
            "--option belongs to one provider, and several are given: write each one's options"
            " behind its name, name?option=value"
        )
    for item in options:
        key, equals, value = item.partition("=")
        if not equals or not key.strip().isidentifier():
            raise ConfigurationError("--option is not of the form key=value")
        spec += f"{'&' if '?' in spec else '?'}{key.strip()}={quote(value, safe='')}"
    return spec
