from __future__ import annotations

from typing import Any

import pytest

from avatar_core import AvatarSession
from avatar_core.contract.errors import AvatarError, ConfigurationError
from avatar_core.contract.options import RESERVED_OPTIONS
from avatar_core.discovery.default import get_provider
from avatar_provider_mock.options import MockOptions
from avatar_provider_mock.start_failures import start_failure
from avatar_provider_mock.vendors import VENDORS


def test_the_name_is_the_entry_points() -> None:
    assert get_provider("mock").info.name == "mock"


def test_the_part_behind_the_slash_is_the_style() -> None:
    assert get_provider("mock").info.avatar_option == "style"
    AvatarSession("mock/robot")


def test_no_option_has_a_name_that_the_session_needs() -> None:
    assert not RESERVED_OPTIONS & set(MockOptions.model_fields)


def test_every_option_is_described() -> None:
    assert [n for n, f in MockOptions.model_fields.items() if not f.description] == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"styl": "robot"}, "unknown option 'styl'"),
        ({"style": "dragon"}, "option 'style'"),
        ({"size": 33}, "option 'size'"),
        ({"size": 256, "width": 300}, "give either size, or the two"),
        ({"fps": 0}, "option 'fps'"),
        ({"skin": "pink"}, "option 'skin'"),
        ({"join_delay": -1}, "option 'join_delay'"),
        ({"like": "nobody"}, "known are bey, protoface, runway, tavus"),
        ({"fail": "somehow"}, "option 'fail'"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_wrong_option_is_named(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        AvatarSession("mock", **options)


def test_size_is_width_and_height() -> None:
    assert MockOptions(size=256).picture_size == (256, 256)
    assert MockOptions(width=640, height=360).picture_size == (640, 360)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendors_manners_are_filled_in_where_the_caller_set_none(vendor: str) -> None:
    manners = VENDORS[vendor]
    filled = MockOptions.model_validate({"like": vendor})
    assert (filled.join_delay, filled.report_delay) == (manners.join_delay, manners.report_delay)
    assert (filled.sample_rate, filled.session_cap) == (manners.sample_rate, manners.session_cap)
    assert MockOptions.model_validate({"like": vendor, "join_delay": 0.1}).join_delay == 0.1


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendors_manners_survive_the_way_into_a_process(vendor: str) -> None:
    told = MockOptions.model_validate({"like": vendor, "size": 64})
    sent = told.model_dump(exclude_unset=True, exclude={"like"})
    arrived = MockOptions.model_validate(sent)
    assert arrived.model_copy(update={"like": vendor}) == told


@pytest.mark.parametrize(
    "kind",
    [
        "auth",
        "quota",
        "rate_limit",
        "rejected",
        "timeout",
        "unavailable",
        "invalid_response",
        "uncertain",
    ],
)
def test_each_failure_says_that_it_was_asked_for(kind: str) -> None:
    error = start_failure(kind)  # type: ignore[arg-type]
    assert isinstance(error, AvatarError)
    assert f"the mock was told to fail (fail='{kind}')" in str(error)
    assert start_failure(kind) is not error  # type: ignore[arg-type]


def test_a_defect_is_no_error_of_ours() -> None:
    assert not isinstance(start_failure("defect"), AvatarError)


def test_only_without_a_worker_it_needs_no_room() -> None:
    assert MockOptions(worker="none").joins_room is False
    assert MockOptions(worker="process").joins_room is True
