from __future__ import annotations

import pytest

from avatar_core.testing.conformance import ProviderConformance
from avatar_core.testing.scripted_api import ScriptedApi

from .tavus_cloud import KEY, TavusCloud


class TestConformance(ProviderConformance):
    provider = "livekit.tavus"
    options = {"api_key": KEY, "pal_id": "p-test"}

    @pytest.fixture
    def provider_api(self, scripted_api: ScriptedApi) -> ScriptedApi:
        return TavusCloud(scripted_api).api
