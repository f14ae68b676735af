"""`spec.analysis.sessionAffinity`: who has seen the canary goes on seeing it, by a cookie."""

import re
from dataclasses import dataclass

from handlers.rollout.spec.fields import Field

DAY = 86_400
"""Seconds; Flagger's default, `SessionAffinity.GetMaxAge`."""
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")
_DOMAIN = re.compile(r"\.?[0-9A-Za-z]([-.0-9A-Za-z]{0,251}[0-9A-Za-z])?")
_PATH = re.compile(r"/[\x20-\x3a\x3c-\x7e]*")
_SAME_SITE = ("Strict", "Lax", "None")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAffinity:
    """The cookies' names, how many seconds the canary's lives, and the attributes of both, as in a Set-Cookie."""

    name: str
    primary_name: str = ""
    max_age: int = DAY
    attributes: str = ""

    def set_cookie(self, pair: str, max_age: int) -> str:
        """The value of a Set-Cookie header (RFC 6265, 4.1.1); a negative age makes browsers forget the cookie."""
        return f"{pair}; Max-Age={max_age}{self.attributes}"


def parse(spec: Field) -> SessionAffinity | None:
    """None when there is none. Raises BadCanary for what no Set-Cookie may hold, and for equal names."""
    if not spec.mapping():
        return None
    name, primary = _name(spec["cookieName"]), ""
    if spec["primaryCookieName"].given:
        primary = _name(spec["primaryCookieName"])
        if primary == name:
            # Flagger refuses it as well (controller.go, verifyCanary)
            raise spec["primaryCookieName"].bad("another name than cookieName")
    return SessionAffinity(
        name=name,
        primary_name=primary,
        max_age=spec["maxAge"].whole(0, 0, 10**9) or DAY,
        attributes=_attributes(spec),
    )


def _name(spec: Field) -> str:
    name = spec.required()
    if not _TOKEN.fullmatch(name):
        raise spec.bad("a cookie's name: a token of at most 100 characters (RFC 6265, 4.1.1)")
    return name


def _attributes(spec: Field) -> str:
    domain, path, same_site = spec["domain"].text(), spec["path"].text(), spec["sameSite"].text()
    if domain and not _DOMAIN.fullmatch(domain):
        raise spec["domain"].bad("a domain name")
    if path and not _PATH.fullmatch(path):
        raise spec["path"].bad("a path: printable ASCII without a semicolon, from a slash on")
    if same_site and same_site not in _SAME_SITE:
        raise spec["sameSite"].bad("one of " + ", ".join(_SAME_SITE))
    parts = (
        f"Domain={domain}" if domain else "",
        "HttpOnly" if spec["httpOnly"].flag() else "",
        "Partitioned" if spec["partitioned"].flag() else "",
        f"Path={path}" if path else "",
        f"SameSite={same_site}" if same_site else "",
        "Secure" if spec["secure"].flag() else "",
    )
    return "".join(f"; {part}" for part in parts if part)
