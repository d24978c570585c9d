"""Binds a plugin's functions to hooks, refusing what pluggy would let pass in silence."""

from __future__ import annotations

import difflib
import inspect
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pluggy

from avatar_core.contract.hookspecs import PROJECT_NAME
from avatar_core.discovery.entry_points import UnfitPluginError

_MARKER = f"{PROJECT_NAME}_impl"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFunction:
    """One function that carries ``@hookimpl``.

    Args:
        hook: The hook it implements.
        attribute: Its name in the plugin.
        function: The function, bound if it is a method.
        markers: What ``@hookimpl`` was told.
    """

    hook: str
    attribute: str
    function: Callable[..., Any]
    markers: dict[str, Any]


def refuse_non_plugin(plugin: object) -> None:
    """Refuse what cannot be a plugin at all, a class above all.

    Args:
        plugin: What an entry point or a caller gave.

    Raises:
        UnfitPluginError: It is a class, a function or a plain value.
    """
    if inspect.isclass(plugin):
        raise UnfitPluginError(
            f"it is the class {plugin.__name__!r}; give an instance of it, or a module"
        )
    if inspect.isroutine(plugin):
        raise UnfitPluginError(
            "it is a function; give a module or an object whose methods are hooks"
        )
    if plugin is None or isinstance(plugin, (str, bytes, int, float, dict, list, tuple, set)):
        raise UnfitPluginError(
            f"it is a {type(plugin).__name__}; give a module or an object whose methods are hooks"
        )


def hook_functions(plugin: object) -> tuple[HookFunction, ...]:
    """List the functions of a plugin that carry ``@hookimpl``, in alphabetical order.

    Args:
        plugin: A module or an instance.
    """
    manager = pluggy.PluginManager(PROJECT_NAME)
    found = []
    for attribute in dir(plugin):
        markers = manager.parse_hookimpl_opts(plugin, attribute)
        if markers is not None:
            found.append(
                HookFunction(
                    hook=markers.get("specname") or attribute,
                    attribute=attribute,
                    function=getattr(plugin, attribute),
                    markers=dict(markers),
                )
            )
    return tuple(found)


def hook_names(specification: type) -> tuple[str, ...]:
    """List the hooks of a specification, in the order they are written.

    Args:
        specification: ``ProviderHooks`` or ``ExtensionHooks``.
    """
    return tuple(
        name
        for name, value in vars(specification).items()
        if hasattr(value, f"{PROJECT_NAME}_spec")
    )


def bind_hooks(
    plugin: object,
    functions: Sequence[HookFunction],
    *,
    name: str,
    specification: type,
    required: Sequence[str],
    later: Sequence[str] = (),
) -> pluggy.PluginManager:
    """Register a plugin, alone, in a plugin manager of its own.

    Alone, because a shared manager would let another plugin answer: pluggy's
    ``subset_hook_caller`` filters at the time of the call, so one registered in between is asked
    first, and one unregistered during a call could no longer be asked to end its session.

    Args:
        plugin: A module or an instance.
        functions: What ``hook_functions`` found in it.
        name: The name to register under.
        specification: ``ProviderHooks`` or ``ExtensionHooks``.
        required: Hooks that must be there.
        later: Hooks that came after the contract the plugin was written for: a function of its
            own may have such a name by chance.

    Raises:
        UnfitPluginError: A hook is unknown, missing, a wrapper, or takes other arguments.
    """
    known = hook_names(specification)
    for function in functions:
        _check_markers(function)
        if function.hook in known:
            _check_arguments(function, specification)
        elif not function.markers.get("optionalhook"):
            raise UnfitPluginError(_unknown_hook(function.hook, known))
    implemented = [function.hook for function in functions]
    for hook in known:
        if implemented.count(hook) > 1:
            raise UnfitPluginError(f"more than one of its functions implements hook {hook!r}")
        if hook not in (*implemented, *later) and _is_unmarked_hook(plugin, hook):
            raise UnfitPluginError(
                f"its function {hook!r} is not a hook yet: put @hookimpl above it"
            )
    missing = [hook for hook in required if hook not in implemented]
    if missing:
        raise UnfitPluginError(f"required hooks are missing: {', '.join(missing)}")
    manager = pluggy.PluginManager(PROJECT_NAME)
    manager.add_hookspecs(specification)
    try:
        manager.register(plugin, name=name)
        manager.check_pending()
    except pluggy.PluginValidationError as exc:
        raise UnfitPluginError(" ".join(str(exc).split())) from exc
    return manager


def _check_markers(function: HookFunction) -> None:
    if function.markers.get("wrapper") or function.markers.get("hookwrapper"):
        raise UnfitPluginError(
            f"hook {function.hook!r} is a pluggy wrapper, which cannot see how a call ends;"
            " what looks at calls is an extension with 'around_call'"
        )
    for order in ("tryfirst", "trylast"):
        if function.markers.get(order):
            raise UnfitPluginError(
                f"hook {function.hook!r} is marked {order}, but one plugin alone is called:"
                " remove the mark"
            )


def _check_arguments(function: HookFunction, specification: type) -> None:
    """Pluggy passes arguments by position and by their names, so both must fit."""
    offered = tuple(inspect.signature(getattr(specification, function.hook)).parameters)[1:]
    try:
        parameters = inspect.signature(function.function).parameters.values()
    except (TypeError, ValueError) as exc:
        raise UnfitPluginError(f"the arguments of hook {function.hook!r} cannot be read") from exc
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    wrong = [
        parameter.name
        for parameter in parameters
        if parameter.kind not in variadic
        and (parameter.name not in offered or parameter.kind is inspect.Parameter.KEYWORD_ONLY)
    ]
    if wrong:
        takes = ", ".join(offered) or "no argument"
        raise UnfitPluginError(
            f"hook {function.hook!r} has wrong arguments ({', '.join(wrong)}): it takes {takes}"
        )


def _unknown_hook(hook: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(hook, known, n=1)
    meant = f"; did you mean {close[0]!r}?" if close else f" (hooks: {', '.join(known)})"
    return f"unknown hook {hook!r}{meant}"


def _is_unmarked_hook(plugin: object, hook: str) -> bool:
    """Whether the plugin itself defines a function of that name; an imported one is no mistake."""
    holder = plugin if isinstance(plugin, types.ModuleType) else type(plugin)
    value = inspect.getattr_static(holder, hook, None)
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if not inspect.isfunction(value):
        return False
    return not isinstance(plugin, types.ModuleType) or value.__module__ == plugin.__name__
