"""What a provider says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal

from avatar_core.contract.options import ProviderOptions

CONTRACT_VERSION = 2
"""Version of the hooks and records here; a provider states the one it was written for."""

OLDEST_CONTRACT_VERSION = 1
"""The oldest version that a provider may have been written for and still be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A secret that the provider needs.

    Args:
        option: The option that carries it.
        variable: The environment variable it is read from otherwise.
        description: Where a user gets it.
    """

    option: str
    variable: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """Something on this machine that takes the place of a provider's service, to try it with.

    Args:
        title: What it is, as it stands in a sentence: "the Acme emulator".
        options: Names of the provider's options that it sets. It is offered to those only who
            set none of them, by argument or environment.
        run: Runs it beside the caller, in a thread or a process, while the context is open, and
            gives the values of ``options``. Nothing is started before.
        install: The command that installs what it needs and is missing; None if it can run.
    """

    title: str
    options: tuple[str, ...]
    run: Callable[[], AbstractContextManager[Mapping[str, Any]]]
    install: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFormat:
    """The audio a provider takes, s16le mono.

    Args:
        sample_rate: In Hz; None for any rate.
    """

    sample_rate: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do.

    Args:
        idempotent_start: Two starts with one idempotency key make one session.
        explicit_end: ``end_session`` stops the billing; else it stops by absence or timeout.
        concurrent_sessions: Sessions at once as far as known, None for no known limit.
        remote: The worker runs outside this machine: it cannot reach a loopback room url.
        worker_can_subscribe: The worker needs to hear the room, so its token may subscribe.
    """

    idempotent_start: bool = False
    explicit_end: bool = True
    concurrent_sessions: int | None = None
    remote: bool = True
    worker_can_subscribe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderInfo:
    """What ``describe_provider`` returns.

    Args:
        name: The entry-point name: lower case, digits, ``_``, ``-`` and ``.``.
        title: The provider's name as people write it.
        contract_version: The ``CONTRACT_VERSION`` it was written for, as a number: the constant
            would claim whatever version happens to be installed.
        options: Its options, a ``ProviderOptions`` subclass.
        avatar_option: The option that the part behind the slash fills, as in ``name/avatar``.
        tokens: Room tokens a start needs.
        token_roles: A name for each token, in the order they are minted; the first is the avatar.
        needs_room_key: It hands the key of the LiveKit project to a package that mints tokens
            itself, so ``StartRequest.room_key`` is set. A token minted by the core can do less.
        default_identity: Identity of the avatar participant unless the caller sets one.
        default_name: Its display name; None takes the identity.
        credentials: Secrets it needs.
        audio: The audio it takes.
        capabilities: What it can do.
        rejoin_grace: Seconds an avatar that left may take to come back by itself.
        report_lag: Seconds by which its playback reports lag behind the sound. Of an avatar that
            does not report when it begins, also how long its first words may take: how long they
            take is learned from then on.
        keep_alive_period: Seconds between ``keep_alive`` calls; None for none.
        docs: Where its documentation is.
    """

    name: str
    title: str
    options: type[ProviderOptions]
    # Stays 1 for ever: who states none was written for the first.
    contract_version: int = 1
    avatar_option: str | None = None
    tokens: Literal["none", "one", "many"] = "one"
    token_roles: tuple[str, ...] = ("avatar",)
    needs_room_key: bool = field(default=False, metadata={"since": 2})
    default_identity: str = ""
    default_name: str | None = None
    credentials: tuple[Credential, ...] = ()
    audio: AudioFormat = AudioFormat()
    capabilities: Capabilities = Capabilities()
    rejoin_grace: float = 5.0
    report_lag: float = 0.0
    keep_alive_period: float | None = None
    docs: str | None = None

    @property
    def avatar_identity(self) -> str:
        """Identity of the avatar participant unless the caller sets one."""
        return self.default_identity or f"{self.name}-avatar-agent"
