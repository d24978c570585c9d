"""Protoface's answers, as far as they matter here; unknown fields and values are no trouble."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)

ACTIVE = frozenset({"created", "queued", "starting", "running"})
"""States in which a session costs or is about to; ``ending`` is on its way out."""

TERMINAL = frozenset({"ended", "failed", "canceled"})

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.~-]{0,199}")


def is_plain_id(value: str) -> bool:
    """Tell whether a text may be an id of Protoface's."""
    return _ID.fullmatch(value) is not None


def _plain_id(value: str) -> str:
    if not is_plain_id(value):
        raise ValueError("an id has letters, digits, '_', '.', '~' and '-'")
    return value


def _with_a_zone(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=timezone.utc)


Id = Annotated[str, AfterValidator(_plain_id)]
Moment = Annotated[datetime, AfterValidator(_with_a_zone)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Tolerant(_Answer):
    """What is optional and of another kind than it should be counts as not told.

    A session must not be lost, and billed on, because of a field that it can do without.
    """

    @field_validator("*", mode="wrap")
    @classmethod
    def _read(cls, value: Any, read: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        try:
            return read(value)
        except ValidationError:
            field = cls.model_fields[info.field_name or ""]
            if field.is_required():
                raise
            return field.get_default(call_default_factory=True)


class Failure(_Tolerant):
    """Why a session failed."""

    code: str = ""


class Transport(_Tolerant):
    """The room of a session."""

    url: str | None = None
    room_name: str | None = None
    worker_identity: str | None = None


class Usage(_Tolerant):
    """What a session is billed; it lags behind while the session runs."""

    billable_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class Session(_Tolerant):
    """A session; only its id is sure to be there."""

    id: Id
    status: str = ""
    avatar_id: str = ""
    max_duration_seconds: Seconds | None = None
    idle_timeout_seconds: Seconds | None = None
    created_at: Moment | None = None
    failure: Failure | None = None
    transport: Transport = Transport()
    usage: Usage = Usage()
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
