"""A provider's options in words: type, limits, default, where else the value comes from."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from avatar_core.contract.options import ProviderOptions

_LIMITS = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "min_length": "length at least {}",
    "max_length": "length at most {}",
    "multiple_of": "a multiple of {}",
    "pattern": "matching {}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionDescription:
    """One option as a user sees it.

    Args:
        name: Its keyword.
        type: Its type and limits in words.
        required: It has to come from somewhere.
        default: Its default in words; None if it is required, None by itself, or a secret.
        variable: The environment variable it is read from when not given.
        description: What it does.
    """

    name: str
    type: str
    required: bool
    default: str | None
    variable: str | None
    description: str


def describe_options(model: type[ProviderOptions]) -> tuple[OptionDescription, ...]:
    """Describe every option of a provider, in the order of its model.

    Args:
        model: The options model.
    """
    variables = model.environment_variables()
    return tuple(
        OptionDescription(
            name=name,
            type=_type(field),
            required=field.is_required(),
            default=_default(field),
            variable=variables.get(name),
            description=inspect.cleandoc(field.description or ""),
        )
        for name, field in model.model_fields.items()
    )


def _type(field: FieldInfo) -> str:
    limits = [
        words.format(getattr(marker, attribute))
        for marker in field.metadata
        for attribute, words in _LIMITS.items()
        if getattr(marker, attribute, None) is not None
    ]
    return ", ".join([_type_name(field.annotation), *limits])


def _type_name(annotation: Any) -> str:
    """Write a type as a user would say it, choices by their values."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_name(arguments[0])
    if origin is Literal:
        return " | ".join(str(choice) for choice in arguments)
    if origin in (Union, types.UnionType):
        return " | ".join(_type_name(part) for part in arguments)
    # Its parameters are a list and not types; and what is written on a command line is none.
    if Callable in (origin, annotation):
        return "function"
    if origin is not None and arguments:
        inner = ", ".join("..." if part is ... else _type_name(part) for part in arguments)
        return f"{_type_name(origin)}[{inner}]"
    if annotation in (None, type(None)):
        return "none"
    if annotation in (SecretStr, SecretBytes):
        return "secret"
    plain = {str: "text", int: "whole number", float: "number", bool: "true | false"}
    return plain.get(annotation) or str(getattr(annotation, "__name__", annotation))


def _default(field: FieldInfo) -> str | None:
    if field.is_required() or _type_name(field.annotation).startswith("secret"):
        return None
    if field.default_factory is not None:
        return "computed"
    if isinstance(field.default, bool):
        return str(field.default).lower()
    return None if field.default is None else str(field.default)
