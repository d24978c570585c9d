"""Installs the providers that were written for the contract as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avatar_core.discovery.entry_points import PROVIDER_GROUP
from avatar_core.testing.scripted_api import ApiAnswer, ApiCall, ScriptedApi
from tests.discovery.installed import Site

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """A provider that is never changed.

    Args:
        name: Its name.
        version: The contract version it was written for.
        package: Its folder.
    """

    name: str
    version: int
    package: Path


FROZEN_V1 = Frozen(name="frozen", version=1, package=HERE / "frozen_v1" / "acme_frozen")
FROZEN_V2 = Frozen(name="frozen2", version=2, package=HERE / "frozen_v2" / "acme_frozen2")


def install_frozen(
    site: Site, frozen: Frozen = FROZEN_V1, *, contract_version: int | None = None
) -> None:
    """Install one as it is, or as if it had been written for another version.

    Args:
        site: Where.
        frozen: Which.
        contract_version: What it states; None for what it does.
    """
    stated = frozen.version if contract_version is None else contract_version
    package = site.folder / frozen.package.name
    package.mkdir()
    for source in frozen.package.glob("*.py"):
        text = source.read_text(encoding="utf-8").replace(
            f"contract_version={frozen.version},", f"contract_version={stated},"
        )
        (package / source.name).write_text(text, encoding="utf-8")
    entry = {PROVIDER_GROUP: {frozen.name: f"{frozen.package.name}.plugin"}}
    site.install(package.name.replace("_", "-"), entry_points=entry, modules={})


@contextmanager
def frozen_service() -> Iterator[dict[str, Any]]:
    """Run the service of the provider for version 2; gives the options that lead there."""
    with ScriptedApi.run() as api:
        api.key = "sk-frost-5c1f"
        _play(api)
        yield {"api_url": api.url, "api_key": api.key}


def _play(api: ScriptedApi) -> None:
    living: list[str] = []

    @api.on("POST", "/v1/sessions")
    async def create(call: ApiCall) -> ApiAnswer:
        living.append(f"frost-{call.headers['Idempotency-Key']}")
        return ApiAnswer(status=201, body={"id": living[-1]})

    @api.on("POST", "/v1/sessions/{id}/end")
    async def end(call: ApiCall) -> ApiAnswer:
        if call.arguments["id"] not in living:
            return ApiAnswer(status=404, body={"error": {"code": "no_such_session"}})
        living.remove(call.arguments["id"])
        return ApiAnswer(body={"id": call.arguments["id"]})

    @api.on("GET", "/v1/sessions/{id}/bill")
    async def bill(call: ApiCall) -> ApiAnswer:
        return ApiAnswer(body={"seconds": 12.5})

    @api.on("GET", "/v1/sessions")
    async def listed(call: ApiCall) -> ApiAnswer:
        sessions: list[Any] = [{"id": each} for each in living]
        return ApiAnswer(body={"sessions": sessions})
