"""A stopped worker process ends with its agent, by each of the kernel's two rules alone."""

from __future__ import annotations

import platform
import signal
import subprocess
import sys

import psutil
import pytest

# Each rule without the other; the first is all there is on macOS.
RULES = {"POSIX": "platform.system = lambda: 'Darwin'"}
if platform.system() == "Linux":
    RULES["Linux"] = "os.setpgid = lambda *_: None"

CHILD = """
import os, platform, sys
{rule}
from avatar_provider_mock.parent_death import continue_when_parent_dies

continue_when_parent_dies()
print("up", flush=True)
sys.stdin.read()
"""

AGENT = """
import subprocess, sys

child = subprocess.Popen(
    [sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE
)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("rule", list(RULES))
def test_a_stopped_process_is_continued_and_ends_when_its_parent_is_killed(rule: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", AGENT, CHILD.format(rule=RULES[rule])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Whoever adopts the child is in another session then, wherever the tests run.
        start_new_session=True,
    ) as agent:
        assert agent.stdout is not None
        child = psutil.Process(int(agent.stdout.readline()))
        try:
            child.send_signal(signal.SIGSTOP)
            while child.status() != psutil.STATUS_STOPPED:
                assert child.is_running()
            agent.kill()
            agent.wait()
            child.wait(timeout=20)
        finally:
            if child.is_running():
                child.kill()
