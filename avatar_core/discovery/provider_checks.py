"""Decides whether an object is a provider that can be used, before it is called for real."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pluggy

from avatar_core.contract.hookspecs import HOOKS_BY_VERSION, REQUIRED_HOOKS, ProviderHooks
from avatar_core.contract.models import (
    CONTRACT_VERSION,
    OLDEST_CONTRACT_VERSION,
    AudioFormat,
    Capabilities,
    Credential,
    ProviderInfo,
)
from avatar_core.contract.options import RESERVED_OPTIONS, ProviderOptions
from avatar_core.discovery.entry_points import UnfitPluginError, core_version, raised
from avatar_core.discovery.hook_checks import (
    HookFunction,
    bind_hooks,
    hook_functions,
    refuse_non_plugin,
)

OFF = "off"
"""The name that stands for no avatar at all; no provider may have it."""

PLAIN_HOOKS = ("describe_provider", "local_stand_in", "cli_commands")
"""Hooks that are called where nothing is awaited."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


def check_provider(
    plugin: object, name: str | None = None
) -> tuple[pluggy.PluginManager, ProviderInfo]:
    """Check a plugin completely and bind its hooks.

    Args:
        plugin: A module or an instance.
        name: The name it was asked for by; None takes the one it states itself.

    Returns:
        A plugin manager that holds this plugin alone, and what it says of itself.

    Raises:
        UnfitPluginError: It cannot be used; nothing of it is kept.
    """
    try:
        return _check_provider(plugin, name)
    except (UnfitPluginError, KeyboardInterrupt):
        raise
    except BaseException as exc:  # a plugin object's own attributes can raise
        raise UnfitPluginError(raised("looking at it", exc, module_of(plugin))) from exc


def module_of(plugin: object) -> str:
    """Name the module a plugin comes from, for messages.

    Args:
        plugin: A module or an instance.
    """
    found = getattr(plugin, "__name__", None) if inspect.ismodule(plugin) else None
    return str(found or type(plugin).__module__)


def _check_provider(plugin: object, name: str | None) -> tuple[pluggy.PluginManager, ProviderInfo]:
    refuse_non_plugin(plugin)
    functions = hook_functions(plugin)
    info: ProviderInfo | None = None
    undescribed: UnfitPluginError | None = None
    try:
        info = _describe(plugin, functions)
    except UnfitPluginError as exc:
        undescribed = exc
    if info is not None:
        # First of all: a plugin for another contract may well have hooks unknown here.
        _check_contract_version(info)
    manager = bind_hooks(
        plugin,
        functions,
        name=name or (info.name if info else "provider"),
        specification=ProviderHooks,
        required=REQUIRED_HOOKS,
        later=() if info is None else _hooks_after(info.contract_version),
    )
    for function in functions:
        _check_calling_style(function)
    if undescribed is not None:
        raise undescribed
    assert info is not None, "described, or the reason was raised"
    check_info(info, name)
    return manager, info


def _describe(plugin: object, functions: tuple[HookFunction, ...]) -> ProviderInfo:
    hooks = [function for function in functions if function.hook == "describe_provider"]
    if not hooks:
        raise UnfitPluginError("required hooks are missing: describe_provider")
    _check_calling_style(hooks[0])
    try:
        info = hooks[0].function()
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # third-party code can raise anything
        reason = raised("describe_provider", exc, module_of(plugin))
        if isinstance(exc, TypeError):  # an argument that a record here does not have, most often
            reason += f"; it may be written for another avatar-core, this is {core_version()}"
        raise UnfitPluginError(reason) from exc
    if inspect.isawaitable(info):
        if inspect.iscoroutine(info):
            info.close()  # else Python warns that it was never awaited
        raise UnfitPluginError(
            "describe_provider returned an awaitable; it must be a plain function"
        )
    if not isinstance(info, ProviderInfo):
        raise UnfitPluginError(
            f"describe_provider returned {type(info).__name__} instead of ProviderInfo"
        )
    return info


def _check_calling_style(function: HookFunction) -> None:
    if inspect.isgeneratorfunction(function.function) or inspect.isasyncgenfunction(
        function.function
    ):
        raise UnfitPluginError(f"hook {function.hook!r} is a generator; it must return its answer")
    if function.hook in PLAIN_HOOKS and inspect.iscoroutinefunction(function.function):
        raise UnfitPluginError(f"hook {function.hook!r} must be a plain function, not 'async def'")


