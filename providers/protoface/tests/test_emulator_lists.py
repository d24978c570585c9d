from __future__ import annotations

from .emulated import calling


async def test_a_list_comes_in_pages_the_newest_first() -> None:
    async with calling(credits=10**6) as caller:
        ids = []
        for _ in range(45):
            caller.clock.advance(0.01)
            ids.append((await caller.create()).body["id"])
        ids.reverse()
        seen: list[str] = []
        query = "limit=20"
        pages = []
        while True:
            page = (await caller.call("GET", f"/v1/sessions?{query}")).body
            pages.append(len(page["data"]))
            seen += [session["id"] for session in page["data"]]
            if not page["has_more"]:
                break
            query = f"limit=20&starting_after={page['next_cursor']}"
        assert pages == [20, 20, 5]
        assert seen == ids
        assert len((await caller.call("GET", "/v1/sessions")).body["data"]) == 20


async def test_a_list_is_filtered_by_state_avatar_and_time() -> None:
    async with calling() as caller:
        first = (await caller.create()).body
        caller.clock.advance(10)
        second = (await caller.create(avatar_id="av_stock_002")).body
        await caller.call("POST", f"/v1/sessions/{first['id']}/end")
        caller.clock.advance(1)

        async def ids(query: str) -> list[str]:
            body = (await caller.call("GET", f"/v1/sessions?{query}")).body
            return [session["id"] for session in body["data"]]

        assert await ids("status=active") == [second["id"]]
        assert await ids("status=terminal") == [first["id"]]
        assert await ids("status=ended&status=queued") == [second["id"], first["id"]]
        assert await ids("avatar_id=av_stock_002") == [second["id"]]
        assert await ids(f"created_after={second['created_at']}") == [second["id"]]
        assert await ids(f"created_before={second['created_at']}") == [first["id"]]
        for bad, status in (("status=odd", 400), ("limit=0", 422), ("limit=101", 422),
                            ("limit=x", 422), ("created_after=x", 422)):  # fmt: skip
            assert (await caller.call("GET", f"/v1/sessions?{bad}")).error[0] == status


async def test_a_page_begins_after_a_session_that_is_no_longer_asked_for() -> None:
    async with calling(credits=10**6) as caller:
        oldest, middle, newest = [(await caller.create()).body["id"] for _ in range(3)]
        query = "/v1/sessions?status=active&limit=1"
        page = (await caller.call("GET", query)).body
        assert page["next_cursor"] == newest
        await caller.call("POST", f"/v1/sessions/{newest}/end")
        page = (await caller.call("GET", f"{query}&starting_after={newest}")).body
        assert [session["id"] for session in page["data"]] == [middle]
        page = (await caller.call("GET", f"{query}&starting_after={middle}")).body
        assert ([session["id"] for session in page["data"]], page["has_more"]) == ([oldest], False)
        unknown = await caller.call("GET", f"{query}&starting_after=sess_0")
        assert unknown.error[0] == 400


async def test_pipecat_gets_a_session_and_a_relay() -> None:
    async with calling(profile="current") as caller:
        body = {"avatar_id": "av_stock_001", "relay_mode": "websocket"}
        made = await caller.call("POST", "/v1/pipecat/sessions", json=body)
        assert made.status == 201
        assert made.body["session"]["transport"] == {"type": "pipecat"}
        assert made.body["session"]["billing_surface"] == "pipecat"
        assert made.body["relay"]["media_url"].endswith(f"{made.body['session']['id']}/media")
        bad = await caller.call("POST", "/v1/pipecat/sessions", json={**body, "relay_mode": "x"})
        assert bad.status == 422
