"""Avatars, usage, status, plans and quota."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from avatar_provider_protoface.emulator.account import Account
from avatar_provider_protoface.emulator.avatars import AvatarStore
from avatar_provider_protoface.emulator.plans import PLANS
from avatar_provider_protoface.emulator.problems import ApiProblemError
from avatar_provider_protoface.emulator.queries import cut_page, usage_period
from avatar_provider_protoface.emulator.records import SessionRecord
from avatar_provider_protoface.emulator.settings import EmulatorSettings
from avatar_provider_protoface.emulator.views import avatar_view, moment, page_view, plan_view

LOW_BALANCE_PART = 0.1


class AccountRoutes:
    """Answers what is about the account.

    Args:
        settings: Profile, plan and clock.
        account: Sessions and credits.
        avatars: Its avatars.
    """

    def __init__(
        self, *, settings: EmulatorSettings, account: Account, avatars: AvatarStore
    ) -> None:
        self._settings = settings
        self._account = account
        self._avatars = avatars
        self.health = "operational"

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/v1/avatars", self.list_avatars)
        app.router.add_post("/v1/avatars", self.create_avatar)
        app.router.add_get("/v1/avatars/{id}", self.get_avatar)
        app.router.add_delete("/v1/avatars/{id}", self.delete_avatar)
        app.router.add_get("/v1/usage", self.usage)
        app.router.add_get("/v1/status", self.status)
        app.router.add_get("/v1/billing/plans", self.plans)
        app.router.add_get("/v1/billing/quota", self.quota)

    async def list_avatars(self, request: web.Request) -> web.Response:
        """``GET /v1/avatars``."""
        scope = request.query.get("scope", "all")
        if scope not in ("all", "platform", "org"):
            raise ApiProblemError(422, "scope.invalid", "Unknown scope.", param="scope")
        wanted = request.query.get("q", "").lower()
        found = [
            avatar
            for avatar in self._avatars.avatars.values()
            if (scope == "all" or avatar.is_demo == (scope == "platform"))
            and (wanted in avatar.name.lower() or wanted in avatar.id.lower())
        ]
        page, more = cut_page(found, request.query)
        views = [avatar_view(avatar, profile=self._settings.profile) for avatar in page]
        return web.json_response(page_view(views, has_more=more))

    async def create_avatar(self, request: web.Request) -> web.Response:
        """``POST /v1/avatars``."""
        if request.content_type != "multipart/form-data":
            raise ApiProblemError(422, "body.invalid", "A multipart form is expected.")
        form = await request.post()
        unknown = set(form) - {"image", "name", "runtime_type"}
        image = form.get("image")
        if unknown or not isinstance(image, web.FileField):
            param = min(unknown) if unknown else "image"
            raise ApiProblemError(422, "field.invalid", f"{param} is invalid.", param=param)
        avatar = self._avatars.create(
            image=image.file.read(),
            name=str(form.get("name") or "Custom Avatar"),
            runtime_type=str(form.get("runtime_type") or "avtr1"),
        )
        return web.json_response(avatar_view(avatar, profile=self._settings.profile), status=202)

    async def get_avatar(self, request: web.Request) -> web.Response:
        """``GET /v1/avatars/{id}``."""
        avatar = self._avatars.get(request.match_info["id"])
        return web.json_response(avatar_view(avatar, profile=self._settings.profile))

    async def delete_avatar(self, request: web.Request) -> web.Response:
        """``DELETE /v1/avatars/{id}``."""
        self._avatars.delete(request.match_info["id"])
        return web.Response(status=204)

    async def usage(self, request: web.Request) -> web.Response:
        """``GET /v1/usage``: what is settled, so only sessions that are over."""
        now = self._settings.clock.now()
        begin, end = usage_period(request.query, now=now)
        counted = [
            session
            for session in self._account.sessions
            if session.over
            and session.started_at is not None
            and begin <= (session.ended_at or session.failed_at or now) < end
        ]

        def seconds(session: SessionRecord) -> int:
            return int(session.seconds(now))

        view: dict[str, Any] = {
            "period_start": moment(begin),
            "period_end": moment(end),
            "billable_seconds": sum(seconds(session) for session in counted),
            "sessions": len(counted),
            "by_quality": _sums(counted, lambda session: session.quality, seconds),
        }
        if self._settings.profile == "current":

            def credits(session: SessionRecord) -> int:
                return session.credits(now)

            by_surface = _sums(counted, lambda session: session.surface, credits)
            view |= {
                "credits_charged": sum(by_surface.values()),
                "by_billing_surface": by_surface,
                "by_operation": {"realtime": sum(by_surface.values())},
                "by_speech_billing_mode": {},
                "by_embed": [],
                "daily_credits_by_billing_surface": [],
                "recent_charges": [],
            }
        return web.json_response(view)

    async def status(self, _: web.Request) -> web.Response:
        """``GET /v1/status``; public."""
        return web.json_response(
            {
                "status": self.health,
                "components": [{"name": "api", "status": self.health}],
                "updated_at": moment(self._settings.clock.now()),
            }
        )

    async def plans(self, _: web.Request) -> web.Response:
        """``GET /v1/billing/plans``; public, a bare array."""
        views = [plan_view(plan, profile=self._settings.profile) for plan in PLANS.values()]
        return web.json_response(views)

    async def quota(self, _: web.Request) -> web.Response:
        """``GET /v1/billing/quota``."""
        account, plan = self._account, self._settings.current_plan
        balance = account.balance
        return web.json_response(
            {
                "plan_key": plan.key,
                "status": "active",
                "balance_credits": balance,
                "included_balance_credits": balance,
                "rollover_balance_credits": 0,
                "included_credits_limit": account.granted,
                "included_credits_used": account.granted - balance,
                "current_period_start": None,
                "current_period_end": None,
                "low_balance_threshold_credits": int(plan.credits * LOW_BALANCE_PART),
                "can_start_session": balance > 0,
            }
        )


def _sums(
    sessions: list[SessionRecord],
    name: Callable[[SessionRecord], str],
    amount: Callable[[SessionRecord], int],
) -> dict[str, int]:
    sums: dict[str, int] = {}
    for session in sessions:
        sums[name(session)] = sums.get(name(session), 0) + amount(session)
    return sums
