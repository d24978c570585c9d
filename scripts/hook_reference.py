"""Writes docs/reference/hooks.md from the hook specification: python -m scripts.hook_reference."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from avatar_core.calling.provider_call import ProviderCall
from avatar_core.contract import audio_routes, models
from avatar_core.contract.hookspecs import (
    HOOKS_BY_VERSION,
    REQUIRED_HOOKS,
    ExtensionHooks,
    ProviderHooks,
)
from avatar_core.discovery.hook_checks import hook_names
from avatar_core.discovery.provider_checks import PLAIN_HOOKS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "hooks.md"
ANSWERS = (
    models.ProviderInfo,
    models.Credential,
    models.AudioFormat,
    models.Capabilities,
    models.StandIn,
    models.StartedSession,
    audio_routes.DataStream,
    audio_routes.Sink,
    audio_routes.Discard,
    models.ListedSession,
    models.SessionUsage,
    models.Finding,
)
"""What providers make."""

GIVEN = (models.ConnectOptions, models.RoomAddress, models.RoomKey, models.WorkerToken)
"""What requests carry."""

INTRODUCTION = f"""\
<!-- Written by scripts/hook_reference.py from the hook specification, by make docs. -->

# Hooks

A provider is a module, or an object, whose functions of these names carry `@hookimpl`. Each takes
`request`, or nothing, by keyword, and is called on the chosen provider alone. It may be
`async def`; a plain function runs in a thread. A hook that is not implemented is not called.

This is contract version {models.CONTRACT_VERSION}. A provider states the version it was written for
in `ProviderInfo.contract_version`. Every version from {models.OLDEST_CONTRACT_VERSION} on works:
what is added later is optional. A provider for a version that is yet to come is refused, and says
that avatar-core has to be upgraded.
"""

OPTIONS = """\
## Options

::: avatar_core.contract.options
    options:
      show_root_heading: false
      show_root_toc_entry: false
      heading_level: 3
