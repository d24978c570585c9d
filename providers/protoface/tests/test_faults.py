from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest
from livekit import api

from avatar_provider_protoface.emulator.faults import Fault
from avatar_provider_protoface.emulator.manners import WorkerManners

from .calling_stage import eventually
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


def handlers() -> int:
    """How many connections a server of this process still has a handler for."""
    running = (task.get_coro() for task in asyncio.all_tasks())
    return sum(getattr(each, "__qualname__", "") == "RequestHandler.start" for each in running)


@pytest.mark.parametrize("answer", ["error", "true", "reset", "truncate", "huge", "drip"])
async def test_a_late_answer_nobody_waits_for_frees_its_handler(answer: str) -> None:
    async with calling() as caller:
        fault = {"when": "after", "answer": answer, "status": 201, "delay": 600}
        if answer == "drip":
            fault["delay"] = 0
        caller.emulator.faults.add(Fault.model_validate(fault))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(caller.create(), 0.5)
        await eventually(lambda: handlers() == 0)
        assert len(caller.emulator.sessions) == 1  # carried out all the same


@pytest.mark.parametrize("answer", ["true", "drip"])
async def test_a_late_answer_does_not_hold_up_the_end_of_the_emulator(answer: str) -> None:
    async with calling() as caller:
        delay = 0 if answer == "drip" else 600
        fault = {"when": "after", "answer": answer, "status": 201, "delay": delay}
        caller.emulator.faults.add(Fault.model_validate(fault))
        waiting = asyncio.create_task(caller.create())
        await eventually(lambda: len(caller.emulator.sessions) == 1)
        before = time.monotonic()
        await caller.emulator.aclose()
        assert time.monotonic() - before < 0.4
        with pytest.raises(aiohttp.ClientError):
            await waiting


async def test_a_worker_that_joins_late_does_not_hold_up_the_end_of_the_emulator() -> None:
    async with calling(worker="room", claim_seconds=0.0) as caller:
        caller.emulator.manners = WorkerManners(join_delay=600)
        transport = session_body()["transport"]
        grants = api.VideoGrants(room_join=True, room=transport["room_name"])
        token = api.AccessToken("key", "secret-of-thirty-two-characters-or-more")
        token = token.with_identity(transport["worker_identity"]).with_grants(grants)
        await caller.create(transport={**transport, "worker_token": token.to_jwt()})
        caller.clock.advance(0)
        (session,) = caller.emulator.sessions
        assert session.status == "starting"
        before = time.monotonic()
        await caller.emulator.aclose()
        assert time.monotonic() - before < 5
        assert session.status == "ended"


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
