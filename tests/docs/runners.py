"""The ways in which a code block of the documentation is run; a new kind is a function here."""

from __future__ import annotations

import ast
import json
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata

import pytest
import tomli
import yaml

from tests.docs.blocks import ROOT, Block
from tests.docs.place import Place

_SECONDS = 120
_SECONDS_IN_ORDER = 500
"""A whole suite may be run there."""


Runner = Callable[[Block, Place], None]


def script(block: Block, place: Place) -> None:
    """Run Python in a fresh interpreter; arguments name what it needs, see ``place.NEEDS``."""
    path = place.folder / "block.py"
    path.write_text(block.code, encoding="utf-8")
    _run([sys.executable, str(path)], block, place)


def shell(block: Block, place: Place) -> None:
    """Run commands in bash, this environment's first on PATH.

    Arguments are as for ``script``, and ``fails`` where they have to.
    """
    place.printed[str(block)] = _run(["bash", "-euo", "pipefail", "-c", block.code], block, place)


def background(block: Block, place: Place) -> None:
    """Run commands in bash as ``shell`` does, until the page has been run.

    ``port:N`` among the arguments says where they listen, which is waited for.
    """
    assert place.in_order, "it ends with a page that says <!-- run-in-order -->"
    ports = [int(each[5:]) for each in block.arguments if each.startswith("port:")]
    assert not any(map(_listens, ports)), f"something listens on one of {ports} already"
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", block.code],
        cwd=place.folder,
        env=place.environment(block.arguments),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    place.running[str(block)] = process
    latest = time.monotonic() + _SECONDS
    while not all(map(_listens, ports)):
        assert process.poll() is None, f"it ended with status {process.returncode}"
        assert time.monotonic() < latest, f"nothing listens on one of {ports}"
        time.sleep(0.05)


def output(block: Block, place: Place) -> None:
    """Compare with what the shell block before it prints.

    ``…`` stands for anything within a line, and as a line of its own for any lines.
    """
    before = block.previous
    assert before is not None and before.kind == "shell", "no shell block stands before it"
    if not place.in_order:
        shell(before, place)
    printed = place.printed[str(before)]
    parts = [
        re.escape(part.strip("\n")).replace("…", ".*")
        for part in re.split(r"(?m)^…$", _trimmed(block.code))
    ]
    pattern = r"[\s\S]*".join(parts)
    assert re.fullmatch(rf"\s*{pattern}\s*", _trimmed(printed)), f"it prints:\n{printed}"


def file(block: Block, place: Place) -> None:
    """Write the block into the file named, of the folder of a page whose blocks are in order.

    The line before it names the file too: nobody sees a marker.
    """
    (name,) = block.arguments
    assert f"`{name}`" in block.introduction, f"the line before does not say that it is `{name}`"
    place.file(name).write_text(block.code, encoding="utf-8")


def adds_to(block: Block, place: Place) -> None:
    """Write the block at the end of a file that a block before it has written."""
    path = place.file(*block.arguments)
    assert path.is_file(), f"no block before it writes {path.name}"
    path.write_text(f"{path.read_text(encoding='utf-8')}\n\n{block.code}", encoding="utf-8")


def replaces(block: Block, place: Place) -> None:
    """Put the block in the place of the function named first, in the file named second."""
    name, file_name = block.arguments
    path = place.file(file_name)
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines(keepends=True)
    found = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    ]
    assert len(found) == 1, f"{file_name} has {len(found)} functions {name!r}"
    first = min([found[0].lineno, *(each.lineno for each in found[0].decorator_list)])
    lines[first - 1 : found[0].end_lineno] = [block.code]
    path.write_text("".join(lines), encoding="utf-8")


def make(block: Block, place: Place) -> None:
    """Check that each line is a command that ``make help`` lists; CI runs them themselves."""
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for words in _commands(block):
        assert words[0] == "make", f"not a make command: {words}"
        targets = [word for word in words[1:] if "=" not in word]
        assert targets, "it names no target"
        for target in targets:
            assert re.search(rf"^\s*make {re.escape(target)}\s", listed.stdout, re.M), target
        subprocess.run(
            [*words, "--dry-run"], cwd=ROOT, capture_output=True, check=True, timeout=_SECONDS
        )


def install(block: Block, place: Place) -> None:
    """Check ``pip install`` lines: our distributions, with extras that they have.

    That the installation itself works is proved once, in tests/house/test_installed_path.py.
    """
    for words in _commands(block):
        assert words[:2] in (["pip", "install"], ["uv", "add"]), f"not an installation: {words}"
        for requirement in words[2:]:
            match = re.fullmatch(r"([a-z-]+)(?:\[([a-z,-]+)\])?", requirement)
            assert match is not None, f"cannot be checked: {requirement}"
            extras = set(metadata.metadata(match[1]).get_all("Provides-Extra") or [])
            assert set((match[2] or "").split(",")) - {""} <= extras, f"{match[1]} has {extras}"


def parse(block: Block, place: Place) -> None:
    """Read TOML, YAML or JSON."""
    readers: dict[str, Callable[[str], object]] = {
        "toml": tomli.loads,
        "yaml": yaml.safe_load,
        "json": json.loads,
    }
    assert readers[block.language](block.code), "it is empty"


def part_of(block: Block, place: Place) -> None:
    """Find the block, but for its indentation, in the file named: one that a test runs."""
    (name,) = block.arguments
    wanted = _stripped(block.code)
    lines = _stripped((ROOT / name).read_text(encoding="utf-8"))
    starts = range(len(lines) - len(wanted) + 1)
    assert wanted, "it is empty"
    assert any(lines[at : at + len(wanted)] == wanted for at in starts), f"not in {name}"


def picture(block: Block, place: Place) -> None:
    """Accept a drawing or a sketch of words: a block of the language ``text``."""
    assert block.language == "text", "a picture's language is text: code is run"


RUNNERS: dict[str, Runner] = {
    "adds-to": adds_to,
    "background": background,
    "file": file,
    "install": install,
    "make": make,
    "output": output,
    "parse": parse,
    "part-of": part_of,
    "picture": picture,
    "replaces": replaces,
    "script": script,
    "shell": shell,
}


def run_block(block: Block, place: Place) -> None:
    """Run one block; a failure names its file and line."""
    runner = RUNNERS.get(block.kind)
    if runner is None:
        kinds = ", ".join(sorted(RUNNERS))
        what = f"unknown kind {block.kind!r}" if block.kind else f"no way to run {block.language!r}"
        pytest.fail(f"{block}: {what}; put <!-- run: KIND --> before it, one of: {kinds}")
    try:
        runner(block, place)
    except AssertionError as exc:
        raise AssertionError(f"{block}: {exc}") from exc


def _run(command: list[str], block: Block, place: Place) -> str:
    fails = "fails" in block.arguments
    done = subprocess.run(
        command,
        cwd=place.folder,
        env=place.environment(block.arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS_IN_ORDER if place.in_order else _SECONDS,
    )
    assert (done.returncode != 0) is fails, f"status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _trimmed(text: str) -> str:
    """Leave out the spaces that tables are padded with: what else is installed is in them too."""
    return "\n".join(re.sub(r"(?<=\S) {2,}", "  ", line.rstrip()) for line in text.splitlines())


def _commands(block: Block) -> list[list[str]]:
    lines = (shlex.split(line, comments=True) for line in block.code.splitlines())
    return [words for words in lines if words]


def _stripped(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]
