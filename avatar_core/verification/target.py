"""What is verified: a provider with its options, a LiveKit server, and whether both can meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from avatar_core.cli.provider_choice import choose_providers
from avatar_core.contract.errors import ConfigurationError
from avatar_core.contract.models import ProviderInfo
from avatar_core.demo.connection import Connection, configured_server
from avatar_core.discovery.selection import Resolved
from avatar_core.provider_http.base_url import is_loopback_host, is_private_host

if TYPE_CHECKING:
    from livekit.api import LiveKitAPI

_ADDRESSES = ("api_url", "base_url")
"""Options that say where a provider's service is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A provider with the options of every call.

    Args:
        resolved: The provider and its checked options.
    """

    resolved: Resolved

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.resolved.provider.name

    @property
    def info(self) -> ProviderInfo:
        """What the provider says of itself."""
        return self.resolved.provider.info

    @property
    def options(self) -> Mapping[str, Any]:
        """The options, as ``AvatarSession`` takes them; those of the environment are among them."""
        chosen = self.resolved.options
        return {name: getattr(chosen, name) for name in sorted(chosen.model_fields_set)}

    @property
    def service(self) -> str | None:
        """Address of the service, as far as the options tell it; without credentials."""
        for name in _ADDRESSES:
            value = getattr(self.resolved.options, name, None)
            if isinstance(value, str) and (host := urlsplit(value).hostname):
                return f"{urlsplit(value).scheme}://{host}"
        return None

    @property
    def is_here(self) -> bool:
        """Whether what is called is on this machine: an emulator, or a provider without a cloud."""
        if not self.info.capabilities.remote:
            return True
        return self.service is not None and is_loopback_host(urlsplit(self.service).hostname or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAtUrl:
    """A LiveKit server that runs already; to the clauses it is what one of their own would be.

    Args:
        url: Where it is.
        api_key: A key of it.
        api_secret: The key's secret.
    """

    url: str
    api_key: str
    api_secret: str = field(repr=False)

    def api(self) -> LiveKitAPI:
        """Return a client of the server's API; call it in a coroutine and close it."""
        from livekit.api import LiveKitAPI

        return LiveKitAPI(self.url, self.api_key, self.api_secret)


def choose_target(provider: str, options: list[str]) -> Target:
    """Understand which provider is to be verified.

    Args:
        provider: In the grammar of ``AVATAR_PROVIDER``.
        options: ``key=value`` each.

    Raises:
        AvatarError: There is none, or it cannot be used, or an option is wrong.
    """
    chosen = choose_providers(provider, options, hook="start_session")
    if len(chosen) > 1:
        raise ConfigurationError("one provider is verified at a time, and several are given")
    target = Target(resolved=chosen[0])
    if not chosen[0].options.joins_room:
        raise ConfigurationError(
            f"with these options nobody of provider {target.name!r} joins a room, so there is"
            " nothing to verify: leave out the option that says so"
        )
    return target


def choose_server(target: Target, *, allow_private: bool = False) -> ServerAtUrl | None:
    """Return the LiveKit server of the environment; None for one on this machine.

    Args:
        target: Who has to reach it.
        allow_private: Do not refuse one that a worker outside is unlikely to reach.

    Raises:
        ConfigurationError: The environment is wrong, or names no server that the provider's
            worker could reach.
    """
    found: Connection | None = configured_server()
    host = (urlsplit(found.url).hostname or "") if found is not None else ""
    if not target.is_here and not allow_private and (found is None or is_private_host(host)):
        where = (
            f"the one at {host}, of LIVEKIT_URL," if found is not None else "one on this machine"
        )
        raise ConfigurationError(
            f"{target.info.title}'s worker joins from outside and cannot reach a LiveKit server"
            f" like {where}: set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to a public"
            " one, or give --allow-private-server if a tunnel leads to it"
        )
    if found is None:
        return None
    return ServerAtUrl(url=found.url, api_key=found.api_key, api_secret=found.api_secret)
