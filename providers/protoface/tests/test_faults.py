from __future__ import annotations

import aiohttp
import pytest

from avatar_provider_protoface.emulator.faults import Fault

from .emulated import calling, session_body


async def test_a_fault_is_for_its_calls_and_for_as_many_as_it_says() -> None:
    async with calling() as caller:
        caller.emulator.faults.add(Fault(on="create", times=2, status=503, retry_after="3"))
        assert (await caller.call("GET", "/v1/sessions")).status == 200
        for _ in range(2):
            refused = await caller.create()
            assert (refused.status, refused.headers["Retry-After"]) == (503, "3")
        assert (await caller.create()).status == 201
        assert len(caller.emulator.sessions) == 1


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("answer", ["reset", "truncate"])
async def test_a_connection_breaks_before_or_after_the_work(
    when: str, made: int, answer: str
) -> None:
    async with calling() as caller:
        caller.emulator.faults.add(Fault.model_validate({"when": when, "answer": answer}))
        with pytest.raises(aiohttp.ClientError):
            await caller.create()
        assert len(caller.emulator.sessions) == made


async def test_the_true_answer_comes_late() -> None:
    async with calling() as caller:
        caller.emulator.faults.add(Fault(answer="true", delay=0.05))
        assert (await caller.create()).status == 201


async def test_the_control_surface_is_off_unless_asked_for() -> None:
    async with calling() as caller:
        assert (await caller.call("GET", "/_emulator/sessions")).status == 404


async def test_the_control_surface_lets_calls_and_workers_go_wrong() -> None:
    async with calling(control=True) as caller:
        fault = {"on": "create", "status": 201, "body": "<html>"}
        assert (await caller.call("POST", "/_emulator/faults", json=fault)).status == 204
        url = caller.emulator.url + "/v1/sessions"
        headers = {"Authorization": f"Bearer {caller.emulator.api_key}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            async with session.post(url, json=session_body()) as response:
                assert (response.status, await response.text()) == (201, "<html>")
        manners = {"never_join": True, "leave_after": 2.5}
        assert (await caller.call("PUT", "/_emulator/worker", json=manners)).status == 204
        assert caller.emulator.manners.leave_after == 2.5
        for path, body in (("faults", {"on": "nothing"}), ("worker", {"never": 1})):
            method = "POST" if path == "faults" else "PUT"
            assert (await caller.call(method, f"/_emulator/{path}", json=body)).status == 422
        made = (await caller.create()).body
        rows = (await caller.call("GET", "/_emulator/sessions")).body
        assert rows == [{"id": made["id"], "status": "queued", "history": ["queued"]}]
        seen = await caller.call("GET", "/_emulator/requests")
        assert [row["method"] for row in seen.body] == ["POST", "POST"]
        act = f"/_emulator/sessions/{made['id']}/worker"
        assert (await caller.call("POST", act, json={"act": "leave"})).status == 409
