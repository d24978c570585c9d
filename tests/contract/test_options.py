from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import Field, SecretStr, ValidationError, field_validator

from avatar_core.contract.errors import ConfigurationError
from avatar_core.contract.options import Env, ProviderOptions


class AcmeOptions(ProviderOptions):
    avatar_id: str = Field("stock", min_length=1)
    seconds: int | None = Field(None, gt=0)
    api_key: Annotated[SecretStr, Env("ACME_API_KEY")]


def test_what_the_caller_gave_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", "from-outside")
    options = AcmeOptions.from_mapping("acme", {"api_key": "given"})
    assert options.api_key.get_secret_value() == "given"
    options = AcmeOptions.from_mapping("acme", {})
    assert options.api_key.get_secret_value() == "from-outside"


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", "")
    with pytest.raises(
        ConfigurationError, match=r"option 'api_key' is required \(or set ACME_API_KEY\)"
    ):
        AcmeOptions.from_mapping("acme", {})


def test_an_unknown_option_is_named_with_the_valid_ones() -> None:
    with pytest.raises(ConfigurationError) as caught:
        AcmeOptions.from_mapping("acme", {"api_key": "k", "avatarid": "x"})
    assert str(caught.value) == (
        "avatar provider 'acme': unknown option 'avatarid'"
        " (valid options: api_key, avatar_id, seconds)"
    )


def test_no_value_is_ever_shown() -> None:
    given = {"api_key": 12345678, "seconds": "sk-in-the-wrong-place", "sk": "sk-3"}
    with pytest.raises(ConfigurationError) as caught:
        AcmeOptions.from_mapping("acme", given)
    text = str(caught.value) + repr(caught.value)
    assert "12345678" not in text
    assert "wrong-place" not in text
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_secret_is_not_printed() -> None:
    options = AcmeOptions.from_mapping("acme", {"api_key": "sk-1"})
    assert "sk-1" not in repr(options) + str(options)


def test_options_cannot_be_changed() -> None:
    options = AcmeOptions.from_mapping("acme", {"api_key": "k"})
    with pytest.raises(ValidationError, match="frozen"):
        setattr(options, "avatar_id", "other")  # noqa: B010 - a type checker refuses it too


def test_all_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AcmeOptions.from_mapping("acme", {"seconds": 0, "avatar_id": "", "x": 1})
    for name in ("seconds", "avatar_id", "api_key", "unknown option 'x'"):
        assert name in str(caught.value)


def test_by_default_a_session_joins_a_room_and_is_not_limited() -> None:
    options = AcmeOptions.from_mapping("acme", {"api_key": "k"})
    assert (options.joins_room, options.session_seconds) == (True, None)


def test_what_a_provider_says_of_an_option_stands_there_in_its_own_words() -> None:
    class Strict(ProviderOptions):
        colour: str

        @field_validator("colour")
        @classmethod
        def _check(cls, value: str) -> str:
            raise ValueError("it is not green")

    with pytest.raises(ConfigurationError, match="option 'colour': it is not green"):
        Strict.from_mapping("acme", {"colour": "red"})
