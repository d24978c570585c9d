"""What can be set about an emulator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from avatar_provider_protoface.emulator.clock import Clock, SystemClock
from avatar_provider_protoface.emulator.plans import PLANS, Plan

DEFAULT_KEY = "sk_live_emulator"

Profile = Literal["sdk-0.1.0", "current"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorSettings:
    """How the emulated Protoface behaves.

    Args:
        profile: Which fields answers have: only those that protoface-sdk 0.1.0 accepts, or all
            of the current specification.
        plan: Key of the account's plan.
        credits: Left at the start; None for what the plan includes.
        starts_per_minute: Sessions that may be started in a minute; None for any number.
        api_keys: Keys that are accepted.
        scoped_keys: Keys that are known and lack the scope for everything here.
        claim_seconds: From the creation to a worker taking the session up.
        first_frame_seconds: From there to the first picture, where no worker joins a room.
        drain_seconds: From the end of a session to its worker being gone, where none joins.
        build_seconds: A custom avatar takes to be built.
        size: Width and height of the picture, in pixels.
        fps: Pictures a second.
        worker: Whether a real avatar joins the room, or the session only passes its states.
        host: Address to listen on.
        port: Port to listen on; 0 for any free one.
        control: Serve the control surface.
        log_requests: Log each request.
        clock: Its time.
    """

    profile: Profile = "sdk-0.1.0"
    plan: str = "scale"
    credits: int | None = None
    starts_per_minute: int | None = 4
    api_keys: tuple[str, ...] = field(default=(DEFAULT_KEY,), repr=False)
    scoped_keys: tuple[str, ...] = field(default=(), repr=False)
    claim_seconds: float = 1.3
    first_frame_seconds: float = 0.6
    drain_seconds: float = 0.2
    build_seconds: float = 5.0
    size: int = 512
    fps: float = 25.0
    worker: Literal["room", "none"] = "room"
    host: str = "127.0.0.1"
    port: int = 0
    control: bool = False
    log_requests: bool = False
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        """Refuse what does not exist."""
        if self.plan not in PLANS:
            raise ValueError(f"no plan {self.plan!r}; there are {', '.join(PLANS)}")

    @property
    def current_plan(self) -> Plan:
        """The account's plan."""
        return PLANS[self.plan]
