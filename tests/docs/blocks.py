"""The code blocks of the project's Markdown, each with the way in which it is run.

A block says how by a comment on the line before its fence: ``<!-- run: KIND ARGUMENT -->``.
Without one its language decides. A page with the line ``<!-- run-in-order -->`` builds something:
its blocks are run one after the other in one folder. CONTRIBUTING.md explains it to those who write
documentation.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<ticks>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)$")
_MARKER = re.compile(r"^\s*<!--\s*run:\s*(?P<words>.*?)\s*-->\s*$")
_IN_ORDER = re.compile(r"^<!--\s*run-in-order\s*-->$", re.MULTILINE)
_BY_LANGUAGE = {
    "json": "parse",
    "python": "script",
    "toml": "parse",
    "yaml": "parse",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block.

    Args:
        path: The file, from the root of the project.
        line: Of the fence, from 1.
        language: As written behind the fence, in lower case; may be empty.
        kind: How to run it; empty if neither a marker nor the language tells.
        arguments: What the marker names behind the kind.
        code: The block's text without its indentation.
        previous: The block before it in the same file.
        introduction: The last line of text before it, and before its marker.
    """

    path: str
    line: int
    language: str
    kind: str
    arguments: tuple[str, ...]
    code: str
    previous: Block | None
    introduction: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def documents() -> list[Path]:
    """Return every Markdown file that people read."""
    return sorted(
        [
            *ROOT.glob("*.md"),
            *ROOT.glob("docs/**/*.md"),
            *ROOT.glob("examples/**/*.md"),
            *ROOT.glob("providers/*/*.md"),
        ]
    )


def blocks_of(text: str, *, path: str) -> list[Block]:
    """Return the fenced blocks of a Markdown text in order.

    Raises:
        ValueError: A fence is not closed, or a marker stands before no fence.
    """
    found: list[Block] = []
    marker: list[str] | None = None
    introduction = ""
    lines = iter(enumerate(text.splitlines(), start=1))
    for number, line in lines:
        if match := _MARKER.match(line):
            marker = match["words"].split()
            continue
        fence = _FENCE.match(line)
        if fence is None:
            if marker is not None:
                raise ValueError(f"{path}:{number}: a marker must stand right before its block")
            introduction = line.strip() or introduction
            continue
        code: list[str] = []
        for _, inner in lines:
            if inner.strip().startswith(fence["ticks"]) and not inner.strip().strip("`~"):
                break
            code.append(inner.removeprefix(fence["indent"]))
        else:
            raise ValueError(f"{path}:{number}: the block is not closed")
        language = fence["info"].split(" ")[0].split("{")[0].strip().lower()
        words = marker if marker is not None else [_BY_LANGUAGE.get(language, "")]
        found.append(
            Block(
                path=path,
                line=number,
                language=language,
                kind=words[0] if words else "",
                arguments=tuple(words[1:]),
                code=textwrap.dedent("\n".join(code)) + "\n",
                previous=found[-1] if found else None,
                introduction=introduction,
            )
        )
        marker, introduction = None, ""
    if marker is not None:
        raise ValueError(f"{path}: a marker stands at the end")
    return found


def is_in_order(text: str) -> bool:
    """Tell whether a Markdown text builds something, one block on the other."""
    return _IN_ORDER.search(text) is not None


def all_blocks() -> list[Block]:
    """Return the blocks that stand for themselves, of all documents."""
    return [
        block for path in documents() if not is_in_order(_text(path)) for block in _blocks(path)
    ]


def pages_in_order() -> dict[str, list[Block]]:
    """Return the blocks of each page that builds something, by the page's path from the root."""
    return {
        path.relative_to(ROOT).as_posix(): _blocks(path)
        for path in documents()
        if is_in_order(_text(path))
    }


def _blocks(path: Path) -> list[Block]:
    return blocks_of(_text(path), path=path.relative_to(ROOT).as_posix())


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
