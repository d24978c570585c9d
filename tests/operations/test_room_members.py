"""Who is in a room, asked of a real LiveKit server and of others that are none."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from livekit import rtc

from avatar_core.contract.errors import ConfigurationError
from avatar_core.livekit_server import LiveKitServer
from avatar_core.operations.room_members import RoomMembers, RoomNotCheckedError, ServerAccess
from avatar_core.testing.call_stage import room_token

SECRET = "secret-secret-secret-secret-secret-1"
NOBODY_LISTENS = "ws://127.0.0.1:1"


def access(url: str, *, api_key: str = "key", api_secret: str = SECRET) -> ServerAccess:
    return ServerAccess(url=url, api_key=api_key, api_secret=api_secret)


def access_to(server: LiveKitServer, *, api_secret: str | None = None) -> ServerAccess:
    secret = api_secret or server.api_secret
    return access(server.url, api_key=server.api_key, api_secret=secret)


async def test_who_is_in_a_room_is_told_and_nobody_in_one_that_is_not_there(
    livekit_server: LiveKitServer,
) -> None:
    name = f"room-{uuid.uuid4().hex[:8]}"
    room = rtc.Room()
    await room.connect(livekit_server.url, room_token(livekit_server, "agent-7", name))
    try:
        async with RoomMembers(access_to(livekit_server)) as lookup:
            assert await lookup.identities(name) == {"agent-7"}
            assert await lookup.identities("nowhere") == frozenset()
    finally:
        await room.disconnect()


async def test_a_refused_key_is_a_mistake_and_not_an_empty_room(
    livekit_server: LiveKitServer,
) -> None:
    async with RoomMembers(access_to(livekit_server, api_secret=SECRET)) as lookup:
        with pytest.raises(ConfigurationError, match="refuses the key: check LIVEKIT_API_KEY"):
            await lookup.identities("room")


async def test_a_server_that_is_not_there_tells_nothing() -> None:
    async with RoomMembers(access(NOBODY_LISTENS)) as lookup:
        with pytest.raises(RoomNotCheckedError, match="no LiveKit server answers"):
            await lookup.identities("room")


async def _page(_: web.Request) -> web.Response:
    return web.Response(text="<html>Welcome</html>", content_type="text/html")


async def _missing(_: web.Request) -> web.Response:
    return web.json_response({"error": "no such page"}, status=404)


async def _broken(_: web.Request) -> web.Response:
    return web.json_response({"code": "internal", "msg": "secret"}, status=500)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_page, "is no LiveKit server"),
        (_missing, "did not tell who is in the room"),
        (_broken, "code internal"),
    ],
)
async def test_what_is_no_answer_of_livekit_does_not_empty_a_room(
    answer: Callable[[web.Request], Awaitable[web.Response]], words: str
) -> None:
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        async with RoomMembers(access(f"ws://127.0.0.1:{port}")) as lookup:
            with pytest.raises(RoomNotCheckedError, match=words) as caught:
                await lookup.identities("room")
        assert "secret" not in str(caught.value)
    finally:
        await runner.cleanup()


# --- which server ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        ("wss://x.livekit.cloud", "wss://x.livekit.cloud", True),
        ("wss://x.livekit.cloud", "https://X.livekit.cloud.:443/", True),
        ("wss://x.livekit.cloud", "wss://y.livekit.cloud", False),
        ("wss://lk.example", "ws://lk.example", False),
        ("wss://lk.example", "wss://lk.example:7880", False),
        ("wss://lk.example/a", "wss://lk.example/b", False),
        ("ws://localhost:7880", "ws://127.0.0.1:7880", True),
        ("ws://localhost:7880", "ws://127.0.0.1:7881", False),
        ("wss://lk.example", "wss://[broken", False),
        ("wss://lk.example", "", False),
    ],
)
def test_two_urls_are_one_server_only_where_they_say_so(mine: str, theirs: str, same: bool) -> None:
    assert access(mine).is_at(theirs) is same


def test_a_server_may_have_another_address_for_workers() -> None:
    both = ServerAccess.given(
        url="ws://localhost:7880", api_key="key", api_secret=SECRET,
        worker_urls=["wss://public.example"],
    )  # fmt: skip
    assert both.is_at("wss://public.example")
    assert both.is_at("ws://localhost:7880")
    assert not both.is_at("wss://other.example")


def test_what_is_not_given_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_URL", "wss://lk.example")
    monkeypatch.setenv("LIVEKIT_API_KEY", "key")
    monkeypatch.setenv("LIVEKIT_API_SECRET", SECRET)
    found = ServerAccess.given(url=None, api_key=None, api_secret=None)
    assert (found.url, found.api_key, found.api_secret) == ("wss://lk.example", "key", SECRET)
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"url": None}, r"set LIVEKIT_URL, or give --livekit-url"),
        ({"api_secret": ""}, r"set LIVEKIT_API_SECRET, or give --livekit-api-secret"),
        ({"url": "lk.example"}, "not a LiveKit url"),
        ({"url": "ws://lk.example"}, "not encrypted"),
        ({"worker_urls": ["x"]}, "--worker-livekit-url is not a LiveKit url"),
    ],
)
def test_what_cannot_be_a_server_is_refused(given: dict[str, str], words: str) -> None:
    settings = {"url": "wss://lk.example", "api_key": "key", "api_secret": SECRET, **given}
    with pytest.raises(ConfigurationError, match=words):
        ServerAccess.given(**settings)  # type: ignore[arg-type]


def test_a_network_may_be_trusted() -> None:
    found = ServerAccess.given(
        url="ws://livekit:7880", api_key="key", api_secret=SECRET, allow_insecure_url=True
    )
    assert found.is_at("ws://livekit:7880")
