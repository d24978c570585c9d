"""What the session does when things go wrong, or slowly."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class AvatarPolicy(BaseModel):
    """How an avatar session behaves; every default is the one for a production call."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    join_timeout: float = Field(
        10.0, gt=0, description="Seconds for the avatar to be in the room, then voice only."
    )
    start_timeout: float = Field(
        30.0, gt=0, description="Seconds for the provider to create a session."
    )
    on_failure: Literal["voice", "raise"] = Field(
        "voice",
        description="A failure at the provider: speak without a face, or raise from start().",
    )
    while_joining: Literal["wait", "voice"] = Field(
        "wait", description="Until the avatar is there: hold speech, or use the agent's voice."
    )
    watch: bool = Field(
        True,
        description="Look for signs of the avatar's life: calls that it answers, and what arrives"
        " of it while it speaks. One that is dead or deaf is lost within a second.",
    )
    watch_video: bool = Field(
        True,
        description="A picture that stands still while the avatar speaks is a loss too; for that"
        " the agent receives the video then.",
    )
    renew: bool = Field(
        False,
        description="Let a successor take over before a session reaches the age at which its"
        " provider ends it; it is billed beside the other for up to 30 s.",
    )
    max_session_seconds: float | None = Field(
        None,
        gt=0,
        description="Seconds after which a provider ends a session, where it does not say so or"
        " ends it sooner than it says; for renew.",
    )
    when_room_empty: Literal["keep", "end"] = Field(
        "keep",
        description="When everybody has left: keep the avatar, or end it and start it again when"
        " somebody comes. Either way none is started for an empty room in place of a lost one.",
    )
    empty_grace: float = Field(
        15.0, ge=0, description='Seconds that a room is empty before when_room_empty="end" acts.'
    )
    max_recoveries: int = Field(
        5,
        ge=0,
        description="Starts in a row after an avatar was lost, until one lasts for a minute; then"
        " the agent keeps its own voice. 0: a lost avatar is not replaced.",
    )
    end_timeout: float = Field(
        10.0,
        gt=0,
        description="Seconds aclose() waits for the provider to acknowledge the end; after that"
        " it is asked again in the background.",
    )
    token_margin: float = Field(
        120.0, ge=0, description="Seconds a worker token outlives the longest session."
    )
    default_session_seconds: float = Field(
        3600.0,
        gt=0,
        description="Seconds a session is taken to last where neither its options nor the"
        " provider limit it; bounds the worker token.",
    )
    allow_insecure_url: bool = Field(
        False, description="Allow a ws:// LiveKit url that is not on loopback."
    )
