from __future__ import annotations

import subprocess
import sys

import pytest

import avatar_core.worker
from avatar_core.worker import WorkerOptions


@pytest.mark.parametrize(
    "wrong",
    [
        {"audio_rate": 44101},
        {"audio_rate": 1000},
        {"lookahead": 0.01},
        {"stream_idle_timeout": 0},
        {"connect_timeout": -1},
        {"close_timeout": 0},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_impossible_option_is_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        WorkerOptions(**wrong)  # type: ignore[arg-type]


def test_options_and_renderers_are_imported_without_livekit() -> None:
    program = (
        "import sys; from avatar_core.worker import Renderer, WorkerOptions; "
        "sys.exit('livekit' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchThing"):
        _ = avatar_core.worker.NoSuchThing
