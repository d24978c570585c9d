"""What a provider's test class says, and how it is set up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from avatar_core.testing.conformance.subject import Subject, examined

if TYPE_CHECKING:
    from avatar_core.livekit_server import LiveKitServer
    from avatar_core.testing.scripted_api import ScriptedApi


class Adoption:
    """Settings of a provider's test class; only ``provider`` is required."""

    provider: str
    """Its name, that of its entry point."""

    options: Mapping[str, Any] = {}
    """Its options for every call here."""

    plugin: Any = None
    """Its module or object with hooks, where it is not installed as a package."""

    environment: Mapping[str, str] = {}
    """Environment variables to set."""

    patience: float = 20.0
    """Seconds that joining, speaking and being heard may take each."""

    silence_within: float = 1.5
    """Seconds after an interruption or a pause at which nothing may be heard any more."""

    leaves_within: float = 4.0
    """Seconds after the acknowledged end at which the avatar must have left by itself."""

    api_fails_within: float = 6.0
    """Seconds that a start gets to fail in, with an API that is down, slow or garbled."""

    comes_back: Mapping[str, Any] | None = None
    """Options with which its avatar leaves the room once and comes back by itself."""

    most_cancellations: int = 15
    """Moments of a start at which it is cancelled; the first so many that it has."""

    no_api: str = "its test class gives no `provider_api`"
    """What is said of the clauses about an API that fails, without ``provider_api``."""

    no_return: str = "its test class gives no `comes_back`"
    """What is said of the clause about an avatar that comes back, without ``comes_back``."""

    @pytest.fixture
    def provider_api(self) -> ScriptedApi | None:
        """The HTTP API that the provider calls; override it to give one.

        Return the fixture ``scripted_api``, with routes of its own or an emulator as
        ``upstream``.
        """
        return None

    def options_at(self, api: ScriptedApi) -> Mapping[str, Any]:
        """Return the options that lead the provider to an API; by default ``api_url``.

        Args:
            api: What ``provider_api`` gave.
        """
        return {"api_url": api.url}

    def wrong_key(self, name: str) -> Any:
        """Return a value for a credential that the API refuses.

        Args:
            name: The option.
        """
        return f"wrong-{name}-1d5f0c"

    async def before_start(self) -> None:
        """Do what has to be done before each start; awaited before, and not within it.

        A service that limits how many sessions are started in a minute can be waited for here.
        """

    @pytest.fixture
    def conformance(
        self,
        livekit_server: LiveKitServer,
        provider_api: ScriptedApi | None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Iterator[Subject]:
        """The provider under test, watched."""
        monkeypatch.setenv("AVATAR_JOURNAL", "off")
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        with examined(self, server=livekit_server, api=provider_api) as subject:
            yield subject

    @classmethod
    def reaches_an_api(cls) -> bool:
        """Whether it says how the provider's HTTP API is reached."""
        return any("provider_api" in vars(each) for each in cls.__mro__ if each is not Adoption)
