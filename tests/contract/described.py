"""The contract as plain data, to be compared with what it was.

``python -m tests.contract.described`` prints it: the file of a version is made so before its first
release, and never changed afterwards.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import sys
from typing import Any

from pydantic import BaseModel

import avatar_core
from avatar_core.contract import audio_routes, errors, models
from avatar_core.contract.hookspecs import REQUIRED_HOOKS, ExtensionHooks, ProviderHooks
from avatar_core.contract.options import RESERVED_OPTIONS
from avatar_core.discovery.hook_checks import hook_names

# Python 3.10 has an asyncio.TimeoutError of its own, which is no OSError.
_EVERYONES = (OSError, Exception, BaseException, object)

AUTHORS = {
    "avatar_core.contract.options": ("Env", "ProviderOptions"),
    "avatar_core.livekit_server": ("LiveKitServer",),
    "avatar_core.provider_http.base_url": ("BaseUrl",),
    "avatar_core.provider_http.error_table": ("ErrorTable",),
    "avatar_core.provider_http.json_api": ("JsonApi",),
    "avatar_core.provider_http.secret": ("ApiKey",),
    "avatar_core.testing.call_stage": ("CallStage", "open_call_stage", "tone"),
    "avatar_core.testing.conformance": ("ProviderConformance",),
    "avatar_core.testing.scripted_api": ("ApiAnswer", "ApiCall", "ScriptedApi"),
    "avatar_core.worker": ("AvatarWorker", "Moment", "Renderer", "WorkerOptions"),
}
"""What the documentation and the scaffold let a provider's author import beside the contract."""

_MADE_FOR_THEM = ("ApiCall", "CallStage", "LiveKitServer", "ScriptedApi")
"""Classes among them that no author calls."""


def contract() -> dict[str, Any]:
    """Describe the contract that is installed."""
    return {
        "version": models.CONTRACT_VERSION,
        "hooks": {
            name: list(inspect.signature(getattr(owner, name)).parameters)[1:]
            for owner in (ProviderHooks, ExtensionHooks)
            for name in hook_names(owner)
        },
        "required_hooks": list(REQUIRED_HOOKS),
        "records": {
            name: {field.name: _default(field) for field in dataclasses.fields(record)}
            for name, record in records().items()
        },
        "errors": {
            name: [base.__name__ for base in error.__mro__[1:] if base not in _EVERYONES]
            for name, error in sorted(vars(errors).items())
            if isinstance(error, type) and issubclass(error, errors.AvatarError)
        },
        "reserved_options": sorted(RESERVED_OPTIONS),
        "public_names": sorted(avatar_core.__all__),
        "authors": {
            f"{module}.{name}": _callables(getattr(importlib.import_module(module), name))
            for module, names in AUTHORS.items()
            for name in names
        },
    }


def records() -> dict[str, Any]:
    """Return the records that pass between the core and a provider, by name."""
    return {
        name: record
        for module in (models, audio_routes)
        for name, record in sorted(vars(module).items())
        if dataclasses.is_dataclass(record) and isinstance(record, type)
    }


def _callables(member: Any) -> dict[str, Any]:
    """Describe what can be called of a class, or a function; settings and properties by name."""
    if not isinstance(member, type):
        return {"()": _arguments(member)}
    made_for_them = member.__name__ in _MADE_FOR_THEM
    found: dict[str, Any] = {} if made_for_them else {"()": _arguments(member)}
    for name in sorted(dir(member)):
        # A test is pytest's to call, and what begins with a line is nobody else's.
        if name.startswith(("_", "test_", "model_")) or hasattr(BaseModel, name):
            continue
        value = inspect.getattr_static(member, name)
        value = getattr(value, "__func__", value)
        found[name] = _arguments(value) if inspect.isfunction(value) else "attribute"
    return found


def _arguments(function: Any) -> dict[str, str]:
    return {
        name: f"{each.kind.description}, "
        + ("required" if each.default is inspect.Parameter.empty else "optional")
        for name, each in inspect.signature(function).parameters.items()
    }


def _default(field: dataclasses.Field[Any]) -> str | None:
    """Write a default as text; None where the field must be given."""
    if field.default_factory is not dataclasses.MISSING:
        return repr(field.default_factory())
    return None if field.default is dataclasses.MISSING else repr(field.default)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(contract(), indent=1) + "\n")
