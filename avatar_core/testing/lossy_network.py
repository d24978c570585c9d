"""Packet loss and cuts on a loopback of one's own, for tests of what calls make of them.

They are made by nftables in a network namespace, so the machine's own network is never touched::

    reason = LossyNetwork.why_not()          # None where this machine allows it
    command = LossyNetwork.in_own_network([sys.executable, "script.py"])

and in the script, which sees a loopback and nothing else::

    network = LossyNetwork()
    cut = network.cut(network.ports_of(agent_pid))
    network.heal(cut)
"""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

TOOLS = ("unshare", "ip", "nft")
"""What it takes: Debian's packages util-linux, iproute2 and nftables."""

INSIDE = "OWN_NETWORK_OF_TESTS"
"""Environment variable that is set inside such a namespace."""

_TABLE = "inet avatar_lossy"
# Not where they go out: the sender would be told, as no network tells it.
_HOOK = "type filter hook input priority 0;"
_TRY_SECONDS = 60.0
_NFT_SECONDS = 60.0

# WebRTC looks for an interface that is no loopback, and connects nowhere without one.
_SET_UP = """\
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up &&
ip link add avatar0 type veth peer name avatar1 &&
ip addr add 10.99.0.1/24 dev avatar0 &&
ip link set avatar0 up &&
ip link set avatar1 up &&
exec "$@"
"""


class LossyNetwork:
    """Loses and cuts packets in the network namespace that this process runs in.

    Make it inside of what ``in_own_network`` runs.

    Raises:
        RuntimeError: This is no such namespace; or nftables cannot be used in it.
    """

    def __init__(self) -> None:
        if os.environ.get(INSIDE) is None:
            raise RuntimeError(
                "this process is in the machine's own network, which must stay whole: run it by"
                " LossyNetwork.in_own_network()"
            )
        self._numbers = itertools.count(1)
        self._faults: list[str] = []
        _nft(f"add table {_TABLE}")

    @staticmethod
    def why_not() -> str | None:
        """Say what this machine lacks for a network of one's own; None if it has it all."""
        return _why_not()

    @staticmethod
    def in_own_network(argv: Sequence[str]) -> list[str]:
        """Return the command line that runs another one in a network namespace of its own.

        It becomes that program: its process id, its output and its exit code are the program's.

        Args:
            argv: The program and its arguments.

        Raises:
            RuntimeError: This machine does not allow it.
        """
        reason = _why_not()
        if reason is not None:
            raise RuntimeError(f"no network of one's own: {reason}")
        return [*_entering(), *argv]

    @staticmethod
    def ports_of(pid: int) -> list[int]:
        """List the local TCP and UDP ports of a process, those it listens at included.

        Args:
            pid: Of a process in this namespace; one that is gone has none.
        """
        inodes = set(_socket_inodes(pid))
        ports = set()
        for table in ("udp", "udp6", "tcp", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[9] in inodes:
                    ports.add(int(fields[1].rpartition(":")[2], 16))
        return sorted(ports - {0})

    def cut(self, ports: Iterable[int]) -> str:
        """Let nothing through from or to some ports; returns what ``heal`` takes.

        A connection that is made anew meanwhile has another port, and gets through.

        Args:
            ports: Local ports of the processes to cut off.
        """
        listed = ", ".join(str(port) for port in sorted(set(ports)))
        if not listed:
            raise ValueError("no ports to cut: the process has none, or is gone")
        return self._add(
            f"{protocol} {side} {{ {listed} }} drop"
            for protocol in ("udp", "tcp")
            for side in ("sport", "dport")
        )

    def lose(self, percent: float, port: int) -> str:
        """Lose a share of the UDP packets from and to a port; returns what ``heal`` takes.

        Args:
            percent: How many of a hundred, in each direction.
            port: Of a server's media, mostly: everybody's packets pass it.
        """
        if not 0 < percent < 100:
            raise ValueError(f"percent must lie between 0 and 100, not {percent}")
        share = f"numgen random mod 10000 < {round(percent * 100)}"
        return self._add(f"udp {side} {port} {share} drop" for side in ("sport", "dport"))

    def heal(self, fault: str | None = None) -> None:
        """End a cut or a loss, or all of them; what has ended already stays so.

        Args:
            fault: What ``cut`` or ``lose`` returned.
        """
        ending = [each for each in self._faults if fault in (None, each)]
        self._faults = [each for each in self._faults if each not in ending]
        for each in ending:
            _nft(f"delete chain {_TABLE} {each}")

    def _add(self, rules: Iterable[str]) -> str:
        # A chain for each fault: it goes as a whole, and the others stay.
        chain = f"fault{next(self._numbers)}"
        lines = [f"add chain {_TABLE} {chain} {{ {_HOOK} }}"]
        lines += [f"add rule {_TABLE} {chain} {rule}" for rule in rules]
        _nft("\n".join(lines))
        self._faults.append(chain)
        return chain


def missing_tools() -> list[str]:
    """List which of ``TOOLS`` this machine lacks."""
    return [tool for tool in TOOLS if _find(tool) is None]


@functools.lru_cache(maxsize=1)
def _why_not() -> str | None:
    missing = missing_tools()
    if missing:
        return f"{', '.join(missing)} not found (Debian: util-linux, iproute2, nftables)"
    tried = subprocess.run(
        [*_entering(), _path("nft"), "add", "table", *_TABLE.split()],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TRY_SECONDS,
        check=False,
    )
    if tried.returncode == 0:
        return None
    said = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
    return f"a network namespace with nftables cannot be made here: {said}"


def _entering() -> list[str]:
    # Without root a user namespace of one's own gives the right to a network of one's own.
    flags = "--net" if os.geteuid() == 0 else "--map-root-user --net"
    own = f"{INSIDE}=1"
    return [_path("unshare"), *flags.split(), "env", own, "sh", "-c", _SET_UP, "sh"]


def _find(tool: str) -> str | None:
    # Debian keeps these where only root looks.
    return shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")


def _path(tool: str) -> str:
    return _find(tool) or tool


def _socket_inodes(pid: int) -> Iterator[str]:
    folder = Path(f"/proc/{pid}/fd")
    try:
        opened = list(folder.iterdir())
    except FileNotFoundError:
        return
    for each in opened:
        try:
            target = os.readlink(each)
        except FileNotFoundError:
            continue  # closed meanwhile
        if target.startswith("socket:["):
            yield target.removeprefix("socket:[").rstrip("]")


def _nft(script: str) -> None:
    done = subprocess.run(
        [_path("nft"), "-f", "-"],
        input=script,
        capture_output=True,
        text=True,
        timeout=_NFT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"nft failed: {done.stderr.strip()}")
