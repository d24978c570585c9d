"""What was seen running, plugin by plugin: the source of docs/reference/livekit-plugins.md.

``python -m avatar_provider_livekit.proven`` writes the table into the page; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from avatar_provider_livekit.known_plugins import INFERENCE, KNOWN_PLUGINS

Standing = Literal["proven", "experimental", "not run"]

PAGE = "docs/reference/livekit-plugins.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What one version of a plugin was seen doing.

    Args:
        version: Of its package.
        standing: ``proven`` is all of call, interruption, pause, close, voice back, never joins,
            worker dies, 401, 503, hang, dropped answer, switch and failover, against a double of
            the vendor's API; ``experimental`` is a part of it.
        lacks: What failed or was not run, in a few words.
    """

    version: str
    standing: Standing = "not run"
    lacks: str = ""


PROOFS: dict[str, Proof] = {
    "anam": Proof(version="1.8.9"),
    "avatario": Proof(version="1.8.9", lacks="its API's address cannot be set"),
    "avatartalk": Proof(version="1.8.9"),
    "bey": Proof(version="1.8.9"),
    "bithuman": Proof(version="1.8.10"),
    "did": Proof(version="1.8.9"),
    "inference": Proof(version="1.8.9"),
    "keyframe": Proof(version="1.8.9"),
    "lemonslice": Proof(version="1.8.9"),
    "liveavatar": Proof(version="1.8.9"),
    "protoface": Proof(version="1.8.9", lacks="use the provider `protoface`"),
    "runway": Proof(version="1.8.9"),
    "simli": Proof(version="1.8.9"),
    "spatius": Proof(version="1.8.9"),
    "tavus": Proof(version="1.8.9"),
    "trugen": Proof(version="1.8.9", lacks="its API's address cannot be set"),
}
"""By the plugin's name."""


def table() -> str:
    """Write the table as it stands in the page."""
    lines = [
        "| provider | version | standing | ends at the vendor | remarks |",
        "|---|---|---|---|---|",
    ]
    for name, proof in sorted(PROOFS.items()):
        known = INFERENCE if name == "inference" else KNOWN_PLUGINS[name]
        ends = "yes" if known.ends_at_vendor else "by absence"
        lines.append(
            f"| `livekit.{name}` | {proof.version} | {proof.standing} | {ends} | {proof.lacks} |"
        )
    return "\n".join(lines)


def with_table(page: str) -> str:
    """Return a page whose table is this module's.

    Args:
        page: The page's text.
    """
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{table()}\n\n{END}{tail}"


if __name__ == "__main__":
    path = Path(PAGE)
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
