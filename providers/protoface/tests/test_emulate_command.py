from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from protoface_sdk import ProtofaceClient

from avatar_provider_protoface.emulator.faults import Fault
from avatar_provider_protoface.emulator.in_thread import EmulatorInThread
from avatar_provider_protoface.emulator.manners import WorkerManners

AVATAR = "import sys; from avatar_core.cli.app import main; main()"


@asynccontextmanager
async def emulating(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", AVATAR, "emulate", "protoface", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_prints_the_two_variables_and_serves_until_it_is_interrupted() -> None:
    async with emulating("--port", "0", "--plan", "starter", "--profile", "current") as process:
        assert process.stdout is not None
        variables = {}
        for _ in range(2):
            line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip()
            name, _, value = line.removeprefix("export ").partition("=")
            variables[name] = value
        assert set(variables) == {"PROTOFACE_API_URL", "PROTOFACE_API_KEY"}
        headers = {"Authorization": f"Bearer {variables['PROTOFACE_API_KEY']}"}
        async with aiohttp.ClientSession(variables["PROTOFACE_API_URL"], headers=headers) as http:
            async with http.get("/v1/billing/quota") as response:
                assert (await response.json())["plan_key"] == "starter"
            async with http.get("/_emulator/sessions") as response:
                assert response.status == 404
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 20) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profile", "newest"], "sdk-0.1.0, current"),
        (["--plan", "gold"], "free, starter, launch, scale"),
        (["--port", "TAKEN"], "choose another --port"),
    ],
)
async def test_what_cannot_be_is_one_plain_line(arguments: list[str], said: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        async with emulating(*(port if each == "TAKEN" else each for each in arguments)) as process:
            _, trouble = await asyncio.wait_for(process.communicate(), 60)
            assert process.returncode == 2
            assert said in trouble.decode()
            assert "Traceback" not in trouble.decode()


def test_the_fixture_is_an_emulator_that_blocking_code_can_call(
    protoface_emulator: EmulatorInThread,
) -> None:
    client = ProtofaceClient(
        protoface_emulator.api_key, base_url=protoface_emulator.url, max_retries=0
    )
    protoface_emulator.set_manners(WorkerManners(never_join=True))
    with client:
        made = client.sessions.create_livekit(
            avatar_id="av_stock_001", url="ws://127.0.0.1:1", room_name="r", worker_token="t"
        )
        assert [session.id for session in protoface_emulator.unended] == [made.id]
        protoface_emulator.fail_next(Fault(on="get", status=404, body={"error": {}}))
        with pytest.raises(Exception, match="HTTP 404|404"):
            client.sessions.get(made.id)
        client.sessions.end(made.id)
    assert [seen.method for seen in protoface_emulator.requests] == ["POST", "GET", "POST"]


def test_the_fixture_sets_the_environment(protoface_emulator: EmulatorInThread) -> None:
    from avatar_provider_protoface.options import ProtofaceOptions

    assert ProtofaceOptions.from_mapping("protoface", {}).api_url == protoface_emulator.url
