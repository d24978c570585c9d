from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avatar_core.livekit_server import VERSION, LiveKitServerError, livekit_server_binary
from avatar_core.livekit_server.binary import cache_folder

SERVER = f"#!/bin/sh\necho livekit-server version {VERSION}\n"


class Machine:
    """A machine with an empty cache and only the commands that a test puts on its PATH."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.cache = folder / "cache"
        self.builds = folder / "builds"
        self.said: list[str] = []
        monkeypatch.setenv("PATH", f"{self.bin}:/usr/bin:/bin")
        monkeypatch.setenv("XDG_CACHE_HOME", str(self.cache))
        monkeypatch.setenv("HOME", str(folder))  # where caches are on macOS
        monkeypatch.delenv("AVATAR_LIVEKIT_SERVER", raising=False)

    def command(self, name: str, script: str) -> Path:
        path = self.bin / name
        path.write_text(script)
        path.chmod(0o755)
        return path

    def go(self, *, version: str = "1.26.8", install: str = "", server: str = SERVER) -> None:
        """Put a Go on PATH that "builds" a server and notes each build and its settings."""
        self.command(
            "go",
            f"""#!/bin/sh
            if [ "$1" = version ]; then echo go version go{version} test/arch; exit; fi
            echo "$*" >> {shlex.quote(str(self.builds))}
            env > {shlex.quote(str(self.builds))}.env
            {install}
            mkdir -p "$GOBIN" "$GOPATH" "$GOCACHE"
            printf %s {shlex.quote(server)} > "$GOBIN/server"
            chmod 755 "$GOBIN/server"
            """,
        )

    def find(self) -> Path:
        return livekit_server_binary(progress=self.said.append)

    def build_settings(self) -> dict[str, str]:
        lines = Path(f"{self.builds}.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_the_named_file_comes_first(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.command("livekit-server", SERVER)
    named = machine.command("mine", SERVER)
    monkeypatch.setenv("AVATAR_LIVEKIT_SERVER", str(named))

    assert machine.find() == named


@pytest.mark.parametrize(
    "content", [None, "#!/bin/sh\necho something else\n", "#!/bin/sh\nexit 1\n"]
)
def test_a_named_file_that_is_no_server_is_an_error(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    machine.command("livekit-server", SERVER)
    if content is not None:
        machine.command("mine", content)
    monkeypatch.setenv("AVATAR_LIVEKIT_SERVER", str(machine.bin / "mine"))

    with pytest.raises(LiveKitServerError, match=r"AVATAR_LIVEKIT_SERVER names .*unset"):
        machine.find()


def test_an_installed_server_is_used_and_nothing_is_built(machine: Machine) -> None:
    installed = machine.command("livekit-server", SERVER)
    machine.go()

    assert machine.find() == installed
    assert machine.said == []
    assert not machine.builds.exists()


def test_an_installed_server_that_is_too_old_is_passed_over_aloud(machine: Machine) -> None:
    machine.command("livekit-server", "#!/bin/sh\necho livekit-server version 1.12.9\n")
    machine.go()

    assert machine.find() == cache_folder() / "livekit-server"
    assert "not 1.13 or later" in machine.said[0]


def test_the_server_is_built_once_and_the_compilers_caches_go(machine: Machine) -> None:
    machine.go()

    first = machine.find()
    second = machine.find()

    assert first == second == cache_folder() / "livekit-server"
    assert first.is_relative_to(machine.cache if sys.platform != "darwin" else Path.home())
    assert len(machine.builds.read_text().splitlines()) == 1
    assert sorted(path.name for path in first.parent.iterdir()) == ["livekit-server", "lock"]
    assert "about 2 minutes" in machine.said[0]


def test_the_build_is_pinned_static_and_for_this_machine(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.go()
    for name, value in {
        "GOOS": "plan9",
        "GOARCH": "mips",
        "GOFLAGS": "-buildvcs=false",
        "GOPROXY": "off",
    }.items():
        monkeypatch.setenv(name, value)

    machine.find()

    arguments = machine.builds.read_text()
    assert arguments.endswith(f"github.com/livekit/livekit-server/cmd/server@v{VERSION}\n")
    assert "-trimpath" in arguments
    settings = machine.build_settings()
    assert settings["CGO_ENABLED"] == "0"
    assert settings["GOTOOLCHAIN"] == "local"
    assert (settings["GOFLAGS"], settings["GOPROXY"]) == ("-buildvcs=false", "off")
    assert not {"GOOS", "GOARCH"} & settings.keys()


def test_what_a_killed_build_left_is_removed(machine: Machine) -> None:
    machine.go()
    stale = cache_folder() / "build-killed"
    (stale / "cache").mkdir(parents=True)

    machine.find()

    assert not stale.exists()


@pytest.mark.parametrize(
    ("output", "remedy"),
    [
        ("dial tcp: lookup proxy: no such host", "check the network and GOPROXY"),
        ("tls: failed to verify certificate: x509: unknown authority", "set SSL_CERT_FILE"),
        ("write /tmp/x: no space left on device", "the disk is full"),
        ("internal compiler error", "install livekit-server yourself"),
    ],
)
def test_a_failed_build_is_one_line_with_what_to_do(
    machine: Machine, output: str, remedy: str
) -> None:
    machine.go(install=f"echo {shlex.quote(output)} >&2; exit 1")

    with pytest.raises(LiveKitServerError) as failure:
        machine.find()

    assert remedy in str(failure.value)
    assert output in str(failure.value)
    assert "\n" not in str(failure.value)
    assert [path.name for path in cache_folder().iterdir()] == ["lock"]


def test_a_build_that_does_not_run_is_not_kept(machine: Machine) -> None:
    machine.go(server="#!/bin/sh\nexit 127\n")

    with pytest.raises(LiveKitServerError, match="does not run on this machine"):
        machine.find()

    assert not (cache_folder() / "livekit-server").exists()


def test_an_unwritable_cache_is_one_line_with_what_to_do(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.go()
    (machine.bin / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(machine.bin / "file"))
    monkeypatch.setenv("HOME", str(machine.bin / "file"))

    with pytest.raises(LiveKitServerError, match="could not be stored under .*XDG_CACHE_HOME"):
        machine.find()


def test_old_go_and_no_index_is_one_line_with_what_to_do(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.go(version="1.25.4")
    # uv and pip ask an index that nobody serves, and have nothing cached.
    for name, value in {
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/",
        "UV_HTTP_RETRIES": "0",
        "UV_CACHE_DIR": str(machine.cache),
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_FIND_LINKS": "",
        "PIP_RETRIES": "1",
        "PIP_CACHE_DIR": str(machine.cache),
    }.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(LiveKitServerError, match=r"could not be fetched: .*Go 1\.26 or later"):
        machine.find()

    assert "no Go 1.26 or later on PATH" in machine.said[0]
    assert [path.name for path in cache_folder().iterdir()] == ["lock"]


def start_prefetch() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "avatar_core.livekit_server"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_that_need_it_at_once_build_it_once(machine: Machine) -> None:
    machine.go(install="sleep 1")

    with start_prefetch() as one, start_prefetch() as other:
        outputs = [one.communicate(timeout=60), other.communicate(timeout=60)]

    assert [one.returncode, other.returncode] == [0, 0]
    assert {path.strip() for path, _ in outputs} == {str(cache_folder() / "livekit-server")}
    assert len(machine.builds.read_text().splitlines()) == 1
    assert sum("waiting for it" in progress for _, progress in outputs) == 1


def test_a_build_that_is_stopped_leaves_nothing(machine: Machine, tmp_path: Path) -> None:
    compiler = tmp_path / "compiler"
    machine.go(install=f"sleep 60 & echo $! > {compiler}; wait")
    with start_prefetch() as prefetch:
        while not (compiler.exists() and compiler.read_text().strip()):
            assert prefetch.poll() is None
            time.sleep(0.02)

        prefetch.send_signal(signal.SIGINT)
        _, said = prefetch.communicate(timeout=30)

    assert prefetch.returncode == 130
    assert "Traceback" not in said
    deadline = time.monotonic() + 10
    while alive(int(compiler.read_text())):
        assert time.monotonic() < deadline, "the compiler goes on"
        time.sleep(0.02)
    assert [path.name for path in cache_folder().iterdir()] == ["lock"]


def test_a_failure_of_the_command_is_one_line_and_status_1(machine: Machine) -> None:
    machine.go(install="echo 'dial tcp: no such host' >&2; exit 1")

    with start_prefetch() as prefetch:
        output, said = prefetch.communicate(timeout=60)

    assert prefetch.returncode == 1
    assert output == ""
    assert said.splitlines()[-1].startswith("error: ")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return not state.stdout.startswith("Z")
