"""Who may use the page: a browser on this machine that was given its address, and its own page."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

HOST = "127.0.0.1"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard:
    """Refuses every request that does not come from the page itself, and says nothing of why.

    Args:
        livekit_url: The one server beside this that the page may talk to.
    """

    def __init__(self, *, livekit_url: str) -> None:
        self.secret = secrets.token_urlsafe(24)
        self._port: int | None = None
        self._headers = {
            "Content-Security-Policy": content_policy(livekit_url),
            "Cache-Control": "no-store",
            # The address is the secret: no other site may be told of it.
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
        }

    def listens_on(self, port: int) -> str:
        """Note the port, and return the page's address.

        Args:
            port: Of this server.
        """
        self._port = port
        return f"{self.origin}/{self.secret}/"

    @property
    def origin(self) -> str:
        """The page's origin."""
        return f"http://{HOST}:{self._port}"

    def allows(self, request: web.Request) -> bool:
        """Tell whether a request comes from the page, or opens it."""
        # Another name for 127.0.0.1 is how a foreign page gets past the same-origin rule.
        if request.host != f"{HOST}:{self._port}":
            return False
        given = request.path.split("/", 2)[1]
        if not hmac.compare_digest(given.encode(), self.secret.encode()):
            return False
        origin = request.headers.get("Origin")
        if origin is not None and origin != self.origin:
            return False
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            return False
        return request.method in ("GET", "HEAD") or origin == self.origin

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer 403 to strangers, and send the headers that keep the page to itself."""
        if not self.allows(request):
            return web.Response(status=403, text="Open the address that `avatar demo` printed.\n")
        return await handler(request)

    async def add_headers(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Add the headers before they are sent; of streams, too."""
        response.headers.update(self._headers)


def content_policy(livekit_url: str) -> str:
    """Return the page's content security policy: its own files, and one LiveKit server."""
    parts = urlsplit(livekit_url)
    secure = parts.scheme in ("wss", "https")
    where = parts.netloc.rpartition("@")[2]
    # livekit-client asks by http why a socket was refused.
    server = f"{'wss' if secure else 'ws'}://{where} {'https' if secure else 'http'}://{where}"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "media-src 'self' blob: mediastream:",
            f"connect-src 'self' {server}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
