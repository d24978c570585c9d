"""What discovery gives: a provider ready to be called, and a line about each one there is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pluggy

from avatar_core.contract.hookspecs import ProviderHooks
from avatar_core.contract.models import ProviderInfo
from avatar_core.discovery.hook_checks import hook_names

Status = Literal["available", "loaded", "broken", "blocked", "duplicate", "not installed"]
Origin = Literal["entry point", "registered", "family"]

PROVIDER_HOOKS = hook_names(ProviderHooks)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadedProvider:
    """A provider that was imported and checked.

    It stays callable for as long as somebody holds it, also after ``unregister_provider``: a
    session under way has to be ended by the provider that began it.

    Args:
        name: Its name.
        distribution: The distribution that brought it, None if registered in code.
        version: Version of that distribution.
        origin: How it came here.
        plugin: The module or object with the hooks.
        info: What it says of itself.
        manager: The plugin manager that holds this plugin alone.
    """

    name: str
    distribution: str | None
    version: str | None
    origin: Origin
    plugin: object = field(repr=False)
    info: ProviderInfo = field(repr=False)
    manager: pluggy.PluginManager = field(repr=False)

    @property
    def hooks(self) -> tuple[str, ...]:
        """Names of the hooks it implements, in the order of the specification."""
        return tuple(hook for hook in PROVIDER_HOOKS if self.implements(hook))

    def implements(self, hook: str) -> bool:
        """Tell whether it implements a hook.

        Args:
            hook: A hook of ``ProviderHooks``.

        Raises:
            ValueError: There is no such hook.
        """
        return bool(self.caller(hook).get_hookimpls())

    def caller(self, hook: str) -> pluggy.HookCaller:
        """Give the caller of one hook; it asks this provider and no other.

        Call it with the hook's arguments by keyword. It returns what the function returns, a
        coroutine where that is ``async``, and None where the hook is not implemented.

        Args:
            hook: A hook of ``ProviderHooks``.

        Raises:
            ValueError: There is no such hook.
        """
        if hook not in PROVIDER_HOOKS:
            raise ValueError(f"no hook named {hook!r}")
        caller: pluggy.HookCaller = getattr(self.manager.hook, hook)
        return caller


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderListing:
    """One line about a provider.

    Args:
        name: Its name; ``prefix.*`` stands for a family that has not listed its members.
        distribution: The distribution that brought it, if known.
        version: Version of that distribution, if known.
        status: ``available`` is installed and not yet imported, ``loaded`` can be used, the
            others cannot; of ``not installed`` a family knows, and ``error`` says how to get it.
        error: Why it cannot be used; None if it can, or has not been tried.
        origin: ``entry point``, ``registered`` in code, or a ``family``.
        title: The provider's name as people write it, once loaded.
        hooks: The hooks it implements, once loaded.
    """

    name: str
    distribution: str | None
    version: str | None
    status: Status
    error: str | None = None
    origin: Origin = "entry point"
    title: str | None = None
    hooks: tuple[str, ...] = ()