"""


def page() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION, "\n".join(_overview())]
    parts += [_hook(ProviderHooks, name) for name in hook_names(ProviderHooks)]
    parts += ["## What every request carries\n", _record(models.ProviderRequest, level=0)]
    parts += [_record(record) for record in GIVEN]
    parts += ["## What a provider makes\n"]
    parts += [_record(record, made=True) for record in ANSWERS]
    parts += [OPTIONS, "## The hook of extensions\n"]
    parts += [_hook(ExtensionHooks, name, level=3) for name in hook_names(ExtensionHooks)]
    parts += [_record(ProviderCall)]
    return "\n".join(parts)


def _overview() -> Iterator[str]:
    yield "| Hook | | Since version |"
    yield "|---|---|---|"
    for name in hook_names(ProviderHooks):
        need = "required" if name in REQUIRED_HOOKS else "optional"
        yield f"| [`{name}`](#{name}) | {need} | {_since(name)} |"
    yield ""


def _since(hook: str) -> int:
    return next(version for version, hooks in HOOKS_BY_VERSION.items() if hook in hooks)


def _hook(owner: type, name: str, *, level: int = 2) -> str:
    function = getattr(owner, name)
    words, sections = _parsed(inspect.getdoc(function) or "")
    signature = inspect.signature(function)
    arguments = [each for each in signature.parameters.values() if each.name != "self"]
    shown = ", ".join(f"{each.name}: {_short(each.annotation)}" for each in arguments)
    lines = [f"{'#' * level} {name}", ""]
    lines += [f"`{name}({shown}) -> {_short(signature.return_annotation)}`", ""]
    if owner is ProviderHooks:
        need = "Required" if name in REQUIRED_HOOKS else "Optional"
        style = "never `async`" if name in PLAIN_HOOKS else "`async def` or plain"
        lines += [f"{need}; since version {_since(name)}; {style}.", ""]
    lines += [words, ""]
    for argument in arguments:
        record = getattr(models, _short(argument.annotation), None)
        if record is not None:
            lines += _request(argument.name, record)
    lines += _outcome(sections)
    return "\n".join(lines)


def _request(argument: str, record: Any) -> Iterator[str]:
    own = _fields(record, without=models.ProviderRequest)
    article = "an" if record.__name__[0] in "AEIOU" else "a"
    common = "[what every request carries](#what-every-request-carries)"
    yield f"`{argument}` is {article} `{record.__name__}`: {common}{', and' if own else '.'}"
    yield ""
    yield from own
    yield ""


def _outcome(sections: dict[str, str]) -> Iterator[str]:
    if "Returns" in sections:
        yield f"Returns: {_inline(sections['Returns'])}"
        yield ""
    if "Raises" in sections:
        yield "| Raises | When |"
        yield "|---|---|"
        for error, when in _entries(sections["Raises"]).items():
            yield f"| `{error}` | {when} |"
        yield ""


def _record(record: Any, *, made: bool = False, level: int = 3) -> str:
    words, _ = _parsed(inspect.getdoc(record) or "")
    lines = [f"{'#' * level} {record.__name__}", "", words, ""] if level else []
    table = _fields(record, made=made)
    return "\n".join([*lines, *table, ""] if table else lines)


def _fields(record: Any, *, made: bool = False, without: Any = None) -> list[str]:
    """Write a table of a record's fields; of what providers make with the defaults, too."""
    inherited = {field.name for field in dataclasses.fields(without)} if without else set()
    meaning: dict[str, str] = {}
    for base in reversed(record.__mro__):
        _, sections = _parsed(vars(base).get("__doc__") or "")
        meaning |= _entries(sections.get("Args", ""))
    rows = []
    for field in dataclasses.fields(record):
        if field.name in inherited:
            continue
        cells = [f"`{field.name}`", f"`{_short(field.type)}`"]
        if made:
            cells.append(_default(field))
        # A field that came after version 1 says so itself.
        cells += [str(field.metadata.get("since", 1)), meaning[field.name]]
        rows.append(f"| {' | '.join(cells)} |")
    for name, value in vars(record).items():
        if isinstance(value, property) and value.fget is not None:
            kind = _short(inspect.signature(value.fget).return_annotation)
            cells = [f"`{name}`", f"`{kind}`", *(["computed"] if made else []), "1"]
            rows.append(f"| {' | '.join(cells)} | {_inline(inspect.getdoc(value) or '')} |")
    if not rows:
        return []
    heads = ["Field", "Type", *(["Default"] if made else []), "Since", "Meaning"]
    return [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *rows]


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return f"`{field.default_factory()!r}`"
    if field.default is dataclasses.MISSING:
        return "required"
    nested = dataclasses.is_dataclass(field.default)
    return f"`{type(field.default).__name__}()`" if nested else f"`{field.default!r}`"


def _short(annotation: object) -> str:
    """Write a type without its module, and without the bar that ends a table's cell."""
    return re.sub(r"\bmodels\.", "", str(annotation)).replace(" | ", " or ")


def _parsed(docstring: str) -> tuple[str, dict[str, str]]:
    """Split a docstring into its text, as Markdown, and its sections by their names."""
    text = inspect.cleandoc(docstring)
    head, *rest = re.split(r"(?m)^(Args|Returns|Raises):\n", text)
    return _inline(head, keep_lines=True), dict(zip(rest[::2], rest[1::2], strict=True))


def _entries(section: str) -> dict[str, str]:
    """Read ``name: meaning`` entries, whose further lines are indented more."""
    entries = re.split(r"(?m)^(\w+): ", inspect.cleandoc(section))[1:]
    return {
        name: _inline(meaning) for name, meaning in zip(entries[::2], entries[1::2], strict=True)
    }


def _inline(text: str, *, keep_lines: bool = False) -> str:
    markdown = text.replace("``", "`").strip()
    return markdown if keep_lines else " ".join(markdown.split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
