"""The key to an API: text, or something that fetches it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import SecretStr

from avatar_core.contract.errors import AvatarError, ConfigurationError, ProviderUnavailableError

FetchSecret = Callable[[], Awaitable[str | SecretStr]]
Secret = str | SecretStr | FetchSecret


class ApiKey:
    """A key that is never printed.

    Args:
        secret: The key, or an async callable that returns it; it is called for every attempt,
            so that a key may be rotated while the agent runs.
        header: The header that carries it.
        scheme: What stands before it there; empty for nothing.
        option: The option it comes from, for error texts.
    """

    def __init__(
        self,
        secret: Secret,
        *,
        header: str = "Authorization",
        scheme: str = "Bearer",
        option: str = "api_key",
    ) -> None:
        self._secret = secret
        self._header = header
        self._scheme = scheme
        self._option = option

    def __repr__(self) -> str:
        return f"ApiKey(header={self._header!r})"

    async def headers(self, *, timeout: float) -> dict[str, str]:
        """Return the header to send.

        Args:
            timeout: Seconds the callable may take.

        Raises:
            asyncio.TimeoutError: It took longer.
            ConfigurationError: The key is empty, or is no text that a header can carry.
            ProviderUnavailableError: The callable failed; its error is chained.
        """
        # Any: what a user's callable returns is not always what it says.
        value: Any = self._secret
        if callable(value):
            value = await asyncio.wait_for(self._fetch(value), timeout)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not isinstance(text, str) or not text.strip():
            raise ConfigurationError(f"{self._option} is empty")
        text = text.strip()
        if not (text.isascii() and text.isprintable()) or " " in text:
            raise ConfigurationError(f"{self._option} holds characters that no key has")
        return {self._header: f"{self._scheme} {text}".strip()}

    async def _fetch(self, secret: Callable[[], Any]) -> Any:
        try:
            found = secret()
            return await found if inspect.isawaitable(found) else found
        except AvatarError:
            raise
        except Exception as exc:
            raise ProviderUnavailableError(
                f"the callable given as {self._option} failed with {type(exc).__name__}"
            ) from exc
