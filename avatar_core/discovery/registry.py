"""The registry: names to providers, each imported at its first use and in isolation."""

from __future__ import annotations

import difflib
import importlib
import threading
from collections.abc import Iterator

from avatar_core.contract.errors import ProviderLoadError, ProviderNotFoundError
from avatar_core.discovery.entry_points import (
    FAMILY_GROUP,
    PROVIDER_GROUP,
    Claim,
    EntryPointSource,
    UnfitPluginError,
    claims_by_name,
    duplicate_reason,
    install_hint,
    installed_entry_points,
    load_claim,
)
from avatar_core.discovery.environment import BLOCKED_VARIABLE
from avatar_core.discovery.families import LoadedFamily, load_family, missing_names, whole_name
from avatar_core.discovery.listings import Claims, Failure, Known, blocking_name, list_rows
from avatar_core.discovery.loaded import LoadedProvider, Origin, ProviderListing
from avatar_core.discovery.provider_checks import check_provider, refuse_bad_name


class ProviderRegistry:
    """Finds providers by name and keeps those that were loaded.

    A failed load is remembered with its reason until ``refresh()``: a broken provider costs its
    import once, and a call that asks for it again gets the same answer at once. Not remembered is
    what says nothing about the provider: that nobody has the name, that two claim it, that it
    is blocked.

    Safe in threads. No lock is held while a provider's code runs, so a module that registers
    itself while another thread lists providers cannot lock both up; where two threads load one
    name at once, the first result is kept and given to both.

    Args:
        entry_points: Where entry points come from; the installed ones unless a test says else.
    """

    def __init__(self, *, entry_points: EntryPointSource = installed_entry_points) -> None:
        self._entry_points = entry_points
        self._lock = threading.Lock()
        self._loaded: dict[str, LoadedProvider] = {}
        self._families: dict[str, LoadedFamily] = {}
        self._failures: dict[str, Failure] = {}

    # --- one provider ---------------------------------------------------------------------------

    def get(self, name: str) -> LoadedProvider:
        """Give one provider, importing it at its first use; no other is touched.

        Args:
            name: Its name, such as ``mock`` or ``livekit.tavus``.

        Raises:
            ProviderNotFoundError: Nobody has that name; it says which are there.
            ProviderLoadError: It is there and cannot be used; it says why.
        """
        if blocked := blocking_name(name):
            reason = f"{BLOCKED_VARIABLE} blocks {blocked!r}"
            raise ProviderLoadError(name, reason)
        with self._lock:
            loaded, failure = self._loaded.get(name), self._failures.get(name)
        if loaded is not None:
            return loaded
        if failure is not None:
            raise ProviderLoadError(name, failure.reason, distribution=failure.distribution)
        fresh = self._load(name)
        if fresh.name != name:
            return fresh  # asked for by the end of its name, and kept under the whole
        with self._lock:
            self._failures.pop(name, None)
            return self._loaded.setdefault(name, fresh)

    def _load(self, name: str) -> LoadedProvider:
        claims = claims_by_name(self._entry_points, PROVIDER_GROUP)
        if name in claims:
            claim = self._only(name, claims[name])
            return self._checked(name, claim, "entry point")
        prefix, dot, member = name.partition(".")
        families = claims_by_name(self._entry_points, FAMILY_GROUP)
        if not dot and (whole := whole_name(name, self.families())) is not None:
            return self.get(whole)
        if not (member and prefix in families):
            raise self._not_found(name, claims, families)
        return self._checked(name, self._only(f"{prefix}.*", families[prefix]), "family")

    def families(self) -> Iterator[LoadedFamily]:
        """Give every family that can be used, importing each at its first use."""
        for prefix, claims in claims_by_name(self._entry_points, FAMILY_GROUP).items():
            if len(claims) > 1 or blocking_name(f"{prefix}.*"):
                continue
            try:
                yield self._family(prefix, claims[0])
            except UnfitPluginError:
                continue  # whoever names a provider of it in full is told

    def _only(self, name: str, claims: tuple[Claim, ...]) -> Claim:
        if len(claims) > 1:
            raise ProviderLoadError(name, duplicate_reason(claims))
        return claims[0]

    def _checked(self, name: str, claim: Claim, origin: Origin) -> LoadedProvider:
        try:
            refuse_bad_name(name)
            if origin == "family":
                plugin = self._family(name.partition(".")[0], claim).make(name)
            else:
                plugin = load_claim(claim)
            manager, info = check_provider(plugin, name)
        except UnfitPluginError as exc:
            self._remember(name, str(exc), claim)
            # What the plugin raised is the cause of our reason; the step between adds nothing.
            raise ProviderLoadError(name, str(exc), distribution=claim.distribution) from (
                exc.__cause__
            )
        return LoadedProvider(
            name=name,
            distribution=claim.distribution,
            version=claim.version,
            origin=origin,
            plugin=plugin,
            info=info,
            manager=manager,
        )

    def _family(self, prefix: str, claim: Claim) -> LoadedFamily:
        label = f"{prefix}.*"
        with self._lock:
            known, failure = self._families.get(prefix), self._failures.get(label)
        if known is not None:
            return known
        if failure is not None:
            raise UnfitPluginError(failure.reason)
        try:
            family = load_family(prefix, claim)
        except UnfitPluginError as exc:
            self._remember(label, str(exc), claim)
            raise
        with self._lock:
            return self._families.setdefault(prefix, family)

    def _remember(self, name: str, reason: str, claim: Claim) -> None:
        with self._lock:
            self._failures[name] = Failure(reason=reason, distribution=claim.distribution)

    def _not_found(self, name: str, claims: Claims, families: Claims) -> ProviderNotFoundError:
        with self._lock:
            known = {*claims, *self._loaded, *(f"{prefix}.*" for prefix in families)}
        # A name cut off at a dot or in capitals is as close as a slip of the finger.
        close = difflib.get_close_matches(name.lower(), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else install_hint(name)
        return ProviderNotFoundError(name, installed=known, hint=hint)

    def refresh(self) -> None:
        """Forget failed loads, so that a provider repaired meanwhile is tried again.

        Loaded providers stay: Python imports a module once, and sessions are using them.
        """
        importlib.invalidate_caches()
        with self._lock:
            self._failures.clear()

    # --- providers inside an application --------------------------------------------------------

    def register(
        self, plugin: object, *, name: str | None = None, replace: bool = False
    ) -> LoadedProvider:
        """Register a provider that is part of the application and not installed as a package.

        Registering the very same object again changes nothing.

        Args:
            plugin: A module or an object with hooks.
            name: Its name; None takes the one ``describe_provider`` states, and the two must be
                equal.
            replace: Take the name over from whoever has it, an installed provider too.

        Raises:
            ProviderLoadError: It cannot be used, or the name is taken.
        """
        wanted = name or type(plugin).__name__
        try:
            manager, info = check_provider(plugin, name)
        except UnfitPluginError as exc:
            raise ProviderLoadError(wanted, str(exc)) from exc.__cause__
        fresh = LoadedProvider(
            name=info.name,
            distribution=None,
            version=None,
            origin="registered",
            plugin=plugin,
            info=info,
            manager=manager,
        )
        installed = claims_by_name(self._entry_points, PROVIDER_GROUP).get(info.name, ())
        with self._lock:
            present = self._loaded.get(info.name)
            if present is not None and present.plugin is plugin:
                return present
            if not replace and (present is not None or installed):
                owners = [claim.owner for claim in installed] or ["an earlier register_provider"]
                raise ProviderLoadError(
                    info.name,
                    f"the name is taken by {' and '.join(owners)};"
                    " choose another, or pass replace=True",
                )
            self._loaded[info.name] = fresh
            self._failures.pop(info.name, None)
        return fresh

    def unregister(self, name: str) -> None:
        """Take back ``register``; sessions under way keep their provider.

        Where the name had been taken over from an installed provider, that one is back.

        Args:
            name: The name it was registered under.

        Raises:
            ProviderNotFoundError: Nothing was registered in code under that name.
        """
        with self._lock:
            present = self._loaded.get(name)
            if present is not None and present.origin == "registered":
                del self._loaded[name]
                return
            registered = [
                key for key, value in self._loaded.items() if value.origin == "registered"
            ]
        raise ProviderNotFoundError(
            name, installed=registered, hint="only what register_provider added can be removed"
        )

    # --- all providers --------------------------------------------------------------------------

    def list_providers(
        self, *, load: bool = False, members: bool = True
    ) -> tuple[ProviderListing, ...]:
        """List what is installed and registered, sorted by name.

        Args:
            load: Import every one, each in isolation, to tell which are broken. Without it only
                metadata is read and nothing is imported.
            members: With ``load``: also import the members of families, which are many.
        """
        claims = claims_by_name(self._entry_points, PROVIDER_GROUP)
        families = claims_by_name(self._entry_points, FAMILY_GROUP)
        if load:
            for name in claims:
                self._try(name)
            for prefix in families if members else ():
                self._try_family(prefix, families[prefix])
        with self._lock:
            known = Known(
                loaded=dict(self._loaded),
                families=frozenset(self._families),
                missing=missing_names(self._families.values()),
                failures=dict(self._failures),
            )
        return list_rows(claims, families, known)

    def _try(self, name: str) -> None:
        try:
            self.get(name)
        except ProviderNotFoundError as exc:
            # Its family lists the name and then denies it; the listing has to say so.
            with self._lock:
                self._failures[name] = Failure(
                    reason=exc.hint or "its family does not make it", distribution=None
                )
        except ProviderLoadError as exc:
            # Remembered with its reason or plain from metadata, but for what a family says itself.
            if name not in self._failures and "." in name and not blocking_name(name):
                with self._lock:
                    self._failures[name] = Failure(reason=exc.reason, distribution=exc.distribution)

    def _try_family(self, prefix: str, claims: tuple[Claim, ...]) -> None:
        label = f"{prefix}.*"
        if len(claims) > 1 or blocking_name(label):
            return
        try:
            names = self._family(prefix, claims[0]).names()
        except UnfitPluginError as exc:
            self._remember(label, str(exc), claims[0])
            return
        for name in names:
            self._try(name)
