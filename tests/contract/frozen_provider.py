"""Installs the provider that was written for contract version 1."""

from __future__ import annotations

from pathlib import Path

from avatar_core.discovery.entry_points import PROVIDER_GROUP
from tests.discovery.installed import Site

FROZEN = Path(__file__).parent / "frozen_v1" / "acme_frozen"


def install_frozen(site: Site, *, contract_version: int = 1) -> None:
    """Install it as it is, or as if it had been written for another version.

    Args:
        site: Where.
        contract_version: What it states.
    """
    package = site.folder / FROZEN.name
    package.mkdir()
    for source in FROZEN.glob("*.py"):
        text = source.read_text(encoding="utf-8")
        if contract_version != 1:
            text = text.replace("contract_version=1,", f"contract_version={contract_version},")
        (package / source.name).write_text(text, encoding="utf-8")
    entry = {PROVIDER_GROUP: {"frozen": f"{FROZEN.name}.plugin"}}
    site.install("acme-frozen", version="1.0", entry_points=entry, modules={})
