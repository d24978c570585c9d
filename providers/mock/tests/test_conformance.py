from __future__ import annotations

from avatar_core.testing.conformance import ProviderConformance


class TestConformance(ProviderConformance):
    provider = "mock"
    options = {"size": 64, "fps": 10}
    comes_back = {"rejoin_after": 0.5, "away": 0.3}
