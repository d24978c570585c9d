from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from livekit import api, rtc

from avatar_core.livekit_server import LiveKitServer, LiveKitServerError, child_process, process
from avatar_core.livekit_server.loopback import HOST, Ports, free_ports, server_config


def answers(server: LiveKitServer) -> bool:
    connection = http.client.HTTPConnection(HOST, server.ports.signal, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def wait_until_gone(pid: int, *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


async def join(server: LiveKitServer, identity: str) -> rtc.Room:
    grants = api.VideoGrants(room_join=True, room=f"room-of-{identity}")
    token = api.AccessToken(server.api_key, server.api_secret).with_identity(identity)
    room = rtc.Room()
    await room.connect(server.url, token.with_grants(grants).to_jwt())
    return room


async def test_a_client_joins_with_the_servers_key(livekit_server: LiveKitServer) -> None:
    room = await join(livekit_server, "guest")
    client = livekit_server.api()
    try:
        listed = await client.room.list_participants(
            api.ListParticipantsRequest(room="room-of-guest")
        )
        assert [each.identity for each in listed.participants] == ["guest"]
    finally:
        await client.aclose()
        await room.disconnect()


async def test_another_servers_key_is_refused(livekit_server: LiveKitServer) -> None:
    client = api.LiveKitAPI(livekit_server.url, "otherkey", "s" * 40)
    try:
        with pytest.raises(api.TwirpError) as refusal:
            await client.room.list_rooms(api.ListRoomsRequest())
        assert refusal.value.status == 401
    finally:
        await client.aclose()


def test_every_socket_is_on_loopback(livekit_server: LiveKitServer) -> None:
    sockets = psutil.Process(livekit_server.pid).net_connections("inet")

    assert {each.laddr.ip for each in sockets} == {HOST}
    assert {livekit_server.ports.signal, livekit_server.ports.media} <= {
        each.laddr.port for each in sockets
    }


def test_the_secret_is_on_no_command_line_and_in_no_file(livekit_server: LiveKitServer) -> None:
    command = " ".join(psutil.Process(livekit_server.pid).cmdline())
    files = [path for path in livekit_server.log_path.parent.rglob("*") if path.is_file()]

    assert livekit_server.api_secret not in command
    assert files, "the log is missing"
    assert all(livekit_server.api_secret not in path.read_text() for path in files)


def test_the_callers_own_server_settings_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_KEYS", "other: " + "s" * 40)
    monkeypatch.setenv("LIVEKIT_PORT", "1")
    monkeypatch.setenv("NODE_IP", "192.0.2.1")
    monkeypatch.setenv("REDIS_HOST", "192.0.2.1:6379")

    with LiveKitServer.start() as server:
        assert answers(server)


def test_stop_leaves_no_process_thread_or_file() -> None:
    threads = set(threading.enumerate())
    server = LiveKitServer.start()
    pid, folder = server.pid, server.log_path.parent

    server.stop()
    server.stop()

    assert not psutil.pid_exists(pid)
    assert not folder.exists()
    assert set(threading.enumerate()) == threads
    assert not server.running


def test_a_server_nobody_holds_any_more_is_stopped() -> None:
    server = LiveKitServer.start()
    pid = server.pid

    del server

    assert not psutil.pid_exists(pid)


async def test_stop_does_not_wait_for_participants_to_leave() -> None:
    server = await LiveKitServer.start_async()
    room = await join(server, "stays")

    # Asked once, a server waits for as long as anybody stays.
    await asyncio.wait_for(server.aclose(), 20)

    assert not psutil.pid_exists(server.pid)
    await room.disconnect()


async def test_a_hanging_server_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "_STOP_SECONDS", 0.2)
    async with await LiveKitServer.start_async() as server:
        os.kill(server.pid, signal.SIGSTOP)

    assert not psutil.pid_exists(server.pid)


def test_the_server_outlives_the_thread_that_asked_for_it() -> None:
    started: list[LiveKitServer] = []
    thread = threading.Thread(target=lambda: started.append(LiveKitServer.start()))
    thread.start()
    thread.join()
    with started[0] as server:
        # The kernel signals a child when the thread that forked it ends, and does so at once.
        with pytest.raises(subprocess.TimeoutExpired):
            server._process.popen.wait(timeout=0.3)
        assert answers(server)


def test_ctrl_c_in_the_terminal_is_not_the_servers() -> None:
    with LiveKitServer.start() as server:
        assert os.getpgid(server.pid) != os.getpgid(0)


_OWNER = """
import sys, time
from avatar_core.livekit_server import LiveKitServer, child_process
child_process._PARENT_DEATH_SIGNAL = sys.argv[1] == "kernel"
server = LiveKitServer.start()
print(server.pid, flush=True)
{end}
"""


def start_owner(guard: str, *, end: str) -> tuple[subprocess.Popen[str], int]:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER.format(end=end), guard], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    return owner, int(owner.stdout.readline())


