"""A server configuration that neither listens nor asks anything outside this machine."""

from __future__ import annotations

import json
import socket
import sys
from dataclasses import dataclass

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Ports on 127.0.0.1, free a moment ago.

    Args:
        signal: TCP, for signalling and the server API.
        media: UDP, for audio, video and data.
        nobody: UDP, where nothing listens.
    """

    signal: int
    media: int
    nobody: int


def free_ports() -> Ports:
    """Ask the system for ports that nothing uses; another process can still be quicker."""
    sockets = [
        socket.socket(socket.AF_INET, kind)
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_DGRAM)
    ]
    try:
        for each in sockets:
            each.bind((HOST, 0))
        signal, media, nobody = (each.getsockname()[1] for each in sockets)
    finally:
        for each in sockets:
            each.close()
    return Ports(signal=signal, media=media, nobody=nobody)


def server_config(ports: Ports, *, api_key: str, api_secret: str) -> str:
    """Return the server's configuration; JSON, which is YAML too.

    Args:
        ports: Where to listen.
        api_key: The one key that is accepted.
        api_secret: Its secret, 32 characters at least.
    """
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    return json.dumps(
        {
            "port": ports.signal,
            "bind_addresses": [HOST],
            "rtc": {
                # 0 is off. Any other port is opened on all addresses, whatever the rest says.
                "tcp_port": 0,
                "udp_port": ports.media,
                "node_ip": HOST,
                "use_external_ip": False,
                "enable_loopback_candidate": True,
                "interfaces": {"includes": [loopback]},
                "ips": {"includes": ["127.0.0.0/8"]},
                # Without an entry the server hands every client public STUN hosts to ask.
                "stun_servers": [f"{HOST}:{ports.nobody}"],
            },
            "keys": {api_key: api_secret},
            # Debug output is hundreds of megabytes an hour.
            "logging": {"level": "warn"},
        }
    )