def _check_contract_version(info: ProviderInfo) -> None:
    version = info.contract_version
    if type(version) is not int:
        raise UnfitPluginError("its contract_version is not a whole number")
    if version > CONTRACT_VERSION:
        raise UnfitPluginError(
            f"it was written for contract version {version}, this avatar-core"
            f" ({core_version()}) has version {CONTRACT_VERSION}: upgrade avatar-core"
        )
    if version < OLDEST_CONTRACT_VERSION:
        raise UnfitPluginError(
            f"it was written for contract version {version}, this avatar-core"
            f" ({core_version()}) works with {OLDEST_CONTRACT_VERSION} and later: upgrade the"
            " provider"
        )


def _hooks_after(version: int) -> tuple[str, ...]:
    """List the hooks that a provider for this version cannot have heard of."""
    return tuple(
        hook for since, hooks in HOOKS_BY_VERSION.items() if since > version for hook in hooks
    )


def check_info(info: ProviderInfo, name: str | None = None) -> None:
    """Check what a provider says of itself.

    Args:
        info: What ``describe_provider`` returned.
        name: The name it must have; None accepts any valid one.

    Raises:
        UnfitPluginError: A part of it is wrong or contradicts another.
    """
    refuse_bad_name(info.name)
    if name is not None and info.name != name:
        raise UnfitPluginError(f"it calls itself {info.name!r}; both names must be equal")
    title: Any = info.title  # annotations bind nobody: the record comes from elsewhere
    if not isinstance(title, str) or not title.strip():
        raise UnfitPluginError("its title is empty")
    fields = _check_options(info)
    _check_tokens(info)
    for wanted, part in ((AudioFormat, info.audio), (Capabilities, info.capabilities)):
        if not isinstance(part, wanted):
            raise UnfitPluginError(f"its ProviderInfo has no valid {wanted.__name__}")
    for credential in info.credentials:
        if not isinstance(credential, Credential):
            raise UnfitPluginError("its credentials are not Credential records")
        if credential.option not in fields:
            raise UnfitPluginError(
                f"its credential {credential.option!r} is not one of its options"
            )
    for label in ("rejoin_grace", "report_lag", "keep_alive_period"):
        seconds = getattr(info, label)
        optional = label == "keep_alive_period"
        if seconds is None and optional:
            continue
        number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
        if not number or not seconds >= 0 or (optional and seconds == 0):
            raise UnfitPluginError(f"its {label} is not a number of seconds")


def refuse_bad_name(name: object) -> None:
    """Refuse a name that the grammar of ``AVATAR_PROVIDER`` could not express.

    Args:
        name: A provider's name.

    Raises:
        UnfitPluginError: It is no name, or the one that means no avatar.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UnfitPluginError(
            "its name must consist of lower-case letters, digits, '_', '-' and '.'"
        )
    if name == OFF:
        raise UnfitPluginError(f"the name {OFF!r} means no avatar; no provider may have it")


def _check_options(info: ProviderInfo) -> frozenset[str]:
    model: Any = info.options
    if not inspect.isclass(model) or not issubclass(model, ProviderOptions):
        raise UnfitPluginError("its options are not a subclass of ProviderOptions")
    if model.model_config.get("extra") != "forbid":
        raise UnfitPluginError("its options model accepts unknown options; leave extra='forbid'")
    fields = frozenset(model.model_fields)
    aliases = {field.alias for field in model.model_fields.values() if field.alias}
    reserved = sorted((fields | aliases) & RESERVED_OPTIONS)
    if reserved:
        raise UnfitPluginError(
            f"its options use names reserved for AvatarSession: {', '.join(reserved)}"
        )
    if info.avatar_option is not None and info.avatar_option not in fields:
        raise UnfitPluginError(
            f"its avatar_option {info.avatar_option!r} is not one of its options"
        )
    return fields


def _check_tokens(info: ProviderInfo) -> None:
    if info.tokens not in ("none", "one", "many"):
        raise UnfitPluginError("its tokens must be 'none', 'one' or 'many'")
    roles: Any = info.token_roles
    if not isinstance(roles, tuple) or not all(isinstance(role, str) and role for role in roles):
        raise UnfitPluginError("its token_roles must be a tuple of names")
    if len(set(roles)) != len(roles):
        raise UnfitPluginError("its token_roles repeat a name")
    if info.tokens == "one" and len(roles) != 1:
        raise UnfitPluginError(f"it wants one token and names {len(roles)} token_roles")
    if info.tokens == "many" and len(roles) < 2:
        raise UnfitPluginError("it wants many tokens and names fewer than two token_roles")