@pytest.mark.parametrize("guard", ["kernel", "watcher"])
def test_the_server_ends_with_a_killed_parent(guard: str) -> None:
    if guard == "kernel" and sys.platform != "linux":
        guard = "watcher"  # the only one there is elsewhere
    owner, pid = start_owner(guard, end="time.sleep(60)")
    with owner:
        owner.kill()

    wait_until_gone(pid)


@pytest.mark.parametrize("guard", ["kernel", "watcher"])
def test_a_forgotten_server_ends_with_the_interpreter(guard: str) -> None:
    if guard == "kernel" and sys.platform != "linux":
        guard = "watcher"
    owner, pid = start_owner(guard, end="")
    with owner:
        assert owner.wait(timeout=20) == 0

    wait_until_gone(pid)


def test_the_watcher_goes_when_the_server_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "_PARENT_DEATH_SIGNAL", False)
    with LiveKitServer.start() as server:
        (watcher,) = psutil.Process(server.pid).children()
        assert answers(server)

    wait_until_gone(watcher.pid)


async def test_a_cancelled_start_leaves_no_server(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    starting = asyncio.ensure_future(LiveKitServer.start_async())
    while not set(psutil.Process().children()) - before:  # noqa: ASYNC110 - of another thread
        await asyncio.sleep(0.005)

    starting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await starting
    deadline = time.monotonic() + 10
    while set(psutil.Process().children()) - before:
        assert time.monotonic() < deadline, "the server that nobody wanted is still there"
        await asyncio.sleep(0.02)


def test_taken_ports_are_replaced_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        free = free_ports()
        offers = [Ports(signal=taken.getsockname()[1], media=free.media, nobody=free.nobody)]
        monkeypatch.setattr(process, "free_ports", lambda: offers.pop() if offers else free_ports())

        with LiveKitServer.start() as server:
            assert server.ports.signal != taken.getsockname()[1]
            assert answers(server)


def test_ports_that_stay_taken_are_one_plain_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, 0))
        media = taken.getsockname()[1]
        monkeypatch.setattr(
            process, "free_ports", lambda: Ports(signal=free_ports().signal, media=media, nobody=9)
        )

        with pytest.raises(LiveKitServerError, match=r"no free ports .* LIVEKIT_URL"):
            LiveKitServer.start()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("#!/bin/sh\necho 'no such key'\nexit 3\n", r"exited with status 3 .*no such key"),
        ("#!/nowhere/at/all\n", r"exited with status 1 .*No such file"),
    ],
)
def test_a_server_that_does_not_start_says_why(tmp_path: Path, script: str, message: str) -> None:
    executable = tmp_path / "livekit-server"
    executable.write_text(script)
    executable.chmod(0o755)

    with pytest.raises(LiveKitServerError, match=message):
        LiveKitServer.start(binary=executable)


def test_a_server_that_never_answers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_process, "_READY_SECONDS", 0.3)
    executable = tmp_path / "livekit-server"
    executable.write_text("#!/bin/sh\necho starting\nexec sleep 60\n")
    executable.chmod(0o755)

    with pytest.raises(LiveKitServerError, match=r"did not answer within .*starting"):
        LiveKitServer.start(binary=executable)


def test_the_configuration_asks_no_public_host() -> None:
    ports = free_ports()

    config = json.loads(server_config(ports, api_key="key", api_secret="s" * 40))

    assert config["rtc"]["stun_servers"] == [f"{HOST}:{ports.nobody}"]
    assert config["rtc"]["tcp_port"] == 0
    assert "turn" not in config
