from __future__ import annotations

from collections.abc import Iterator

import pytest

from avatar_core.testing.conformance import ProviderConformance
from avatar_core.testing.scripted_api import ScriptedApi
from avatar_provider_protoface.emulator.in_thread import EmulatorInThread
from avatar_provider_protoface.emulator.settings import DEFAULT_KEY, EmulatorSettings

SETTINGS = EmulatorSettings(starts_per_minute=None, claim_seconds=0.0, size=64, fps=10.0)


class TestConformance(ProviderConformance):
    provider = "protoface"
    options = {"api_key": DEFAULT_KEY}

    @pytest.fixture
    def provider_api(self, scripted_api: ScriptedApi) -> Iterator[ScriptedApi]:
        with EmulatorInThread.start(SETTINGS) as emulator:
            scripted_api.upstream = emulator.url
            yield scripted_api
