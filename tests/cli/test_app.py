"""The command line itself: exit codes, what is imported when, and commands of providers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from avatar_core.cli import app
from avatar_core.cli.app import run
from avatar_core.discovery import default
from avatar_core.discovery.registry import ProviderRegistry
from tests.discovery.installed import Site, installed_site, provider_source

COMMANDS = """
import typer
from avatar_core.contract.errors import ConfigurationError

app = typer.Typer(name={command!r})


@app.callback()
def _group():
    "Things to do."


@app.command()
def hello(name: str = "you"):
    "Say hello."
    typer.echo("hello " + name + " from {provider}")


@app.command()
def fail():
    raise ConfigurationError("the key is missing")


@app.command()
def crash():
    raise RuntimeError("a bug")


@hookimpl
def cli_commands():
    return [app]
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    yield from installed_site(tmp_path / "site", monkeypatch)


@pytest.fixture(autouse=True)
def _registry(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default, "_providers", ProviderRegistry(entry_points=site.entry_points))


def install(site: Site, provider: str, command: str) -> None:
    source = provider_source(provider) + COMMANDS.format(command=command, provider=provider)
    site.provider(provider, source)


def process(code: str, *, path: Path | None = None) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(path or "")}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


# --- the frame ------------------------------------------------------------------------------------


def test_help_lists_the_commands_and_imports_none_of_them() -> None:
    code = (
        "import sys\n"
        "from avatar_core.cli.app import run\n"
        "assert run(['--help']) == 0\n"
        "late = {'livekit', 'aiohttp', 'pydantic', 'pluggy'}\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(late & loaded), 'avatar_core.cli.providers' in sys.modules)\n"
    )
    out, err = process(code).communicate(timeout=60)
    words = " ".join(out.split())
    assert "providers List avatar providers, or explain one." in words
    assert "new-provider Write a new provider's package." in words
    assert out.endswith("[] False\n")
    assert err == ""


