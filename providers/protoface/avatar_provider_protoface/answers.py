"""Protoface's answers, as far as they matter here; unknown fields and values are no trouble."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel

ACTIVE = frozenset({"created", "queued", "starting", "running"})
"""States in which a session costs or is about to; ``ending`` is on its way out."""

TERMINAL = frozenset({"ended", "failed", "canceled"})

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.~-]{0,199}")


def _plain_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError("an id has letters, digits, '_', '.', '~' and '-'")
    return value


Id = Annotated[str, AfterValidator(_plain_id)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Failure(_Answer):
    """Why a session failed."""

    code: str = ""


class Transport(_Answer):
    """The room of a session."""

    url: str | None = None
    room_name: str | None = None
    worker_identity: str | None = None


class Session(_Answer):
    """A session; only its id is sure to be there."""

    id: Id
    status: str = ""
    avatar_id: str = ""
    max_duration_seconds: float | None = None
    idle_timeout_seconds: float | None = None
    created_at: datetime | None = None
    failure: Failure | None = None
    transport: Transport = Transport()
    metadata: dict[str, Any] = Field(default_factory=dict)


class Ended(RootModel[Session | None]):
    """What ``end`` answers: the session, or nothing."""


class SessionPage(_Answer):
    """A part of the sessions, the newest first."""

    data: list[Session]
    has_more: bool = False


class Avatar(_Answer):
    """An avatar."""

    id: str
    status: str = ""


class Status(_Answer):
    """How the API says it is."""

    status: str


class Plan(_Answer):
    """What a plan allows; None is no limit."""

    key: str
    max_concurrency: int | None = None


class Quota(_Answer):
    """What is left of a plan."""

    plan_key: str = ""
    balance_credits: float | None = None
    low_balance_threshold_credits: float | None = None
    can_start_session: bool | None = None
