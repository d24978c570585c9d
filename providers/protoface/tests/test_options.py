from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import SecretStr

from avatar_core.contract.errors import ConfigurationError
from avatar_core.discovery.default import default_registry
from avatar_provider_protoface.options import DEFAULT_API_URL, ProtofaceOptions
from avatar_provider_protoface.plugin import describe_provider

KEY = "sk_live_secret"


def read(**given: Any) -> ProtofaceOptions:
    return ProtofaceOptions.from_mapping("protoface", given)


def test_it_is_found_under_its_name() -> None:
    info = default_registry().get("protoface").info
    assert info.name == "protoface"
    assert info.avatar_identity == info.default_name == "protoface-avatar-agent"
    assert describe_provider() == info


def test_the_plugin_imports_neither_livekit_nor_aiohttp() -> None:
    code = (
        "import sys, avatar_provider_protoface.plugin as p; p.describe_provider();"
        "import avatar_provider_protoface.testing, avatar_provider_protoface.emulate_command;"
        "print([m for m in ('livekit', 'aiohttp') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_defaults_are_those_of_livekits_own_plugin_and_a_longer_idle_timeout() -> None:
    options = read(api_key=KEY)
    assert (options.avatar_id, options.api_url) == ("av_stock_001", "https://api.protoface.com")
    assert options.max_duration_seconds is None
    assert options.quality is None
    assert options.idle_timeout_seconds == 360
    assert options.session_seconds == 3600


def test_the_environment_fills_in_what_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROTOFACE_API_KEY", KEY)
    monkeypatch.setenv("PROTOFACE_API_URL", "https://staging.example/")
    options = read()
    assert isinstance(options.api_key, SecretStr)
    assert options.api_key.get_secret_value() == KEY
    assert options.api_url == "https://staging.example"
    assert read(api_url="https://x.example").api_url == "https://x.example"


def test_none_and_not_given_ask_for_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from livekit.agents import NOT_GIVEN

    monkeypatch.setenv("PROTOFACE_API_KEY", KEY)
    for nothing in (None, NOT_GIVEN):
        options = read(api_key=nothing, api_url=nothing, max_duration_seconds=nothing)
        assert isinstance(options.api_key, SecretStr)
        assert options.api_url == DEFAULT_API_URL
        assert options.max_duration_seconds is None


@pytest.mark.parametrize("given", [{}, {"api_key": ""}, {"api_key": "  "}])
def test_without_a_key_the_variable_is_named(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="PROTOFACE_API_KEY"):
        read(**given)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"avatar_id": ""}, "avatar_id"),
        ({"api_url": "http://api.example"}, "api_url"),
        ({"api_url": "nonsense"}, "api_url"),
        ({"max_duration_seconds": 0}, "max_duration_seconds"),
        ({"quality": "best"}, "quality"),
        ({"idle_timeout_seconds": 601}, "idle_timeout_seconds"),
        ({"metadata": {"a": {"b": 1}}}, "metadata"),
        ({"metadata": {"a": float("nan")}}, "metadata"),
        ({"metadata": {"_avatar.x": 1}}, "metadata"),
        ({"metadata": {"avatar_core.room": "x"}}, "metadata"),
        ({"metadata": {"a": "x" * 7000}}, "metadata"),
        ({"worker_livekit_url": "lk.example"}, "worker_livekit_url"),
        ({"worker_livekit_url": "wss://[lk.example"}, "worker_livekit_url is no LiveKit url"),
        ({"worker_livekit_url": "ws://lk.example"}, "worker_livekit_url is not encrypted"),
        ({"worker_livekit_url": "http://lk.example"}, "worker_livekit_url is not encrypted"),
        ({"sample_rate": 1}, "sample_rate"),
    ],
)
def test_a_wrong_option_is_named(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        read(api_key=KEY, **given)


def test_an_emulators_worker_is_in_whatever_network_this_machine_is() -> None:
    options = read(
        api_key=KEY, api_url="http://127.0.0.1:8790", worker_livekit_url="ws://livekit:7880"
    )
    assert options.worker_livekit_url == "ws://livekit:7880"


def test_the_key_is_never_printed() -> None:
    options = read(api_key=KEY)
    assert KEY not in f"{options!r} {options} {options.model_dump()}"
    with pytest.raises(ConfigurationError) as caught:
        read(api_key=KEY, colour=KEY)
    assert KEY not in str(caught.value)
