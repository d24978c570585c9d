"""The provider contract, clause by clause, in real calls."""

from __future__ import annotations

from avatar_core.testing.conformance import ProviderConformance


class TestConformance(ProviderConformance):
    provider = "vendorname"
    options = {"size": 64}
