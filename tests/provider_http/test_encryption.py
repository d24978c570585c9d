from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from avatar_core.contract.errors import ProviderUnavailableError
from avatar_core.provider_http import trust
from avatar_core.provider_http.base_url import BaseUrl
from avatar_core.provider_http.json_api import JsonApi
from avatar_core.provider_http.pool import HttpPool
from tests.provider_http.api_double import Clock


@asynccontextmanager
async def encrypted(authority: trustme.CA, name: str) -> AsyncIterator[tuple[str, list[object]]]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    connections: list[object] = []

    async def handle(request: web.Request) -> web.Response:
        assert request.transport is not None
        connections.append(request.transport.get_extra_info("peername"))
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}", connections
    finally:
        await runner.cleanup()


@pytest.fixture
async def pool() -> AsyncIterator[HttpPool]:
    opened = HttpPool()
    yield opened
    await opened.aclose()


def client(pool: HttpPool, url: str, clock: Clock) -> JsonApi:
    return JsonApi(pool=pool, base_url=BaseUrl(url), clock=clock, sleep=clock.sleep)


async def test_a_certificate_that_nobody_vouches_for_is_not_accepted_and_not_tried_again(
    pool: HttpPool,
) -> None:
    clock = Clock()
    async with encrypted(trustme.CA(), "127.0.0.1") as (url, connections):
        with pytest.raises(ProviderUnavailableError, match="certificate") as caught:
            await client(pool, url, clock).get("x", into=dict, deadline=clock.now + 60)
    assert not caught.value.retryable
    assert (clock.slept, connections) == ([], [])


async def test_after_prewarming_a_call_pays_for_no_handshake(
    pool: HttpPool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority, clock = trustme.CA(), Clock()
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with encrypted(authority, "127.0.0.1") as (url, connections):
        api = client(pool, url, clock)
        await api.prewarm("v1", "status", deadline=clock.now + 60)
        await api.get("x", into=dict, deadline=clock.now + 60)
    assert len(connections) == 2
    assert len(set(connections)) == 1


def test_a_container_without_certificates_has_certifis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    paths = ssl.get_default_verify_paths()
    monkeypatch.setattr(
        "ssl.get_default_verify_paths", lambda: paths._replace(cafile="", capath="")
    )
    trust._context.cache_clear()
    assert len(trust.trusted_certificates().get_ca_certs()) > 50
    trust._context.cache_clear()
