"""A token of a service account that the API server has signed, and whose time is over."""

import base64
import json
import subprocess
from typing import Any

from handlers.sandbox.process import find_program
from tests.controlplane.control_plane import TLS

HOUR = 3600
COORDINATE = 32
"""Bytes of a number of the curve P-256."""


def signed_anew(token: str, *, hours_ago: int) -> str:
    """The same token as if it had been asked for then, with a good signature: the key is that of the samples."""
    head, claims, _ = token.split(".")
    times = {name: value - hours_ago * HOUR for name, value in _read(claims).items() if name in ("exp", "iat", "nbf")}
    signed = f"{head}.{_coded(json.dumps(_read(claims) | times).encode())}"
    openssl = [find_program("openssl", package="openssl"), "dgst", "-sha256", "-sign", str(TLS / "key.pem")]
    done = subprocess.run(openssl, input=signed.encode(), capture_output=True, check=True)  # noqa: S603  ours
    return f"{signed}.{_coded(_fixed(done.stdout))}"


def _fixed(signature: bytes) -> bytes:
    """The two numbers of an ECDSA signature (DER, RFC 3279 2.2.3) as ES256 writes them (RFC 7518 3.4)."""
    numbers, rest = b"", signature[2:]
    while rest:
        size = rest[1]
        numbers += int.from_bytes(rest[2 : 2 + size]).to_bytes(COORDINATE)
        rest = rest[2 + size :]
    return numbers


def _read(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
