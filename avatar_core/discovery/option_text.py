"""Options written as text, in ``AVATAR_PROVIDER`` or on the command line."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from avatar_core.contract.errors import ConfigurationError
from avatar_core.contract.options import ProviderOptions

_LISTS = (list, tuple, set, frozenset, Sequence, AbstractSet)


def options_from_text(
    provider: str, model: type[ProviderOptions], text: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Give written options the shape their types ask for; pydantic converts what is inside.

    A list takes every value of a repeated option, or one JSON array; a mapping takes a JSON
    object; a choice among numbers takes the number. Anything else stays text, which pydantic reads
    as a number, a boolean or a date where the model wants one.

    Args:
        provider: The provider's name, for the error text.
        model: Its options.
        text: Values by option, in the order written.

    Raises:
        ConfigurationError: An option was repeated that takes one value, or its JSON is broken.
    """
    return {
        name: _shaped(provider, name, _annotation(model, name), values)
        for name, values in text.items()
    }


def _annotation(model: type[ProviderOptions], name: str) -> Any:
    field = model.model_fields.get(name)
    return field.annotation if field else str


def _shaped(provider: str, name: str, annotation: Any, values: Sequence[str]) -> Any:
    kinds = _alternatives(annotation)
    first = values[0]
    if any(_is_kind(kind, _LISTS) for kind in kinds):
        if len(values) == 1 and first.lstrip().startswith("["):
            return _json(provider, name, first)
        return list(values)
    if len(values) > 1:
        raise ConfigurationError(f"avatar provider {provider!r}: option {name!r} is given twice")
    if any(_is_kind(kind, (dict, Mapping, BaseModel)) for kind in kinds):
        return _json(provider, name, first)
    choices = [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    return next((choice for choice in choices if str(choice) == first), first)


def _alternatives(annotation: Any) -> list[Any]:
    """Take ``Annotated`` and unions apart."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [kind for part in get_args(annotation) for kind in _alternatives(part)]
    return [annotation]


def _is_kind(annotation: Any, kinds: tuple[type, ...]) -> bool:
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, kinds) and not issubclass(kind, (str, bytes))


def _json(provider: str, name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        raise ConfigurationError(
            f"avatar provider {provider!r}: option {name!r} is not valid JSON"
        ) from None
