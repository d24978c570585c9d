"""The HTTP API of a provider for contract version 2, by the client that it was given."""

from __future__ import annotations

from pydantic import BaseModel

from avatar_core.contract.models import ProviderRequest
from avatar_core.provider_http.base_url import BaseUrl
from avatar_core.provider_http.json_api import JsonApi
from avatar_core.provider_http.secret import ApiKey


class Session(BaseModel):
    """A session."""

    id: str


class Sessions(BaseModel):
    """What a look-up answers."""

    sessions: list[Session]


class Bill(BaseModel):
    """What a session costs."""

    seconds: float


def frozen_api(request: ProviderRequest) -> JsonApi:
    """Make the client for one call of a hook."""
    return JsonApi(
        pool=request.http,
        base_url=BaseUrl(request.options.api_url, option="api_url"),
        key=ApiKey(
            request.options.api_key, header="Authorization", scheme="Bearer", option="api_key"
        ),
        connect=request.connect,
        user_agent="avatar-provider-frozen/2.0",
    )
