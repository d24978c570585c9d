"""A provider's options in words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import SecretStr

from avatar_core.cli.option_table import describe_options
from avatar_core.contract.options import ProviderOptions


class Options(ProviderOptions):
    plain: Callable[[], str]
    several: Callable[[str, int], Awaitable[str]]
    anything: Callable[..., Any]
    bare: Callable  # type: ignore[type-arg]
    key: SecretStr | Callable[[], SecretStr]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("plain", "function"),
        ("several", "function"),
        ("anything", "function"),
        ("bare", "function"),
        ("key", "secret | function"),
    ],
)
def test_an_option_that_takes_a_function_is_described(name: str, words: str) -> None:
    described = {option.name: option.type for option in describe_options(Options)}
    assert described[name] == words
