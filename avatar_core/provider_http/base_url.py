"""The address of an API, and paths below it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import quote, urlencode, urlsplit

from avatar_core.contract.errors import ConfigurationError, ProviderInvalidResponseError

QueryValue = str | int | float
LONGEST_SEGMENT = 512


class BaseUrl:
    """Where an API is: https, or plain http on this machine.

    Args:
        url: ``https://host[:port][/prefix]``.
        option: The option it comes from, for the error text.

    Raises:
        ConfigurationError: It is no such address, or carries credentials, a query or a fragment.
    """

    def __init__(self, url: str, *, option: str = "api_url") -> None:
        try:
            parts = urlsplit(url.strip())
            self.host = parts.hostname or ""
            port = parts.port
        except ValueError:
            parts, self.host, port = urlsplit(""), "", None
        if parts.scheme not in ("http", "https") or not self.host:
            raise ConfigurationError(f"{option} is not an address like https://host[:port]")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ConfigurationError(
                f"{option} must be a plain address, without credentials, '?' and '#'"
            )
        self.loopback = is_loopback_host(self.host)
        if parts.scheme == "http" and not self.loopback:
            raise ConfigurationError(
                f"{option} is not encrypted: the API key would travel in the clear; use https://"
                " (plain http is for this machine only)"
            )
        host = f"[{self.host}]" if ":" in self.host else self.host
        self.origin = f"{parts.scheme}://{host}" + (f":{port}" if port else "")
        self._prefix = parts.path.rstrip("/")

    def __str__(self) -> str:
        return self.origin + self._prefix

    def __repr__(self) -> str:
        return f"BaseUrl({str(self)!r})"

    def join(self, path: Iterable[str], query: Iterable[tuple[str, QueryValue]] = ()) -> str:
        """Return the address of a path below this one.

        Args:
            path: Its segments; each is escaped, so an id can never lead to another place.
            query: Names and values, in order; a name may come more than once.

        Raises:
            ProviderInvalidResponseError: A segment cannot be one: empty, dots or overlong. It
                came from the API, as an id.
        """
        segments = "".join(f"/{_escape(segment)}" for segment in path)
        tail = urlencode(list(query))
        return f"{self}{segments}" + (f"?{tail}" if tail else "")


def is_loopback_host(host: str) -> bool:
    """Tell whether a host is this machine."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_private_host(host: str) -> bool:
    """Tell whether a host cannot be reached from the internet, as far as its name shows."""
    if is_loopback_host(host):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        name = host.rstrip(".").lower()
        return "." not in name or name.endswith((".local", ".internal", ".lan", ".home.arpa"))


def _escape(segment: str) -> str:
    # Servers and proxies resolve dots also when they are escaped.
    if not segment.strip(".") or len(segment) > LONGEST_SEGMENT:
        raise ProviderInvalidResponseError("an id cannot be part of an address")
    return quote(segment, safe="")
