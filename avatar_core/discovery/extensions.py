"""Extensions: plugins that see every provider call, and run only where somebody asked for them."""

from __future__ import annotations

import inspect
import threading
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pluggy

from avatar_core.contract.errors import ConfigurationError
from avatar_core.contract.hookspecs import ExtensionHooks
from avatar_core.discovery.entry_points import (
    EXTENSION_GROUP,
    EntryPointSource,
    UnfitPluginError,
    claims_by_name,
    duplicate_reason,
    installed_entry_points,
    load_claim,
    raised,
)
from avatar_core.discovery.environment import EXTENSIONS_VARIABLE, names_in
from avatar_core.discovery.hook_checks import bind_hooks, hook_functions, refuse_non_plugin
from avatar_core.discovery.provider_checks import module_of

if TYPE_CHECKING:
    from avatar_core.calling.provider_call import ProviderCall


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadedExtension:
    """An extension that was imported and checked.

    Args:
        name: Its name.
        distribution: The distribution that brought it, None if registered in code.
        plugin: The module or object with ``around_call``.
        manager: The plugin manager that holds this plugin alone.
    """

    name: str
    distribution: str | None
    plugin: object = field(repr=False)
    manager: pluggy.PluginManager = field(repr=False)

    def around_call(self, call: ProviderCall) -> AbstractAsyncContextManager[None]:
        """Give the context manager that wraps one provider call.

        Args:
            call: The call about to be made.

        Raises:
            ConfigurationError: The extension gave no async context manager; the call must not
                be made then, for a policy that silently does not run is worse than none.
        """
        answers: list[Any] = self.manager.hook.around_call(call=call)
        wrapper = answers[0] if answers else None
        if isinstance(wrapper, AbstractAsyncContextManager):
            return wrapper
        if inspect.iscoroutine(wrapper):
            wrapper.close()  # else Python warns that it was never awaited
        raise ConfigurationError(
            f"extension {self.name!r}: around_call gave {type(wrapper).__name__} and no async"
            " context manager; put @hookimpl above @asynccontextmanager"
        )


class ExtensionRegistry:
    """Keeps the extensions that are active.

    Those that ``AVATAR_EXTENSIONS`` names come first, in its order, so the first is the
    outermost; then those registered in code, in the order of their registration. Nothing that is
    merely installed runs: an extension sees tokens.

    Args:
        entry_points: Where entry points come from; the installed ones unless a test says else.
    """

    def __init__(self, *, entry_points: EntryPointSource = installed_entry_points) -> None:
        self._entry_points = entry_points
        self._lock = threading.Lock()
        self._installed: dict[str, LoadedExtension] = {}
        self._registered: dict[str, LoadedExtension] = {}

    def register(self, plugin: object, *, name: str | None = None) -> LoadedExtension:
        """Activate an extension from code; the very same object again changes nothing.

        Args:
            plugin: A module or an object with ``around_call``.
            name: Its name, for messages and ``unregister``; None takes that of its module or
                class.

        Raises:
            ConfigurationError: It cannot be used, or the name is taken.
        """
        chosen = name or str(getattr(plugin, "__name__", None) or type(plugin).__name__)
        fresh = _checked(plugin, chosen, None)
        with self._lock:
            present = self._registered.get(chosen)
            if present is None:
                self._registered[chosen] = fresh
                return fresh
        if present.plugin is plugin:
            return present
        raise ConfigurationError(f"extension {chosen!r} is registered already; pass another name")

    def unregister(self, name: str) -> None:
        """Deactivate an extension that was registered in code; calls under way keep it.

        Args:
            name: Its name.

        Raises:
            ConfigurationError: No extension was registered under that name.
        """
        with self._lock:
            if self._registered.pop(name, None) is None:
                known = ", ".join(self._registered) or "none"
                raise ConfigurationError(
                    f"no extension {name!r} is registered (registered: {known})"
                )

    def active(self) -> tuple[LoadedExtension, ...]:
        """List the active extensions, outermost first.

        Raises:
            ConfigurationError: ``AVATAR_EXTENSIONS`` names one that is not there, is broken, or
                is registered in code too.
        """
        asked = [self._asked(name) for name in names_in(EXTENSIONS_VARIABLE)]
        with self._lock:
            return (*asked, *self._registered.values())

    def _asked(self, name: str) -> LoadedExtension:
        with self._lock:
            known, registered = self._installed.get(name), name in self._registered
        if registered:
            raise ConfigurationError(
                f"extension {name!r} is both in {EXTENSIONS_VARIABLE} and registered in code;"
                " which one is meant cannot be told"
            )
        if known is not None:
            return known
        claims = claims_by_name(self._entry_points, EXTENSION_GROUP)
        if name not in claims:
            installed = ", ".join(claims) or "none"
            raise ConfigurationError(
                f"{EXTENSIONS_VARIABLE} names {name!r}, which is not installed"
                f" (installed: {installed})"
            )
        if len(claims[name]) > 1:
            raise ConfigurationError(
                f"{EXTENSIONS_VARIABLE} names {name!r}: {duplicate_reason(claims[name])}"
            )
        claim = claims[name][0]
        try:
            plugin = load_claim(claim)
        except UnfitPluginError as exc:
            raise _unusable(name, claim.distribution, exc) from exc.__cause__
        fresh = _checked(plugin, name, claim.distribution)
        with self._lock:
            return self._installed.setdefault(name, fresh)


def _checked(plugin: object, name: str, distribution: str | None) -> LoadedExtension:
    try:
        refuse_non_plugin(plugin)
        manager = bind_hooks(
            plugin,
            hook_functions(plugin),
            name=name,
            specification=ExtensionHooks,
            required=("around_call",),
        )
    except UnfitPluginError as exc:
        raise _unusable(name, distribution, exc) from exc.__cause__
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # a plugin object's own attributes can raise
        reason = UnfitPluginError(raised("looking at it", exc, module_of(plugin)))
        raise _unusable(name, distribution, reason) from exc
    return LoadedExtension(name=name, distribution=distribution, plugin=plugin, manager=manager)


def _unusable(name: str, distribution: str | None, why: UnfitPluginError) -> ConfigurationError:
    origin = f" (from {distribution})" if distribution else ""
    return ConfigurationError(f"extension {name!r}{origin} cannot be used: {why}")
