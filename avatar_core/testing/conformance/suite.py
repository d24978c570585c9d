"""All clauses in one test class."""

from __future__ import annotations

import importlib.util

import pytest

from avatar_core.testing.conformance.cancelling import Cancelling
from avatar_core.testing.conformance.ending import Ending
from avatar_core.testing.conformance.failing import Failing
from avatar_core.testing.conformance.keeping import Keeping
from avatar_core.testing.conformance.leaving import Leaving
from avatar_core.testing.conformance.speaking import Speaking
from avatar_core.testing.conformance.starting import Starting

if importlib.util.find_spec("pytest_asyncio") is None:
    raise ImportError("ProviderConformance needs pytest-asyncio: pip install pytest-asyncio")


@pytest.mark.asyncio
class ProviderConformance(Keeping, Leaving, Cancelling, Failing, Ending, Speaking, Starting):
    """The provider contract as tests: derive from it, name it ``Test…`` and set ``provider``.

    It needs pytest and pytest-asyncio. What a provider declares that it lacks is not collected,
    and listed at the end of the run.
    """
