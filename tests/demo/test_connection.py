"""Which server a demo runs on, and what is said when it cannot."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from aiohttp import web
from livekit import api, rtc

from avatar_core.contract.errors import ConfigurationError
from avatar_core.demo.connection import Connection, configured_server, join
from avatar_core.livekit_server import LiveKitServer

KEYS = {"LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "s" * 32}


@pytest.fixture
def connection(livekit_server: LiveKitServer) -> Connection:
    """A room of this test's own on the real server."""
    return Connection(
        url=livekit_server.url,
        api_key=livekit_server.api_key,
        api_secret=livekit_server.api_secret,
    )


def test_no_server_is_configured_without_a_url() -> None:
    assert configured_server({}) is None
    assert configured_server({"LIVEKIT_URL": " ", **KEYS}) is None


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:7880", "http://localhost:7880", "wss://example.livekit.cloud"]
)
def test_the_environments_server_is_taken(url: str) -> None:
    found = configured_server({"LIVEKIT_URL": url, **KEYS})
    assert found is not None
    assert (found.url, found.api_key) == (url, "key")
    assert "sss" not in repr(found)


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"LIVEKIT_URL": "ws://127.0.0.1:1"}, "LIVEKIT_API_KEY and LIVEKIT_API_SECRET"),
        (
            {"LIVEKIT_URL": "ws://127.0.0.1:1", "LIVEKIT_API_KEY": "key"},
            "is set and LIVEKIT_API_SECRET not",
        ),
        ({"LIVEKIT_URL": "livekit", **KEYS}, "not the url of a LiveKit server"),
        ({"LIVEKIT_URL": "ws://", **KEYS}, "not the url of a LiveKit server"),
        ({"LIVEKIT_URL": "ws://[oops", **KEYS}, "not the url of a LiveKit server"),
        ({"LIVEKIT_URL": "ws://example.com", **KEYS}, "not encrypted"),
    ],
)
def test_a_half_set_or_wrong_environment_is_refused(
    environment: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        configured_server(environment)


async def test_the_room_is_made_and_removed(
    connection: Connection, livekit_server: LiveKitServer
) -> None:
    await connection.open_room()
    assert connection.room in await _rooms(livekit_server)
    await connection.close_room()
    assert connection.room not in await _rooms(livekit_server)


@pytest.mark.parametrize("wrong", ["api_key", "api_secret"])
async def test_a_refused_key_is_named(connection: Connection, wrong: str) -> None:
    refused = replace(connection, **{wrong: "x" * 32})
    with pytest.raises(ConfigurationError, match="refuses the key: check LIVEKIT_API_KEY"):
        await refused.open_room()


async def test_a_server_that_is_not_there_is_named(connection: Connection) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"ws://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigurationError, match=f"no LiveKit server answers at {url}"):
            await replace(connection, url=url).open_room()


async def test_another_kind_of_server_is_told_apart(connection: Connection) -> None:
    app = web.Application()
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        with pytest.raises(ConfigurationError, match="is it a LiveKit server"):
            await replace(connection, url=f"ws://127.0.0.1:{port}").open_room()
    finally:
        await runner.cleanup()


async def test_a_room_that_cannot_be_removed_is_logged(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    await replace(connection, api_secret="x" * 32).close_room()
    assert "the demo's room was not removed" in caplog.text
    assert "x" * 32 not in caplog.text


async def test_a_token_opens_its_own_room_and_the_viewer_may_only_watch(
    connection: Connection,
) -> None:
    verifier = api.TokenVerifier(connection.api_key, connection.api_secret)
    viewer = verifier.verify(connection.token("viewer", kind="standard"))
    assert viewer.video is not None
    assert viewer.video.room == connection.room
    assert (viewer.video.can_publish, viewer.video.can_publish_data) == (False, False)
    agent = verifier.verify(connection.token("agent", kind="agent"))
    assert agent.kind == "agent"
    assert agent.video is not None and agent.video.can_publish


async def test_joining_with_a_token_that_is_refused_is_one_error(connection: Connection) -> None:
    token = replace(connection, api_secret="x" * 32).token("viewer", kind="standard")
    with pytest.raises(ConfigurationError, match="joining a room on it fails"):
        await join(rtc.Room(), url=connection.url, token=token, options=rtc.RoomOptions())


async def _rooms(server: LiveKitServer) -> list[str]:
    async with server.api() as client:
        found = await client.room.list_rooms(api.ListRoomsRequest())
    return [room.name for room in found.rooms]
