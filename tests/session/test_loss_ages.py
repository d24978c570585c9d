from __future__ import annotations

import pytest

from avatar_core.session.loss_ages import LossAges


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("ages", "limit"),
    [
        ((299.0, 300.2, 298.1), 298),
        ((17.0, 299.0, 300.2, 298.1), 298),
        ((299.0, 300.2, 120.0), None),
        ((299.0, 300.2), None),
        ((5.0, 5.1, 5.0), None),
    ],
    ids=["a limit", "after another loss", "no pattern", "too few", "too young"],
)
def test_losses_at_one_age_are_pointed_out(
    ages: tuple[float, ...], limit: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    losses = LossAges()
    for age in ages:
        losses.note("acme", age)
    if limit is None:
        assert said(caplog) == []
    else:
        (text,) = said(caplog)
        assert f"max_session_seconds={limit}" in text
        assert "acme" in text


def test_one_providers_losses_are_not_anothers(caplog: pytest.LogCaptureFixture) -> None:
    losses = LossAges()
    for provider in ("acme", "other", "third"):
        losses.note(provider, 300.0)
    assert said(caplog) == []


def test_a_pattern_is_pointed_out_once_and_not_with_every_further_loss(
    caplog: pytest.LogCaptureFixture,
) -> None:
    losses = LossAges()
    for _ in range(5):
        losses.note("acme", 300.0)
    assert len(said(caplog)) == 1
