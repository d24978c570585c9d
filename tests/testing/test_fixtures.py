from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from avatar_core.testing.own_network import own_network_test
from avatar_core.testing.scripted_api import GARBAGE, ApiAnswer, ApiCall, ScriptedApi
from avatar_core.testing.speech_sound import assert_whole


@pytest.mark.flaky(reruns=2)
async def test_the_viewer_hears_the_avatar(avatar_call: Any) -> None:
    async with avatar_call("mock", size=64, fps=10) as call:
        sentence = await call.says(1.0)
        assert_whole(sentence, seconds=1.0)


@own_network_test
def test_the_lossy_network_is_there_to_be_cut(lossy_network: Any) -> None:
    lossy_network.heal(lossy_network.lose(50, 7880))


async def asked(api: ScriptedApi, method: str = "GET", path: str = "/things/7", **more: Any) -> Any:
    async with aiohttp.ClientSession() as client:
        async with client.request(method, api.url + path, **more) as answer:
            return answer.status, await answer.text()


async def test_a_route_answers_with_what_stands_in_its_path(scripted_api: ScriptedApi) -> None:
    @scripted_api.on("PUT", "/things/{id}")
    async def put(call: ApiCall) -> ApiAnswer:
        return ApiAnswer(status=201, body=[call.arguments["id"], call.json])

    assert await asked(scripted_api, "PUT", json={"a": 1}) == (201, '["7", {"a": 1}]')
    assert (await asked(scripted_api, "PUT", "/things/7/8"))[0] == 404
    assert [call.path for call in scripted_api.calls] == ["/things/7", "/things/7/8"]


async def test_a_call_without_the_key_is_refused(scripted_api: ScriptedApi) -> None:
    scripted_api.key = "right"
    assert (await asked(scripted_api))[0] == 401
    assert (await asked(scripted_api, headers={"X-Key": "right"}))[0] == 404


async def test_faults_last_until_it_is_healed(scripted_api: ScriptedApi) -> None:
    @scripted_api.on("GET", "/things/{id}")
    async def get(_: ApiCall) -> ApiAnswer:
        return ApiAnswer(body="thing")

    scripted_api.fail("down")
    with pytest.raises(aiohttp.ClientError):
        await asked(scripted_api)
    scripted_api.fail("garbled")
    assert await asked(scripted_api) == (200, GARBAGE)
    scripted_api.fail("slow")
    with pytest.raises(asyncio.TimeoutError):
        await asked(scripted_api, timeout=aiohttp.ClientTimeout(total=0.3))
    scripted_api.heal()
    assert await asked(scripted_api) == (200, '"thing"')


async def test_what_no_route_answers_goes_to_the_api_behind_it(scripted_api: ScriptedApi) -> None:
    with ScriptedApi.run(upstream=scripted_api.url) as front:

        @scripted_api.on("POST", "/things/{id}")
        async def post(call: ApiCall) -> ApiAnswer:
            return ApiAnswer(status=202, body=call.json)

        assert await asked(front, "POST", "/things/a%2Fb?c=d", json=[1]) == (202, "[1]")
        (call,) = scripted_api.calls
        assert call.path == "/things/a%2Fb?c=d"
