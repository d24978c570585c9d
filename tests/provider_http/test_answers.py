from __future__ import annotations

import asyncio
import logging
import traceback
from typing import Any

import pytest
from aiohttp import web
from pydantic import BaseModel, SecretStr

from avatar_core.contract.errors import (
    ConfigurationError,
    ProviderError,
    ProviderInvalidResponseError,
    ProviderRejectedError,
    ProviderUnavailableError,
    StartUncertainError,
)
from avatar_core.provider_http.base_url import BaseUrl, is_private_host
from tests.provider_http.api_double import KEY, Answer, answer, huge, open_api, refusal


class Session(BaseModel):
    id: str


GARBAGE: dict[str, Answer] = {
    "html": answer(201, text="<html>please log in</html>"),
    "list": answer(201, []),
    "null": answer(201, None),
    "no id": answer(201, {"status": "queued"}),
    "id of a wrong type": answer(201, {"id": {"x": 1}}),
    "nothing": answer(201, text=""),
    "not utf-8": lambda _: _latin(),
    "deep": answer(201, text="[" * 100_000),
    "fifty megabytes": huge,
}


async def _latin() -> web.StreamResponse:
    return web.Response(status=201, body=b'{"id": "\xff"}', content_type="application/json")


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_for_a_created_session_leaves_it_uncertain(garbage: Answer) -> None:
    async with open_api(garbage) as double:
        with pytest.raises(StartUncertainError) as caught:
            await double.api().post(
                "s", into=Session, idempotency_key="k", creates=True, deadline=double.deadline
            )
        assert len(double.asked) == 1
        assert caught.value.status_code == 201


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_for_anything_else_is_an_invalid_response(garbage: Answer) -> None:
    async with open_api(garbage) as double:
        with pytest.raises(ProviderInvalidResponseError):
            await double.api().get("s", into=Session, deadline=double.deadline)


async def test_unknown_fields_are_taken() -> None:
    async with open_api(answer(201, {"id": "x", "new": {"a": [1]}})) as double:
        got = await double.api().get("s", into=Session, deadline=double.deadline)
        assert got == Session(id="x")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed_with_the_key(status: int) -> None:
    async with open_api(answer(200, {"id": "elsewhere"})) as elsewhere:
        there = answer(status, {}, headers={"Location": f"{elsewhere.url}/steal"})
        async with open_api(there) as double:
            with pytest.raises(ProviderInvalidResponseError, match="redirect"):
                await double.api().get("s", into=Session, deadline=double.deadline)
        assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("../../x?y=", "/v1/..%2F..%2Fx%3Fy%3D/end"),
        ("a b#c%2F", "/v1/a%20b%23c%252F/end"),
        ("é", "/v1/%C3%A9/end"),
    ],
)
async def test_an_id_is_escaped(given: str, sent: str) -> None:
    async with open_api(answer(200, {})) as double:
        await double.api().post("v1", given, "end", into=dict, deadline=double.deadline)
        assert double.asked[0].path == sent


@pytest.mark.parametrize("given", ["", ".", "..", "x" * 600])
async def test_an_id_that_cannot_be_escaped_is_refused(given: str) -> None:
    async with open_api(answer(200, {})) as double:
        with pytest.raises(ProviderInvalidResponseError):
            await double.api().post("v1", given, "end", into=dict, deadline=double.deadline)
        assert double.asked == []


async def test_repeated_names_in_a_query_stay() -> None:
    async with open_api(answer(200, {})) as double:
        query: list[tuple[str, str | int]] = [("status", "a"), ("status", "b&c"), ("limit", 5)]
        await double.api().get("s", into=dict, query=query, deadline=double.deadline)
        assert double.asked[0].path == "/s?status=a&status=b%26c&limit=5"


