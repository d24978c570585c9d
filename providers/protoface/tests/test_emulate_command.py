from __future__ import annotations

import socket

import aiohttp
import pytest
from protoface_sdk import ProtofaceClient

from avatar_provider_protoface.emulator.faults import Fault
from avatar_provider_protoface.emulator.in_thread import EmulatorInThread
from avatar_provider_protoface.emulator.manners import WorkerManners

from .child_commands import avatar_command, avatar_says

EMULATE = ("emulate", "protoface")


async def test_it_prints_the_two_variables_and_serves_until_it_is_interrupted() -> None:
    async with avatar_command(
        *EMULATE, "--port", "0", "--plan", "starter", "--profile", "current"
    ) as command:
        variables = {}
        for _ in range(2):
            line = await command.line("export ")
            name, _, value = line.removeprefix("export ").partition("=")
            variables[name] = value
        assert set(variables) == {"PROTOFACE_API_URL", "PROTOFACE_API_KEY"}
        headers = {"Authorization": f"Bearer {variables['PROTOFACE_API_KEY']}"}
        async with aiohttp.ClientSession(variables["PROTOFACE_API_URL"], headers=headers) as http:
            async with http.get("/v1/billing/quota") as response:
                assert (await response.json())["plan_key"] == "starter"
            async with http.get("/_emulator/sessions") as response:
                assert response.status == 404
        command.interrupt()
        code, out, _ = await command.finished()
        assert (code, out) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profile", "newest"], "sdk-0.1.0, current"),
        (["--plan", "gold"], "free, starter, launch, scale"),
        (["--port", "TAKEN"], "choose another --port"),
        (["--port", "70000"], "Invalid value for '--port'"),
        (["--starts-per-minute", "-1"], "Invalid value for '--starts-per-minute'"),
    ],
)
async def test_what_cannot_be_is_one_plain_line(arguments: list[str], said: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        given = (port if each == "TAKEN" else each for each in arguments)
        code, out, trouble = await avatar_says(*EMULATE, *given)
        assert (code, out) == (2, "")
        assert said in " ".join(trouble.split())
        assert "Traceback" not in trouble


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
