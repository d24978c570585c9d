from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.docs.blocks import ROOT


def test_a_reader_of_the_site_asks_no_other_host(tmp_path: Path) -> None:
    """Scripts, styles, fonts and pictures are all the site's own; links may lead elsewhere."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir"]
    done = subprocess.run([*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    loads = re.compile(
        r"""<(?:script|img|iframe|source)[^>]*\ssrc=["']?(?:https?:)?//[^"'\s>]+"""
        r"""|<link(?![^>]*rel=["']?canonical)[^>]*\shref=["']?(?:https?:)?//[^"'\s>]+"""
        r"""|url\(["']?(?:https?:)?//[^)]+|@import\s+["'](?:https?:)?//[^"']+"""
    )

    pages = [*tmp_path.rglob("*.html"), *tmp_path.rglob("*.css")]
    found = {match for page in pages for match in loads.findall(page.read_text(encoding="utf-8"))}

    assert not found
    # What was looked at is the whole site, with the reference that is made from docstrings.
    assert {"getting-started", "hooks"} <= {page.parent.name for page in pages}
    index = (tmp_path / "search" / "search_index.json").read_text(encoding="utf-8")
    assert "start_session" in index and "LiveKitServer" in index
