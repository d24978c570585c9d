from __future__ import annotations

import pytest
from livekit import rtc

from avatar_core.contract.errors import ConfigurationError
from avatar_core.session.call_site import CallSite, find_call_site, is_loopback


def find(*, url: str | None, allow: bool = False) -> CallSite:
    return find_call_site(
        room=rtc.Room(),
        job=None,
        url=url,
        api_key="key-1",
        api_secret="secret-1",
        allow_insecure_url=allow,
    )


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("livekit.localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("livekit", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("0.0.0.0", False),
    ],
)
async def test_what_counts_as_this_machine(host: str, here: bool) -> None:
    assert is_loopback(host) is here


@pytest.mark.parametrize("url", ["ws://livekit:7880", "http://10.0.0.1:7880", "WS://livekit"])
async def test_a_url_in_the_clear_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not encrypted and not on this machine"):
        find(url=url)


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("ws://livekit:7880", True),
        ("ws://127.0.0.1:7880", False),
        ("ws://[::1]:7880", False),
        ("wss://x.livekit.cloud", False),
        ("https://x.livekit.cloud", False),
    ],
)
async def test_others_get_as_far_as_the_room(url: str, allow: bool) -> None:
    with pytest.raises(ConfigurationError, match=r"room\.connect\(url, token\)"):
        find(url=url, allow=allow)


@pytest.mark.parametrize("url", ["livekit.example.com", "ftp://x", "wss://", "://", "ws://[::1"])
async def test_what_is_no_url_is_said_to_be_none_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a LiveKit url: it looks like"):
        find(url=url)


async def test_only_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_API_KEY", "key-1")
    with pytest.raises(ConfigurationError) as caught:
        find_call_site(
            room=rtc.Room(),
            job=None,
            url="wss://x",
            api_key=None,
            api_secret=None,
            allow_insecure_url=False,
        )
    assert "set LIVEKIT_API_SECRET, or pass livekit_api_secret to start()" in str(caught.value)
    assert "LIVEKIT_URL" not in str(caught.value)
