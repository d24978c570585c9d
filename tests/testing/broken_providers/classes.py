"""The conformance classes of a provider that keeps the contract and of those that do not.

Collected only where they are named: all but the first fail.
"""

from __future__ import annotations

from typing import Any

import pytest

from avatar_core.testing.conformance import ProviderConformance
from avatar_core.testing.scripted_api import ScriptedApi
from tests.testing.broken_providers import broken_ends, broken_starts
from tests.testing.broken_providers.acme import KEY, Acme, AcmeCloud


class AcmeConformance(ProviderConformance):
    provider = "acme"
    options = {"api_key": KEY}
    plugin: Any = Acme()
    comes_back = {"leave_after": 0.5, "away": 0.3}
    patience = 12.0
    cloud: type[AcmeCloud] = AcmeCloud

    @pytest.fixture
    def provider_api(self, scripted_api: ScriptedApi) -> ScriptedApi:
        self.cloud(scripted_api)
        return scripted_api


class TestKeepsTheContract(AcmeConformance):
    pass


class TestNamesNoSession(AcmeConformance):
    plugin = broken_starts.NamesNoSession()


class TestSpeaksForNobody(AcmeConformance):
    plugin = broken_starts.SpeaksForNobody()


class TestIsRoomAdmin(AcmeConformance):
    plugin = broken_starts.IsRoomAdmin()


class TestLeavesATask(AcmeConformance):
    patience = 3.0
    plugin = broken_starts.LeavesATask()


class TestLogsItsRequest(AcmeConformance):
    plugin = broken_starts.LogsItsRequest()


class TestIsDeaf(AcmeConformance):
    cloud = broken_starts.DeafCloud


class TestIsStubborn(AcmeConformance):
    cloud = broken_starts.StubbornCloud


class TestIsForgetful(AcmeConformance):
    cloud = broken_starts.ForgetfulCloud


class TestIsTalkative(AcmeConformance):
    cloud = broken_starts.TalkativeCloud


class TestEndsNothing(AcmeConformance):
    patience = 3.0
    plugin = broken_ends.EndsNothing()


class TestIsStrict(AcmeConformance):
    cloud = broken_ends.StrictCloud


class TestHidesRefusals(AcmeConformance):
    plugin = broken_ends.HidesRefusals()


class TestLetsErrorsOut(AcmeConformance):
    plugin = broken_ends.LetsErrorsOut()


class TestTrustsAnswers(AcmeConformance):
    plugin = broken_ends.TrustsAnswers()


class TestWaitsForEver(AcmeConformance):
    api_fails_within = 2.0
    plugin = broken_ends.WaitsForEver()


class TestBlocksTheLoop(AcmeConformance):
    plugin = broken_ends.BlocksTheLoop()


class TestIsLate(AcmeConformance):
    patience = 5.0
    cloud = broken_ends.LateCloud


class TestHasOneFace(AcmeConformance):
    patience = 5.0
    cloud = broken_ends.OneFaceCloud


class TestKeepsItsFirstToken(AcmeConformance):
    patience = 5.0
    cloud = broken_ends.FirstTokenCloud


class TestStaysAway(AcmeConformance):
    comes_back = {"leave_after": 0.3, "away": 1.5}
