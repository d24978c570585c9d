from __future__ import annotations

import time
from typing import Any

import pytest
from livekit import api

from avatar_core.contract.models import RoomAddress, TokenRequest
from avatar_core.provider_http.pool import HttpPool
from avatar_core.tokens.worker_token import mint_worker_token

SECRET = "secret-secret-secret-secret-secret-1"


def token_request(**changes: Any) -> TokenRequest:
    values: dict[str, Any] = {
        "options": None,
        "deadline": time.monotonic() + 10,
        "http": HttpPool(),
        "room": RoomAddress(url="wss://x", name="the-room", agent_identity="agent"),
        "role": "avatar",
        "identity": "face",
        "name": "Fay",
        "attributes": {"lk.publish_on_behalf": "agent"},
        "ttl": 60.0,
        "api_key": "key",
        "api_secret": SECRET,
    }
    return TokenRequest(**{**values, **changes})


def verified(request: TokenRequest) -> api.access_token.Claims:
    return api.TokenVerifier("key", SECRET).verify(mint_worker_token(request))


def test_it_opens_one_room_for_one_identity() -> None:
    claims = verified(token_request())
    assert (claims.identity, claims.name, claims.kind) == ("face", "Fay", "agent")
    assert claims.attributes == {"lk.publish_on_behalf": "agent"}
    assert claims.video is not None
    assert (claims.video.room_join, claims.video.room) == (True, "the-room")
    assert (claims.video.can_publish, claims.video.can_publish_data) == (True, True)
    assert claims.video.can_publish_sources == ["camera", "microphone"]
    assert claims.video.can_subscribe is False


def test_it_gives_no_other_right() -> None:
    video = verified(token_request()).video
    assert video is not None
    for right in (
        "room_create",
        "room_list",
        "room_admin",
        "room_record",
        "ingress_admin",
        "hidden",
        "recorder",
        "agent",
        "can_update_own_metadata",
    ):
        assert not getattr(video, right), right


@pytest.mark.parametrize("may", [True, False])
def test_it_may_subscribe_only_where_that_is_asked_for(may: bool) -> None:
    video = verified(token_request(can_subscribe=may)).video
    assert video is not None
    assert video.can_subscribe is may


def test_it_expires() -> None:
    expired = mint_worker_token(token_request(ttl=-120.0))
    with pytest.raises(Exception, match="(?i)expired"):
        api.TokenVerifier("key", SECRET).verify(expired)


def test_another_secret_does_not_accept_it() -> None:
    with pytest.raises(Exception, match="(?i)signature"):
        api.TokenVerifier("key", SECRET[::-1]).verify(mint_worker_token(token_request()))


def test_the_request_shows_neither_key_nor_secret() -> None:
    shown = repr(token_request()) + str(token_request())
    assert SECRET not in shown
    assert "api_key" not in shown
