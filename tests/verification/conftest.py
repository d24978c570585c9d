from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from avatar_core.verification.ledger import Ledger
from avatar_core.verification.target import Target, choose_target
from tests.operations.acme import registered
from tests.verification.scripted_account import KEY, Cloud


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setenv("ACME_API_KEY", KEY)
    provider = Cloud()
    with registered(provider):
        yield provider


@pytest.fixture
def target(cloud: Cloud) -> Target:
    return choose_target("cloud", [])


@pytest.fixture
def ledger(target: Target) -> Ledger:
    return Ledger("cloud", keys={"api_key": SecretStr(KEY)})
