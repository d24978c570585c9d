"""What a caller may set for the mock provider."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from avatar_core.contract.options import ProviderOptions
from avatar_provider_mock.vendors import VENDORS

Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Delay = Annotated[float, Field(ge=0)]

StartFailure = Literal[
    "auth",
    "quota",
    "rate_limit",
    "rejected",
    "timeout",
    "unavailable",
    "invalid_response",
    "uncertain",
    "defect",
]


class MockOptions(ProviderOptions):
    """Looks, where its worker runs, and the faults and manners it is told to have."""

    style: Literal["person", "robot"] = Field("person", description="Who is drawn.")
    width: int = Field(512, ge=64, le=1920, multiple_of=2, description="Picture width in pixels.")
    height: int = Field(512, ge=64, le=1920, multiple_of=2, description="Picture height in pixels.")
    size: int | None = Field(
        None, ge=64, le=1920, multiple_of=2, description="Width and height in one."
    )
    fps: float = Field(25.0, ge=1, le=60, description="Pictures a second.")
    background: Colour | None = Field(None, description="Colour behind the face, #rrggbb.")
    skin: Colour | None = Field(None, description="Colour of the skin, #rrggbb.")
    hair: Colour | None = Field(None, description="Colour of the hair, #rrggbb.")
    shirt: Colour | None = Field(None, description="Colour of the shirt, #rrggbb.")
    accent: Colour | None = Field(None, description="Colour of the details, #rrggbb.")
    overlay: bool = Field(False, description="Show state, segment, position, latency and level.")
    seed: int = Field(0, description="Chooses when it blinks and how it moves.")
    worker: Literal["inline", "process", "none"] = Field(
        "inline",
        description="Where the avatar runs: in the agent's process, in one of its own, or nowhere:"
        " no participant, no network, speech counts as heard at once.",
    )
    sample_rate: int | None = Field(
        None, ge=8000, le=48000, description="Rate it asks speech in, Hz; None takes any."
    )

    like: str | None = Field(
        None, description=f"Behave as slowly as a vendor does: {', '.join(sorted(VENDORS))}."
    )
    fail: StartFailure | None = Field(None, description="Fail to start, with this error.")
    join_delay: Delay = Field(0.0, description="Seconds until it joins.")
    never_join: bool = Field(False, description="Start, and never join.")
    video: bool = Field(True, description="Publish video at all.")
    rejoin_after: Delay | None = Field(
        None, description="Seconds after the join at which it leaves once and comes back."
    )
    away: Delay = Field(1.0, description="Seconds it stays away then.")
    leave_after: Delay | None = Field(None, description="Seconds after the join: leave for good.")
    crash_after: Delay | None = Field(
        None, description="Seconds after the join: drop the connection without a word."
    )
    freeze_after: Delay | None = Field(
        None, description="Seconds after the join: publish no more pictures."
    )
    deaf_after: Delay | None = Field(
        None, description="Seconds after the join: answer calls, play nothing."
    )
    drop_reports: bool = Field(False, description="Never report playback.")
    report_delay: Delay = Field(0.0, description="Seconds by which playback reports are late.")
    end_failures: int = Field(0, ge=0, description="How often ending fails before it works.")
    session_cap: int | None = Field(
        None, ge=1, description="Sessions at once in this process; more are refused."
    )

    @model_validator(mode="before")
    @classmethod
    def _apply_vendor(cls, values: object) -> object:
        """Fill in a vendor's manners where the caller set none of his own."""
        if not isinstance(values, dict) or values.get("like") is None:
            return values
        vendor = VENDORS.get(str(values["like"]))
        if vendor is None:
            known = ", ".join(sorted(VENDORS))
            raise ValueError(f"like: no such vendor; known are {known}")
        return {**vendor.manners(), **values}

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        if self.size is not None and (self.width, self.height) not in (
            (512, 512),
            (self.size, self.size),
        ):
            raise ValueError("size is width and height in one: give either size, or the two")
        return self

    @property
    def picture_size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return (self.size, self.size) if self.size is not None else (self.width, self.height)

    @property
    def joins_room(self) -> bool:
        """Whether there is a participant."""
        return self.worker != "none"
