"""The contract as plain data, to be compared with what it was.

``python -m tests.contract.described`` prints it: the file of a version is made so before its first
release, and never changed afterwards.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
from typing import Any

import avatar_core
from avatar_core.contract import audio_routes, errors, models
from avatar_core.contract.hookspecs import REQUIRED_HOOKS, ExtensionHooks, ProviderHooks
from avatar_core.contract.options import RESERVED_OPTIONS
from avatar_core.discovery.hook_checks import hook_names

# Python 3.10 has an asyncio.TimeoutError of its own, which is no OSError.
_EVERYONES = (OSError, Exception, BaseException, object)


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
            for module in (models, audio_routes)
            for name, record in sorted(vars(module).items())
            if dataclasses.is_dataclass(record) and isinstance(record, type)
        },
        "errors": {
            name: [base.__name__ for base in error.__mro__[1:] if base not in _EVERYONES]
            for name, error in sorted(vars(errors).items())
            if isinstance(error, type) and issubclass(error, errors.AvatarError)
        },
        "reserved_options": sorted(RESERVED_OPTIONS),
        "public_names": sorted(avatar_core.__all__),
    }


def _default(field: dataclasses.Field[Any]) -> str | None:
    """Write a default as text; None where the field must be given."""
    if field.default_factory is not dataclasses.MISSING:
        return repr(field.default_factory())
    return None if field.default is dataclasses.MISSING else repr(field.default)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(contract(), indent=1) + "\n")
