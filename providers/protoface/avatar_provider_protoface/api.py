"""Protoface's API, through the connections of a call."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator

from avatar_core.contract.models import ProviderRequest
from avatar_core.provider_http.base_url import BaseUrl
from avatar_core.provider_http.json_api import JsonApi
from avatar_core.provider_http.secret import ApiKey
from avatar_provider_protoface.answers import Session, SessionPage
from avatar_provider_protoface.options import ProtofaceOptions
from avatar_provider_protoface.refusals import refusals
from avatar_provider_protoface.tags import version

PAGE = 100
MOST_PAGES = 50
LARGEST_PAGE = 4 * 1024 * 1024


def protoface_api(request: ProviderRequest) -> JsonApi:
    """Make the client for one hook call."""
    options: ProtofaceOptions = request.options
    return JsonApi(
        pool=request.http,
        base_url=BaseUrl(options.api_url),
        key=ApiKey(options.api_key),
        errors=refusals(options.avatar_id),
        connect=request.connect,
        user_agent=f"avatar-provider-protoface/{version()}",
    )


async def active_sessions(api: JsonApi, *, deadline: float) -> AsyncIterator[Session]:
    """Yield the sessions that are not over, the newest first.

    Args:
        api: The client.
        deadline: Monotonic time by which all pages have to be there.
    """
    # A page of sessions with full metadata is larger than any other answer.
    api = dataclasses.replace(api, largest_answer=LARGEST_PAGE)
    query: list[tuple[str, str | int]] = [("status", "active"), ("limit", PAGE)]
    cursor: list[tuple[str, str | int]] = []
    for _ in range(MOST_PAGES):
        page = await api.get(
            "v1", "sessions", into=SessionPage, query=query + cursor, deadline=deadline
        )
        for session in page.data:
            yield session
        if not page.has_more or not page.data:
            return
        cursor = [("starting_after", page.data[-1].id)]
