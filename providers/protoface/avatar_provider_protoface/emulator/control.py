"""The control surface: lets calls and workers go wrong, for tests; off unless asked for."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from avatar_provider_protoface.emulator.faults import Fault
from avatar_provider_protoface.emulator.manners import WorkerManners
from avatar_provider_protoface.emulator.problems import ApiProblemError
from avatar_provider_protoface.emulator.server import CONTROL_PREFIX

if TYPE_CHECKING:
    from avatar_provider_protoface.emulator.emulator import ProtofaceEmulator

_MANNERS = TypeAdapter(WorkerManners)
ACTS = ("leave", "crash", "freeze", "go_deaf")


class ControlRoutes:
    """Answers below ``/_emulator``.

    Args:
        emulator: What is controlled.
    """

    def __init__(self, emulator: ProtofaceEmulator) -> None:
        self._emulator = emulator

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_post(f"{CONTROL_PREFIX}/faults", self.add_fault)
        app.router.add_delete(f"{CONTROL_PREFIX}/faults", self.clear_faults)
        app.router.add_put(f"{CONTROL_PREFIX}/worker", self.set_manners)
        app.router.add_post(f"{CONTROL_PREFIX}/sessions/{{id}}/worker", self.act)
        app.router.add_get(f"{CONTROL_PREFIX}/sessions", self.sessions)
        app.router.add_get(f"{CONTROL_PREFIX}/requests", self.requests)

    async def add_fault(self, request: web.Request) -> web.Response:
        """Let the next calls go wrong: the fields of ``Fault``."""
        try:
            fault = Fault.model_validate_json(await request.read())
        except ValidationError as exc:
            raise _invalid(exc) from None
        self._emulator.faults.add(fault)
        return web.Response(status=204)

    async def clear_faults(self, _: web.Request) -> web.Response:
        """Let all calls be well."""
        self._emulator.faults.clear()
        return web.Response(status=204)

    async def set_manners(self, request: web.Request) -> web.Response:
        """Let workers misbehave from now on: the fields of ``WorkerManners``."""
        raw = await request.read()
        try:
            manners = _MANNERS.validate_json(raw)
            unknown = set(await request.json()) - set(dataclasses.asdict(manners))
        except ValidationError as exc:
            raise _invalid(exc) from None
        if unknown:
            raise ApiProblemError(422, "field.unknown", f"Unknown: {', '.join(sorted(unknown))}.")
        self._emulator.manners = manners
        return web.Response(status=204)

    async def act(self, request: web.Request) -> web.Response:
        """Let one worker misbehave now: ``{"act": "leave"}``."""
        body: Any = await request.json()
        act = body.get("act") if isinstance(body, dict) else None
        if act not in ACTS:
            raise ApiProblemError(422, "act.unknown", f"act is one of {', '.join(ACTS)}.")
        worker = self._emulator.account.get(request.match_info["id"]).worker
        if worker is None:
            raise ApiProblemError(409, "worker.none", "The session has no worker.")
        await worker.act(act)
        return web.Response(status=204)

    async def sessions(self, _: web.Request) -> web.Response:
        """List all sessions with the states they have been through."""
        rows = [
            {"id": session.id, "status": session.status, "history": session.history}
            for session in self._emulator.account.sessions
        ]
        return web.json_response(rows)

    async def requests(self, _: web.Request) -> web.Response:
        """List all requests so far; without keys and tokens."""
        return web.json_response([dataclasses.asdict(seen) for seen in self._emulator.requests])


def _invalid(exc: ValidationError) -> ApiProblemError:
    first = exc.errors(include_input=False, include_url=False, include_context=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    return ApiProblemError(422, "field.invalid", f"{name}: {first['msg']}.", param=name or None)
