"""The same faults on avatar-core and on LiveKit's plugin for Protoface: a table in Markdown.

``python -m tests.chaos.side_by_side`` runs each fault in some calls with each of the two, on the
same emulator and server, and says what a listener and the vendor's bill would tell.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import statistics
import sys
import tempfile
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from livekit import api

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import room_token
from avatar_core.testing.viewer import RecordingViewer
from avatar_provider_protoface.emulator.emulator import ProtofaceEmulator, open_emulator
from avatar_provider_protoface.emulator.faults import Fault as ApiFault
from avatar_provider_protoface.emulator.manners import WorkerManners
from avatar_provider_protoface.emulator.settings import EmulatorSettings
from tests.chaos.agent_process import AgentProcess, HangError, agent_process
from tests.chaos.chaos_call import publish_microphone
from tests.chaos.emulator_process import EmulatorProcess, emulator_process
from tests.chaos.listening import listen

SENTENCE, AFTER, NEXT = 8.0, 3.0, 3.0
"""Seconds of the sentence in which it happens, of that before it happens, of the next sentence."""
PATIENCE = 20.0
"""Seconds after which something counts as hanging."""
SETTLED = 10.0
"""Seconds after the end in which sessions may still be ended."""
SUBJECTS = ("avatar-core", "plugin")

Strike = Callable[["Call"], Awaitable[None]]


@dataclass(kw_only=True)
class Call:
    """What a fault acts on."""

    server: LiveKitServer
    room_name: str
    agent: AgentProcess
    emulator: ProtofaceEmulator | None
    elsewhere: EmulatorProcess | None


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One row.

    Args:
        what: In words.
        before: Before the start; on the emulator.
        during: In the middle of the first sentence.
        elsewhere: The emulator is a process of its own.
    """

    what: str
    before: Callable[[ProtofaceEmulator], None] | None = None
    during: Strike | None = None
    elsewhere: bool = False


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one call told.

    Args:
        silence: Longest silence in the sentence, seconds; None where the sentence never ended.
        lost: Longest stretch of it that nobody heard, seconds; None likewise.
        audible: The next sentence was heard.
        closing: Seconds that ``AgentSession.aclose()`` took; None where it hung.
        created: Sessions made at the vendor.
        unended: Of these, not ended afterwards; None where the vendor cannot tell.
    """

    silence: float | None
    lost: float | None
    audible: bool
    closing: float | None
    created: int | None
    unended: int | None


def _signal(sent: signal.Signals) -> Strike:
    async def strike(call: Call) -> None:
        assert call.elsewhere is not None
        call.elsewhere.strike(sent)

    return strike


def _act(what: str) -> Strike:
    async def strike(call: Call) -> None:
        assert call.emulator is not None
        for session in call.emulator.unended:
            worker = call.emulator.account.get(session.id).worker
            if worker is not None:
                await worker.act(what)

    return strike


async def _remove(call: Call) -> None:
    assert call.emulator is not None
    for session in call.emulator.unended:
        async with call.server.api() as client:
            await client.room.remove_participant(
                api.RoomParticipantIdentity(
                    room=call.room_name, identity=session.transport["worker_identity"]
                )
            )


def _api(**fault: object) -> Callable[[ProtofaceEmulator], None]:
    return lambda emulator: emulator.faults.add(ApiFault.model_validate(fault))


def _never(emulator: ProtofaceEmulator) -> None:
    emulator.manners = WorkerManners(never_join=True)


FAULTS = (
    Fault(what="nothing"),
    Fault(what="the avatar never joins", before=_never),
    Fault(what="its process is killed", during=_signal(signal.SIGKILL), elsewhere=True),
    Fault(what="its process stands still", during=_signal(signal.SIGSTOP), elsewhere=True),
    Fault(what="it leaves", during=_act("leave")),
    Fault(what="it loses its connection", during=_act("crash")),
    Fault(what="it is removed from the room", during=_remove),
    Fault(what="it plays nothing any more", during=_act("go_deaf")),
    Fault(what="its picture stands still", during=_act("freeze")),
    Fault(what="the answer to the creation is lost",
          before=_api(on="create", when="after", answer="reset")),
    Fault(what="the answer to the creation is cut in half",
          before=_api(on="create", when="after", answer="truncate", status=201)),
    Fault(what="the answer to the creation takes 12 s",
          before=_api(on="create", when="after", answer="true", delay=12)),
    Fault(what="the API refuses twice", before=_api(on="create", status=503, times=2)),
    Fault(what="the end fails twice", before=_api(on="end", status=503, times=2)),
)  # fmt: skip


async def run_call(server: LiveKitServer, fault: Fault, subject: str, folder: Path) -> Found:
    """Put one of the two through one call."""
    if fault.elsewhere:
        async with emulator_process() as elsewhere:
            return await _in_room(server, fault, subject, folder, None, elsewhere)
    settings = EmulatorSettings(
        starts_per_minute=None, claim_seconds=0.0, drain_seconds=0.0, size=64, fps=10.0
    )
    async with open_emulator(settings) as emulator:
        return await _in_room(server, fault, subject, folder, emulator, None)


async def _in_room(
    server: LiveKitServer,
    fault: Fault,
    subject: str,
    folder: Path,
    emulator: ProtofaceEmulator | None,
    elsewhere: EmulatorProcess | None,
) -> Found:
    room_name = f"compared-{uuid.uuid4().hex[:8]}"
    account = emulator or elsewhere
    assert account is not None
    viewer = RecordingViewer()
    variables = {
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
        "AGENT_TOKEN": room_token(server, "agent", room_name, kind="agent"),
        "SUBJECT": subject,
        "AVATAR_JOURNAL": str(folder / room_name),
        **account.environment,
    }
    try:
        await viewer.connect(url=server.url, token=room_token(server, "viewer", room_name))
        await publish_microphone(viewer.room)
        async with agent_process(variables) as agent:
            call = Call(
                server=server,
                room_name=room_name,
                agent=agent,
                emulator=emulator,
                elsewhere=elsewhere,
            )
            return await _judged(call, fault, viewer)
    finally:
        await viewer.aclose()


async def _judged(call: Call, fault: Fault, viewer: RecordingViewer) -> Found:
    agent = call.agent
    if fault.before is not None and call.emulator is not None:
        fault.before(call.emulator)
    candidates = [{"provider": "protoface", "options": {}}]
    started = agent.order("start", candidates=candidates, policy={"max_recoveries": 0})
    await agent.sooner("done", within=PATIENCE, number=started)
    joined = await agent.sooner("state", within=PATIENCE, state="live")
    if joined is not None:
        heard = viewer.heard[joined.values["identity"]]
        await viewer.until(lambda: bool(heard.times))
    first = await _say(agent, 0, SENTENCE, call=call, during=fault.during)
    second = await _say(agent, 1, NEXT)
    silence = lost = None
    if first is not None:
        listened = listen(viewer.heard, said=first[0], finished=first[1])
        silence, lost = listened.silence, max(listened.lost, SENTENCE - listened.last)
    audible = False
    if second is not None:
        await asyncio.sleep(0.5)
        last = listen(viewer.heard, said=second[0], finished=second[1]).last
        audible = last > NEXT - 0.5
    closing = await _close(call)
    return Found(
        silence=silence,
        lost=lost,
        audible=audible,
        closing=closing,
        created=None if call.emulator is None else len(call.emulator.sessions),
        unended=await _unended(call),
    )


async def _say(
    agent: AgentProcess,
    sentence: int,
    seconds: float,
    *,
    call: Call | None = None,
    during: Strike | None = None,
) -> tuple[float, float] | None:
    """Say something; returns when it was said and when it was over, None if it never was."""
    agent.order("say", sentence=sentence, seconds=seconds)
    said = await agent.sooner("said", within=PATIENCE, sentence=sentence)
    if said is None:
        return None
    if call is not None and during is not None:
        await asyncio.sleep(AFTER)
        await during(call)
    finished = await agent.sooner("finished", within=seconds + PATIENCE, sentence=sentence)
    return None if finished is None else (said.at, finished.at)


async def _close(call: Call) -> float | None:
    call.agent.order("close session")
    closed = await call.agent.sooner("closed", within=PATIENCE)
    if closed is None:
        await call.agent.kill()
        return None
    taken: float = closed.values["seconds"]
    try:
        await call.agent.leave(within=PATIENCE)
    except HangError:
        return None
    return taken


async def _unended(call: Call) -> int | None:
    deadline = asyncio.get_running_loop().time() + SETTLED
    if call.elsewhere is not None:
        call.elsewhere.strike(signal.SIGCONT)
    while True:
        if call.emulator is not None:
            left: int | None = len(call.emulator.unended)
        else:
            assert call.elsewhere is not None
            ids = await call.elsewhere.unended()
            left = None if ids is None else len(ids)
        if not left or asyncio.get_running_loop().time() > deadline:
            return left
        await asyncio.sleep(0.2)


def table(found: dict[tuple[str, str], list[Found]]) -> str:
    """Write the table: the worst of each row's calls, ours / the plugin's."""
    lines = [
        f"avatar-core {version('avatar-core')} / livekit-plugins-protoface"
        f" {version('livekit-plugins-protoface')}, livekit-agents {version('livekit-agents')}",
        "",
        "| what happens | silence, s | not heard, s | next sentence heard"
        " | `AgentSession.aclose()`, s | sessions made | left unended |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for fault in FAULTS:
        cells = []
        pair = [found.get((fault.what, subject), []) for subject in SUBJECTS]
        if not any(pair):
            continue
        for name in ("silence", "lost", "audible", "closing", "created", "unended"):
            cells.append(" / ".join(_cell(name, each) for each in pair))
        lines.append(f"| {fault.what} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(name: str, calls: Sequence[Found]) -> str:
    values = [getattr(each, name) for each in calls]
    if not values:
        return "-"
    if name == "audible":
        return "yes" if all(values) else f"no, {values.count(False)} of {len(values)}"
    if any(value is None for value in values):
        if name in ("created", "unended"):
            return "?"
        return "never ends" if name != "closing" else "hangs"
    if name in ("created", "unended"):
        return str(max(values))
    return f"{statistics.median(values):.1f}"


async def compare(
    faults: Sequence[Fault], *, calls: int, at_once: int
) -> dict[tuple[str, str], list[Found]]:
    """Run every fault with both, so many calls at once."""
    found: dict[tuple[str, str], list[Found]] = defaultdict(list)
    free = asyncio.Semaphore(at_once)

    async def run(server: LiveKitServer, fault: Fault, subject: str, folder: Path) -> None:
        async with free:
            one = await run_call(server, fault, subject, folder)
        found[(fault.what, subject)].append(one)
        sys.stderr.write(f"{fault.what}, {subject}: {one}\n")

    with tempfile.TemporaryDirectory(prefix="avatar-compared-") as folder:
        async with await LiveKitServer.start_async() as server:
            await asyncio.gather(
                *(
                    run(server, fault, subject, Path(folder))
                    for _ in range(calls)
                    for fault in faults
                    for subject in SUBJECTS
                )
            )
    return found


def main() -> None:
    """Run it and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.side_by_side", description=__doc__)
    parser.add_argument("--calls", type=int, default=3, help="of each fault with each (3)")
    parser.add_argument("--at-once", type=int, default=2, help="calls side by side (2)")
    parser.add_argument("--only", nargs="+", help="words of the faults to run")
    given = parser.parse_args()
    faults = [
        each for each in FAULTS if not given.only or any(words in each.what for words in given.only)
    ]
    sys.stdout.write(table(asyncio.run(compare(faults, calls=given.calls, at_once=given.at_once))))


if __name__ == "__main__":
    main()
