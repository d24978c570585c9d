"""A call in which nothing is wrong but the network and the machine keeps its avatar."""

from __future__ import annotations

import pytest

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.own_network import own_network_test
from tests.calls.healthy_call import keeps_its_avatar


@pytest.mark.timeout(420)
@own_network_test
async def test_three_minutes_with_two_percent_loss_on_a_busy_machine_cost_no_avatar_and_no_word(
    livekit_server: LiveKitServer,
) -> None:
    await keeps_its_avatar(livekit_server, minutes=2.8, quiet=0.2)
