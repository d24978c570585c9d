"""Whose certificates are believed."""

from __future__ import annotations

import functools
import os
import ssl


def trusted_certificates() -> ssl.SSLContext:
    """Return the context for outgoing connections, one for each setting of the environment.

    ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` come first, then the system's store, then, in a
    container without one, certifi's. Reading a store takes tens of milliseconds: it is done once.
    """
    return _context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@functools.cache
def _context(file: str | None, folder: str | None) -> ssl.SSLContext:
    if file or folder or _system_has_a_store():
        return ssl.create_default_context()  # OpenSSL reads both variables by itself
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _system_has_a_store() -> bool:
    paths = ssl.get_default_verify_paths()
    # None where nothing is there, which the type of it does not say.
    return any(map(os.path.exists, filter(None, (paths.cafile, paths.capath))))
