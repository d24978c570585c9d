"""Have what the live demo page needs, where it can be shown: python -m scripts.demo_page

Never an obstacle: without it `avatar demo` records the call instead.
"""

from __future__ import annotations

import sys

from avatar_core.demo.live.a_browser import somebody_looks
from scripts import node_packages
from scripts.environment import SetupError, say


def main() -> int:
    if somebody_looks():
        try:
            node_packages.install()
        except (SetupError, OSError) as exc:
            say(f"no page in the browser, the call is recorded: {exc}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
