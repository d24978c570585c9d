"""A plugin's constructor as the options of a provider."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from livekit.agents import NotGiven
from pydantic import ConfigDict, Field, SecretStr, TypeAdapter, create_model

from avatar_core.contract.options import RESERVED_OPTIONS, Env, ProviderOptions
from avatar_provider_livekit.known_plugins import KnownPlugin

_SECRETS = ("api_key", "api_secret", "api_token")
_PLAIN = (str, int, float, bool, SecretStr)
_KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class PluginOptions(ProviderOptions):
    """Options of one plugin; its subclasses are made from the plugin's constructor."""

    # A plugin may take objects of any class, such as a picture or an HTTP session.
    model_config = ConfigDict(arbitrary_types_allowed=True)

    def arguments(self) -> dict[str, Any]:
        """Return what the caller gave, for the plugin's constructor; what was not given stays out.

        None counts as given. A plugin tells both apart.
        """
        given = {name: getattr(self, name) for name in type(self).model_fields if self._gave(name)}
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in given.items()
        }

    def _gave(self, name: str) -> bool:
        return name in self.model_fields_set


def parameters_of(plugin: type) -> Mapping[str, inspect.Parameter]:
    """Return the arguments of a plugin's constructor that can be given by name.

    Args:
        plugin: Its ``AvatarSession``.
    """
    found: dict[str, inspect.Parameter] = {}
    # A subclass that passes **kwargs on takes what its base takes.
    for owner in plugin.__mro__:
        constructor = vars(owner).get("__init__")
        if constructor is None:
            continue
        parameters = list(inspect.signature(constructor).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind in _KINDS:
                found.setdefault(parameter.name, parameter)
        if not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
            break
    return found


def options_model(name: str, plugin: type, known: KnownPlugin) -> type[PluginOptions]:
    """Make the options model of a plugin.

    Args:
        name: The provider's name.
        plugin: The plugin's ``AvatarSession``.
        known: What its signature does not tell.
    """
    hints = _hints(plugin)
    credentials = dict(known.credentials)
    fields: dict[str, Any] = {}
    for parameter in parameters_of(plugin).values():
        option = parameter.name
        if option in RESERVED_OPTIONS:
            continue
        secret = option in credentials or option in _SECRETS
        hint = SecretStr if secret else _usable(hints.get(option, Any))
        # A plugin whose one key is missing says so only when it is started.
        required = parameter.default is inspect.Parameter.empty or (
            secret and known.key_required and option in credentials
        )
        annotation: Any = hint if required else hint | None if hint is not Any else Any
        if option in credentials:
            annotation = Annotated[annotation, Env(credentials[option])]
        fields[option] = (
            annotation,
            Field(
                default=... if required else _default(parameter.default),
                description=_description(option, known),
                repr=not secret and _is_plain(hint),
            ),
        )
    return create_model(f"{_title(name)}Options", __base__=PluginOptions, **fields)


def _hints(plugin: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for owner in reversed(plugin.__mro__):
        constructor: Callable[..., Any] | None = vars(owner).get("__init__")
        if constructor is None or owner is object:
            continue
        try:
            found.update(get_type_hints(constructor))
        except Exception:  # noqa: BLE001 - names that exist for type checkers alone
            found.update(dict.fromkeys(getattr(constructor, "__annotations__", {}), Any))
    return found


def _usable(hint: Any) -> Any:
    """Take ``NotGiven`` out of a type; give Any for what pydantic cannot check."""
    if get_origin(hint) in (Union, types.UnionType):
        parts = tuple(part for part in get_args(hint) if part not in (NotGiven, type(None)))
        hint = Union[parts] if parts else Any  # noqa: UP007 - made of parts
    try:
        TypeAdapter(hint, config=None if _has_own_config(hint) else _ANY_CLASS)
    except Exception:  # noqa: BLE001 - pydantic has several ways to say that it cannot
        return Any
    return hint


_ANY_CLASS = ConfigDict(arbitrary_types_allowed=True)


def _has_own_config(hint: Any) -> bool:
    return (
        hasattr(hint, "__pydantic_config__")
        or hasattr(hint, "model_config")
        or (isinstance(hint, type) and hasattr(hint, "__dataclass_fields__"))
    )


def _is_plain(hint: Any) -> bool:
    parts = get_args(hint) or (hint,)
    return all(part in _PLAIN or not isinstance(part, type) for part in parts) and hint is not Any


def _default(default: Any) -> Any:
    plain = isinstance(default, (str, int, float, bool, bytes, tuple))
    return default if plain and not isinstance(default, NotGiven) else None


def _description(option: str, known: KnownPlugin) -> str:
    variable = dict(known.variables).get(option)
    said = "Handed to the plugin as it is"
    return f"{said}; the plugin reads {variable} where it is not given." if variable else f"{said}."


def _title(name: str) -> str:
    words = name.replace(".", "_").replace("-", "_").split("_")
    return "".join(word.capitalize() for word in words)