@pytest.mark.parametrize(
    "made",
    [refusal(400), refusal(503), answer(201, text=KEY), answer(200, {"id": [KEY]})],
    ids=["400", "503", "garbage", "wrong type"],
)
async def test_neither_the_key_nor_the_body_is_told(
    made: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_api(made) as double:
        api = double.api()
        with pytest.raises(ProviderError) as caught:
            await api.post(
                "s", into=Session, idempotency_key="k", body={"token": KEY}, creates=True,
                deadline=double.deadline,
            )  # fmt: skip
        assert double.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(api)
    told += "".join(str(vars(record)) for record in caplog.records)
    assert KEY not in told


async def test_what_an_api_calls_its_error_is_told_only_if_it_is_a_word() -> None:
    error = {"code": "a b\nc", "param": "x" * 500, "request_id": 5, "type": "t"}
    async with open_api(answer(400, {"error": error})) as double:
        with pytest.raises(ProviderRejectedError) as caught:
            await double.api().get("s", into=Session, deadline=double.deadline)
    assert (caught.value.code, caught.value.request_id) == (None, None)
    assert str(caught.value) == "the API refused the request (status 400)"


async def test_a_key_may_come_from_a_callable_that_is_asked_for_every_attempt() -> None:
    keys = iter(["first", "second"])

    async def fetch() -> SecretStr:
        return SecretStr(next(keys))

    async with open_api(refusal(503), answer(200, {})) as double:
        await double.api(secret=fetch).get("s", into=dict, deadline=double.deadline)
        sent = [asked.headers["Authorization"] for asked in double.asked]
        assert sent == ["Bearer first", "Bearer second"]


async def test_a_callable_that_fails_or_hangs_is_the_callers_plain_error() -> None:
    async def fails() -> str:
        raise ValueError(KEY)

    async def hangs() -> str:
        await asyncio.Event().wait()
        return ""

    async with open_api(answer(200, {})) as double:
        with pytest.raises(ProviderUnavailableError, match="api_key failed with ValueError"):
            await double.api(secret=fails).get("s", into=dict, deadline=double.deadline)
        with pytest.raises(ProviderError):
            await double.api(secret=hangs).get("s", into=dict, deadline=double.clock.now + 0.05)
        assert double.asked == []


@pytest.mark.parametrize("key", ["", "  ", "a\nb", "a b", "é"])
async def test_a_key_that_is_none_is_a_configuration_error(key: str) -> None:
    async with open_api(answer(200, {})) as double:
        with pytest.raises(ConfigurationError, match="api_key"):
            await double.api(secret=key).get("s", into=dict, deadline=double.deadline)


@pytest.mark.parametrize(
    "url",
    ["http://api.example.com", "ftp://x", "nonsense", "", "https://u:p@x", "https://x?y", "//x",
     "http://127.0.0.1.example.com", "https://x:99999", "http://[::1"],
)  # fmt: skip
def test_an_address_that_is_not_https_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="api_url"):
        BaseUrl(url)


@pytest.mark.parametrize(
    "url", ["https://api.example.com/", "http://127.0.0.1:80", "http://localhost", "http://[::1]:9"]
)
def test_https_anywhere_and_http_on_this_machine_are_taken(url: str) -> None:
    assert str(BaseUrl(url)) == url.rstrip("/")


@pytest.mark.parametrize(
    ("host", "private"),
    [("10.0.0.1", True), ("192.168.1.5", True), ("::1", True), ("fe80::1", True), ("box", True),
     ("x.local", True), ("localhost", True), ("172.16.0.1", True), ("100.64.1.1", True),
     ("8.8.8.8", False), ("x.livekit.cloud", False)],
)  # fmt: skip
def test_private_hosts_are_known(host: str, private: bool) -> None:
    assert is_private_host(host) is private


async def test_a_prewarmed_connection_is_used_by_the_next_call() -> None:
    peers: list[Any] = []

    async def note(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peers.append(request.transport.get_extra_info("peername"))
        return web.json_response({})

    async with open_api(note) as double:
        api = double.api()
        await api.prewarm("v1", "status", deadline=double.deadline)
        await api.get("s", into=dict, deadline=double.deadline)
        assert "Authorization" not in double.asked[0].headers
    assert peers[0] == peers[1]


async def test_what_goes_to_this_machine_passes_by_proxies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_api(answer(200, {})) as proxy, open_api(answer(200, {})) as double:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        await double.api().get("s", into=dict, deadline=double.deadline)
        assert len(double.asked) == 1
        assert proxy.asked == []
