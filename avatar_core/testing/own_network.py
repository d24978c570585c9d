"""Tests that lose packets: each runs in a pytest of its own, in a network of its own."""

from __future__ import annotations

import functools
import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from avatar_core.testing.lossy_network import INSIDE, LossyNetwork

_SHOWN_LINES = 60
# Of the run outside: another one that takes part in it would wait for orders.
_OF_THE_RUN = ("PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "PYTEST_XDIST")


def own_network_test(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run a test in a network namespace, where ``LossyNetwork()`` can be made.

    Its fixtures are set up in there only, so it cannot be parametrized. Where the machine does not
    allow such a namespace, the test is deselected: see ``LossyNetwork.why_not``.

    Args:
        function: The test, plain or ``async``.
    """
    if INSIDE in os.environ:
        return function

    @functools.wraps(function)
    def run_inside() -> None:
        path = inspect.getsourcefile(function)
        assert path is not None
        done = subprocess.run(
            LossyNetwork.in_own_network(
                [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                 f"{path}::{function.__qualname__}"]
            ),
            env={k: v for k, v in os.environ.items() if not k.startswith(_OF_THE_RUN)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )  # fmt: skip
        if done.returncode != 0:
            last = "\n".join(done.stdout.splitlines()[-_SHOWN_LINES:])
            pytest.fail(f"it failed in a network of its own:\n{last}", pytrace=False)

    # pytest would ask for the fixtures of what is wrapped.
    del run_inside.__wrapped__
    marked: Callable[..., Any] = pytest.mark.own_network(run_inside)
    return marked
