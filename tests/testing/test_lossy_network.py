from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from avatar_core.testing.lossy_network import LossyNetwork, missing_tools
from avatar_core.testing.own_network import own_network_test


class Line:
    """Two UDP sockets of this process."""

    def __init__(self) -> None:
        self.sender, self.receiver = (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)
        )
        for each in (self.sender, self.receiver):
            each.bind(("127.0.0.1", 0))
        self.receiver.setblocking(False)

    @property
    def ports(self) -> list[int]:
        return sorted(each.getsockname()[1] for each in (self.sender, self.receiver))

    def arrive(self, packets: int = 1) -> int:
        """Send packets; on a loopback what arrives is there at once."""
        arrived = 0
        for _ in range(packets):
            self.sender.sendto(b"sound", self.receiver.getsockname())
            try:
                self.receiver.recv(16)
            except BlockingIOError:
                continue
            arrived += 1
        return arrived


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.sender.close()
    made.receiver.close()


def test_the_machines_own_network_is_not_touched() -> None:
    with pytest.raises(RuntimeError, match="in_own_network"):
        LossyNetwork()


@own_network_test
def test_nothing_gets_through_a_cut_until_it_is_healed(line: Line) -> None:
    network = LossyNetwork()
    assert set(line.ports) <= set(network.ports_of(os.getpid()))
    for port in line.ports:
        assert line.arrive(20) == 20
        cut = network.cut([port])
        assert line.arrive(20) == 0
        network.heal(cut)
        network.heal(cut)
    assert line.arrive(20) == 20


@own_network_test
def test_each_fault_is_healed_by_itself(line: Line) -> None:
    network = LossyNetwork()
    first, second = (network.cut([port]) for port in line.ports)
    network.heal(first)
    assert line.arrive() == 0
    network.heal(second)
    assert line.arrive() == 1
    network.cut(line.ports)
    network.lose(50, line.ports[0])
    network.heal()
    assert line.arrive(50) == 50


@own_network_test
def test_the_share_that_was_asked_for_is_lost(line: Line) -> None:
    network = LossyNetwork()
    network.lose(10, line.receiver.getsockname()[1])
    assert 800 < line.arrive(1000) < 970


@own_network_test
def test_what_cannot_be_meant_is_refused() -> None:
    network = LossyNetwork()
    with pytest.raises(ValueError, match="percent"):
        network.lose(100, 7000)
    with pytest.raises(ValueError, match="no ports"):
        network.cut(network.ports_of(0x7FFFFFFF))
    with pytest.raises(RuntimeError, match="nft failed"):
        network.cut([70000])


@own_network_test
def test_the_network_can_be_nested_and_leaves_through_its_programs_exit_code() -> None:
    command = LossyNetwork.in_own_network([sys.executable, "-c", "raise SystemExit(7)"])
    assert subprocess.run(command, check=False).returncode == 7


def test_a_machine_without_the_tools_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    assert missing_tools() == ["unshare", "ip", "nft"]


def test_tests_are_left_out_by_name_where_the_machine_does_not_allow_it(tmp_path: Path) -> None:
    (tmp_path / "test_cut.py").write_text(
        "from avatar_core.testing.own_network import own_network_test\n"
        "@own_network_test\ndef test_cut():\n    pass\n"
        "def test_other():\n    pass\n",
        encoding="utf-8",
    )
    (tmp_path / "conftest.py").write_text(
        "import shutil\nshutil.which = lambda *_, **__: None\n"
        "def pytest_deselected(items):\n"
        "    print('left out:', *(item.name for item in items))\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "left out: test_cut" in done.stdout
    assert "1 passed, 1 deselected" in done.stdout