def test_no_command_shows_the_help_and_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "Commands:" in "".join(capsys.readouterr())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    name, version = capsys.readouterr().out.split()
    assert name == "avatar-core"
    assert version[0].isdigit()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["providers", "--bad"], "No such option"),
        (["providers", "a", "b"], "unexpected extra argument"),
        (["provider"], "Did you mean 'providers',"),
        (["--bad"], "No such option"),
    ],
)
def test_wrong_usage_is_told_apart_from_failure(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""


def test_an_error_of_ours_is_one_line_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["providers", "nobody"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("avatar: no avatar provider named 'nobody'")
    assert captured.err.count("\n") == 1


def test_ctrl_c_ends_cleanly(site: Site) -> None:
    marker = site.folder / "importing"
    site.provider(
        "slow",
        f"import pathlib, signal\npathlib.Path({str(marker)!r}).touch()\n"
        "print('importing', flush=True)\nsignal.pause()\n",
    )
    running = process(
        "from avatar_core.cli.app import main; import sys\n"
        "sys.argv = ['avatar', 'providers', 'slow']; main()",
        path=site.folder,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "importing\n"
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err) == (130, "", "")


def test_a_reader_that_has_enough_is_no_failure_to_talk_about(site: Site) -> None:
    site.provider("good")
    running = process(
        "from avatar_core.cli.app import main; import sys\n"
        "sys.stdin.readline()\n"
        "sys.argv = ['avatar', 'providers', '--json']; main()",
        path=site.folder,
    )
    assert running.stdin is not None
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    running.stdin.write("go\n")  # only now may it write, to nobody
    running.stdin.close()
    with running.stderr:
        assert running.stderr.read() == ""
    assert running.wait(timeout=60) == 1


# --- commands of this package ---------------------------------------------------------------------


def lazily(
    monkeypatch: pytest.MonkeyPatch, site: Site, source: str, *, extra: str = "", name: str = "work"
) -> None:
    """Give ``avatar`` another command of its own, in a module that is imported when it is run."""
    site.install("acme-work", entry_points={}, modules={"acme_work": source})
    lazy = app._Lazy("acme_work", name, "Do some work.", extra)
    monkeypatch.setitem(app._COMMANDS, "work", lazy)


@pytest.mark.parametrize(
    ("source", "arguments"),
    [
        ("def work(times: int): print('done', times)", ["work", "3"]),
        (
            "import typer\nwork = typer.Typer()\n@work.callback()\ndef _all(): ...\n"
            "@work.command()\ndef do(times: int): print('done', times)",
            ["work", "do", "3"],
        ),
    ],
    ids=["a function", "a group"],
)
def test_a_command_is_a_function_or_a_typer_app(
    monkeypatch: pytest.MonkeyPatch,
    site: Site,
    capsys: pytest.CaptureFixture[str],
    source: str,
    arguments: list[str],
) -> None:
    lazily(monkeypatch, site, source)
    assert run(arguments) == 0
    assert capsys.readouterr().out == "done 3\n"


def test_a_command_whose_extra_is_not_installed_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    lazily(monkeypatch, site, "import acme_drawing", extra="demo")
    assert run(["--help"]) == 0
    assert "work Do some work." in " ".join(capsys.readouterr().out.split())
    assert run(["work"]) == 1
    assert capsys.readouterr().err == (
        "avatar work needs the package 'acme_drawing': pip install \"avatar-core[demo]\"\n"
    )


def test_a_module_of_ours_that_is_missing_is_a_bug_and_not_an_extra(
    monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    lazily(monkeypatch, site, "import avatar_core.nowhere", extra="demo")
    with pytest.raises(ModuleNotFoundError):
        run(["work"])


def test_a_command_that_this_installation_lacks_is_not_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(app._COMMANDS, "work", app._Lazy("avatar_core.nowhere", "work", "Work."))
    assert run(["--help"]) == 0
    assert "work" not in capsys.readouterr().out
    assert run(["work"]) == 2


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("raise KeyboardInterrupt", 130),
        ("sys.exit(3)", 3),
        ("sys.exit('why')", 1),
        ("sys.exit()", 0),
        ("raise typer.Exit(4)", 4),
    ],
)
def test_the_exit_code_is_the_commands_own(
    monkeypatch: pytest.MonkeyPatch, site: Site, statement: str, code: int
) -> None:
    lazily(monkeypatch, site, f"import sys, typer\ndef work():\n    {statement}\n")
    assert run(["work"]) == code


# --- commands of providers ------------------------------------------------------------------------


def test_a_provider_adds_a_command(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    install(site, "first", "emulate")
    assert run(["emulate", "hello", "--name", "ann"]) == 0
    assert capsys.readouterr().out == "hello ann from first\n"


def test_a_providers_name_is_the_group_of_its_commands(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    install(site, "first", "emulate")
    assert run(["first", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Commands of The first provider." in shown
    assert "emulate  Things to do." in shown
    assert run(["first", "emulate", "hello"]) == 0
    assert capsys.readouterr().out == "hello you from first\n"


def test_a_command_that_two_providers_have_is_asked_for_by_provider(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    install(site, "first", "emulate")
    install(site, "second", "emulate")
    assert run(["emulate", "hello"]) == 1
    err = capsys.readouterr().err
    assert "use 'avatar first emulate' or 'avatar second emulate'" in err
    assert run(["second", "emulate", "hello"]) == 0
    assert capsys.readouterr().out == "hello you from second\n"


def test_a_command_without_a_name_is_its_providers_trouble(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    install(site, "first", "emulate")
    nameless = COMMANDS.replace("typer.Typer(name={command!r})", "typer.Typer()")
    nameless = nameless.replace("def _group", "def _").format(provider="vague")
    site.provider("vague", provider_source("vague") + nameless)
    assert run(["nobody"]) == 2
    err = capsys.readouterr().err
    assert "the commands of provider 'vague' cannot be used" in err
    assert run(["emulate", "hello"]) == 0


def test_own_commands_come_first_and_import_no_provider(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    install(site, "first", "providers")
    assert run(["providers"]) == 0
    assert "first" in capsys.readouterr().out
    assert site.imported() == set()


def test_broken_providers_do_not_break_the_others_commands(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    install(site, "first", "emulate")
    site.provider("raising", "raise SystemExit(7)")
    broken = "@hookimpl\ndef cli_commands():\n    raise SystemExit(7)\n"
    site.provider("sulking", provider_source("sulking") + broken)
    site.provider(
        "odd", provider_source("odd") + broken.replace("raise SystemExit(7)", "return [7]")
    )
    assert run(["emulate", "hello"]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("hello you from first\n", "")
    assert run(["nobody"]) == 2
    err = capsys.readouterr().err
    for name in ("raising", "sulking", "odd"):
        assert name in err
    assert "No such command 'nobody'" in err


def test_a_command_that_fails_for_a_known_reason_is_one_line(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    install(site, "first", "emulate")
    assert run(["emulate", "fail"]) == 1
    assert capsys.readouterr().err == "avatar: the key is missing\n"


def test_a_bug_in_a_command_keeps_its_traceback(site: Site) -> None:
    install(site, "first", "emulate")
    with pytest.raises(RuntimeError, match="a bug"):
        run(["emulate", "crash"])
