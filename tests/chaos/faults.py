"""What befalls a call."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
from livekit import api

from avatar_provider_protoface.emulator.faults import Fault as ApiFault

if TYPE_CHECKING:
    from tests.chaos.chaos_call import ChaosCall

CUT_SECONDS = 5.0
DOWN_SECONDS = 6.0

Act = Callable[["ChaosCall"], Awaitable[bool]]
"""Does it; returns whether there was anything that it could befall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One kind of fault.

    Args:
        act: Makes it happen.
        on: Kinds of candidates it can befall: ``process``, ``inline``, ``protoface``.
        fatal: The agent is gone after it.
        network: It needs a network that can be cut.
    """

    act: Act
    on: frozenset[str] = frozenset({"process", "inline", "protoface"})
    fatal: bool = False
    network: bool = False

    def strikes(self, kind: str) -> bool:
        """Whether it can befall such a candidate."""
        return kind in self.on


def signalled(sent: signal.Signals) -> Act:
    """Send a signal to the processes of the avatars."""

    async def act(call: ChaosCall) -> bool:
        struck = False
        for worker in call.agent.workers():
            try:
                worker.send_signal(sent)
                struck = True
            except psutil.NoSuchProcess:
                continue  # it is leaving just now
        return struck

    return act


def emulated(what: str) -> Act:
    """Let the emulated avatars misbehave."""

    async def act(call: ChaosCall) -> bool:
        struck = False
        for session in call.emulator.unended:
            worker = call.emulator.account.get(session.id).worker
            if worker is not None:
                await worker.act(what)
                struck = True
        return struck

    return act


async def removed(call: ChaosCall) -> bool:
    """Somebody with the server's key removes the avatar."""
    identity = call.agent.identity()
    if identity is None:
        return False
    async with call.server.api() as server:
        try:
            await server.room.remove_participant(
                api.RoomParticipantIdentity(room=call.room_name, identity=identity)
            )
        except api.TwirpError:
            return False  # it has gone by itself
    return True


async def worker_cut(call: ChaosCall) -> bool:
    """Nothing gets from the avatar's process to the server and back."""
    workers = call.agent.workers()
    if not workers:
        return False
    call.cut(*(worker.pid for worker in workers), seconds=CUT_SECONDS)
    return True


async def agent_cut(call: ChaosCall) -> bool:
    """Nothing gets from the agent to the server and back."""
    call.cut(call.agent.pid, seconds=CUT_SECONDS)
    return True


async def api_down(call: ChaosCall) -> bool:
    """The vendor's API refuses everything for a while, and the avatar is lost meanwhile."""
    call.emulator.faults.add(ApiFault(on="any", times=1000, status=503))
    call.later(DOWN_SECONDS, call.emulator.faults.clear)
    return await emulated("crash")(call)


async def end_fails(call: ChaosCall) -> bool:
    """The next ends fail, and the avatar is lost."""
    for answer in ("error", "reset"):
        call.emulator.faults.add(ApiFault(on="end", times=1, answer=answer, status=500))
    return await emulated("leave")(call)


async def create_uncertain(call: ChaosCall) -> bool:
    """The answer to the next creation is lost, and the avatar too."""
    call.emulator.faults.add(ApiFault(on="create", when="after", answer="reset"))
    return await emulated("crash")(call)


async def interrupted(call: ChaosCall) -> bool:
    """The agent interrupts itself, as it does when somebody speaks."""
    call.interrupted = True
    call.agent.order("interrupt")
    return True


async def switched(call: ChaosCall) -> bool:
    """Another avatar is asked for."""
    call.switch()
    return True


async def agent_killed(call: ChaosCall) -> bool:
    """The agent's process is taken off the machine."""
    await asyncio.wait_for(call.agent.kill(), 30)
    return True


_PROCESS = frozenset({"process"})
_PROTOFACE = frozenset({"protoface"})

FAULTS: dict[str, Fault] = {
    "worker killed": Fault(act=signalled(signal.SIGKILL), on=_PROCESS),
    "worker stopped": Fault(act=signalled(signal.SIGSTOP), on=_PROCESS),
    "worker frozen": Fault(act=emulated("freeze"), on=_PROTOFACE),
    "worker deaf": Fault(act=emulated("go_deaf"), on=_PROTOFACE),
    "worker crashed": Fault(act=emulated("crash"), on=_PROTOFACE),
    "worker left": Fault(act=emulated("leave"), on=_PROTOFACE),
    "worker removed": Fault(act=removed),
    "worker cut off": Fault(act=worker_cut, on=_PROCESS, network=True),
    "agent cut off": Fault(act=agent_cut, network=True),
    "API down": Fault(act=api_down, on=_PROTOFACE),
    "end failing": Fault(act=end_fails, on=_PROTOFACE),
    "answer lost": Fault(act=create_uncertain, on=_PROTOFACE),
    "agent killed": Fault(act=agent_killed, fatal=True),
    "interrupted": Fault(act=interrupted),
    "switched": Fault(act=switched),
    "switch and close": Fault(act=switched),
}
