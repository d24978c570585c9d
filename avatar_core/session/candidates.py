"""The providers of one avatar session, with what the caller said about the avatar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from livekit.agents import APIConnectOptions, NotGivenOr

from avatar_core.contract.models import ConnectOptions
from avatar_core.discovery.default import active_extensions
from avatar_core.discovery.selection import Resolved
from avatar_core.log import logger
from avatar_core.provider_http.pool import HttpPool
from avatar_core.session.call_site import CallSite
from avatar_core.session.provider_slot import ProviderSlot


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """What may be started, in failover order.

    Args:
        resolved: Loaded providers with checked options.
        given_identity: The caller's identity for the avatar; None for each provider's own.
        given_name: The caller's display name; None for each provider's own.
        connect: The caller's ``conn_options``.
    """

    resolved: Sequence[Resolved]
    given_identity: str | None
    given_name: str | None
    connect: ConnectOptions

    @property
    def first_provider(self) -> str:
        """Name of the first provider; ``off`` without one."""
        return self.resolved[0].provider.name if self.resolved else "off"

    @property
    def first_identity(self) -> str:
        """Identity that the first provider's avatar would have; empty without one."""
        return self._identity_of(self.resolved[0]) if self.resolved else ""

    @property
    def first_wrapped(self) -> object | None:
        """The object that the first provider was made of; None where it was named."""
        provider = self.resolved[0].provider if self.resolved else None
        return getattr(provider.plugin, "wrapped", None) if provider is not None else None

    def slots(self, *, find_site: Callable[[], CallSite], http: HttpPool) -> list[ProviderSlot]:
        """Return the candidates ready to be started.

        Args:
            find_site: Finds room and key; called only where an avatar joins a room.
            http: Connections for all of them.

        Raises:
            ConfigurationError: What ``find_site`` raises.
        """
        return [self.slot(each, find_site=find_site, http=http) for each in self.resolved]

    def slot(
        self, candidate: Resolved, *, find_site: Callable[[], CallSite], http: HttpPool
    ) -> ProviderSlot:
        """Return one candidate, of these or another one, ready to be started.

        Args:
            candidate: Which.
            find_site: Finds room and key; called only if its avatar joins a room.
            http: Its connections.

        Raises:
            ConfigurationError: What ``find_site`` raises.
        """
        site = find_site() if candidate.options.joins_room else None
        return self._slot(candidate, site=site, http=http)

    async def prewarm(self, *, http: HttpPool) -> None:
        """Let the first candidate prepare; a failure is logged, it costs only time.

        Args:
            http: The connections that its start will use.
        """
        if not self.resolved:
            return
        try:
            await self._slot(self.resolved[0], site=None, http=http).prewarm()
        except Exception as exc:  # noqa: BLE001 - an extension may refuse with anything
            logger.warning(
                "the avatar provider could not be prewarmed; its start will take longer. %s",
                exc,
                extra={"provider": self.first_provider, "error_type": type(exc).__name__},
            )

    def _slot(self, candidate: Resolved, *, site: CallSite | None, http: HttpPool) -> ProviderSlot:
        identity = self._identity_of(candidate)
        return ProviderSlot(
            provider=candidate.provider,
            options=candidate.options,
            site=site,
            identity=identity,
            name=self.given_name or candidate.provider.info.default_name or identity,
            http=http,
            connect=self.connect,
            around=tuple(extension.around_call for extension in active_extensions()),
        )

    def _identity_of(self, candidate: Resolved) -> str:
        return self.given_identity or candidate.provider.info.avatar_identity


def connect_options(given: NotGivenOr[APIConnectOptions]) -> ConnectOptions:
    """Say LiveKit's ``conn_options`` in neutral words; those of the core where none are given."""
    if not given:
        return ConnectOptions()
    return ConnectOptions(
        max_retry=given.max_retry, retry_interval=given.retry_interval, timeout=given.timeout
    )
