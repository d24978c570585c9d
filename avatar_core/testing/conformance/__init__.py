"""Holds a provider to the contract, on a real LiveKit server.

A provider adopts it in its own tests::

    class TestConformance(ProviderConformance):
        provider = "acme"
        options = {"api_key": "any"}

Each test is a clause of docs/reference/conformance.md; a failure says which.
"""

from avatar_core.testing.conformance.clauses import CLAUSES, Clause
from avatar_core.testing.conformance.suite import ProviderConformance

__all__ = ["CLAUSES", "Clause", "ProviderConformance"]
