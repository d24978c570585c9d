from __future__ import annotations

from avatar_provider_livekit.known_plugins import KNOWN_PLUGINS
from avatar_provider_livekit.proof import PROOFS
from providers.livekit_plugins.tests.doubles import DOUBLES
from scripts import livekit_plugin_table


def test_the_page_is_what_is_known_and_was_run() -> None:
    text = livekit_plugin_table.PAGE.read_text(encoding="utf-8")
    anew = "write it anew: python -m scripts.livekit_plugin_table"
    assert livekit_plugin_table.page() == text, anew


def test_only_what_the_matrix_runs_is_said_to_be_proven() -> None:
    assert set(PROOFS) <= set(DOUBLES) <= set(KNOWN_PLUGINS)
