"""Who sent this request: a bearer token, checked before the body is read.

Either a token that is written into the sender's own configuration (Argo CD, Alertmanager, cron), or the OIDC token of a
service account that Knative sends along, which the API server reviews for us.
"""

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Final, Protocol, runtime_checkable

from handlers.errors import BadSetting, Unauthorized
from handlers.rollout.objects import Kind
from handlers.settings import Settings

REREAD: Final = 5.0  # seconds for which token files are not looked at again
REMEMBER: Final = 60.0  # seconds for which the answer of a review stands: a revoked token works that much longer
MAX_REMEMBERED: Final = 1024  # reviews; anybody can make up tokens
MIN_TOKEN: Final = 16
MAX_TOKENS: Final = 2  # per sender: the current one and the next

TOKEN_REVIEW: Final = Kind("authentication.k8s.io", "v1", "tokenreviews", "TokenReview")

_TOKEN = re.compile(rf"[!-~]{{{MIN_TOKEN},}}".encode())
_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)


class SenderKind(StrEnum):
    """How a sender showed who it is."""

    TOKEN = "token"  # noqa: S105  the word, no secret
    SERVICE_ACCOUNT = "service account"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a request: the name of a token file, or of a service account. For logs; all may send the same."""

    name: str
    kind: SenderKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The status of a TokenReview (authentication.k8s.io/v1): whose token it is and for which of our audiences."""

    authenticated: bool
    username: str = ""
    audiences: tuple[str, ...] = ()


class Reviewer(Protocol):
    """Asks the API server whose token this is, with `spec.audiences` set to ours."""

    def review(self, token: str) -> Review:
        """Raises Unavailable when the API server does not answer in time."""
        ...


@runtime_checkable
class Reviews(Protocol):
    """A cluster that can be asked whose token one is."""

    def token_review(self, token: str, audience: str) -> Review:
        """A TokenReview for one audience. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Token:
    """One sender's token, as its SHA-256."""

    sender: str
    digest: bytes


def read_tokens(directory: Path) -> tuple[Token, ...]:
    """Read a directory with one file per sender, one token per line; a Secret's mount is such a directory.

    Nobody is known when the directory is missing. Hidden entries are skipped: a mounted Secret has its versions there.
    Raises BadSetting, without the token, for one that is too short or not printable ASCII, for a third token of a
    sender, for one that two senders share, and for a file that cannot be read.
    """
    found: dict[bytes, str] = {}
    for path in sorted(directory.glob("[!.]*")):
        lines = _lines(path)
        if len(lines) > MAX_TOKENS:
            raise BadSetting(f"SERINUS_TOKENS_DIR: {path.name} has {len(lines)} tokens, expected at most {MAX_TOKENS}")
        for line in lines:
            if not _TOKEN.fullmatch(line):
                raise BadSetting(
                    f"SERINUS_TOKENS_DIR: {path.name} has a token of {len(line)} bytes, "
                    f"expected {MIN_TOKEN} or more printable ASCII characters without spaces"
                )
            other = found.setdefault(hashlib.sha256(line).digest(), path.name)
            if other != path.name:
                raise BadSetting(f"SERINUS_TOKENS_DIR: {path.name} and {other} share a token, expected one per sender")
    return tuple(Token(sender, digest) for digest, sender in found.items())


def _lines(path: Path) -> list[bytes]:
    try:
        return [line for part in path.read_bytes().splitlines() if (line := part.strip())]
    except OSError as error:
        raise BadSetting(f"SERINUS_TOKENS_DIR: {path.name} cannot be read: {error.strerror}") from error


class Authenticator:
    """Tells senders by their bearer tokens. `clock` gives monotonic seconds; safe to share between threads."""

    def __init__(self, settings: Settings, reviewer: Reviewer, clock: Callable[[], float]) -> None:
        """Read the tokens once, so that a mistake is told at the start.

        Raises BadSetting, also when nothing is configured by which a sender could be known: that must be asked for.
        """
        if not (settings.tokens_dir or settings.oidc_audience or settings.no_auth):
            raise BadSetting(
                "SERINUS_TOKENS_DIR: '', expected a directory of tokens, "
                "or SERINUS_OIDC_AUDIENCE, or SERINUS_NO_AUTH=true"
            )
        self._settings = settings
        self._reviewer = reviewer
        self._clock = clock
        self._lock = Lock()
        self._reviews: OrderedDict[bytes, tuple[float, Sender | None]] = OrderedDict()
        self._tokens = self._read()
        self._read_at = clock()

    def authenticate(self, authorization: str | None) -> Sender:
        """Tell who sends, from the value of the Authorization header.

        Raises Unauthorized (never with the token in it), Unavailable when a token cannot be reviewed now, BadSetting
        when the token files have gone wrong since the start.
        """
        if self._settings.no_auth:
            return Sender("anonymous", SenderKind.ANONYMOUS)
        scheme, _, token = (authorization or "").strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized("Authorization: expected Bearer and a token")
        sender = self._by_token(token) or self._by_review(token)
        if sender is None:
            nobody = self._settings.tokens_dir and not self._tokens
            raise Unauthorized(f"Authorization: unknown token{', SERINUS_TOKENS_DIR holds none' if nobody else ''}")
        return sender

    def knows_somebody(self) -> bool:
        """Whether there is anybody who may send. Raises BadSetting when the token files have gone wrong."""
        return bool(self._current_tokens() or self._settings.no_auth or self._settings.oidc_audience)

    def _by_token(self, token: str) -> Sender | None:
        """Compare digests in constant time, and with all tokens: the time it takes tells nothing."""
        digest = _digest(token)
        sender = None
        for known in self._current_tokens():
            if hmac.compare_digest(digest, known.digest):
                sender = Sender(known.sender, SenderKind.TOKEN)
        return sender

    def _by_review(self, token: str) -> Sender | None:
        if not (self._settings.oidc_audience and _JWT.fullmatch(token)):
            return None
        digest, now = _digest(token), self._clock()
        with self._lock:
            until, sender = self._reviews.get(digest, (now, None))
        if now < until:
            return sender
        sender = self._reviewed(token)
        with self._lock:
            self._reviews.pop(digest, None)
            while len(self._reviews) >= MAX_REMEMBERED:
                self._reviews.popitem(last=False)
            self._reviews[digest] = (now + REMEMBER, sender)
        return sender

    def _reviewed(self, token: str) -> Sender | None:
        """Ask the API server. That our audience is in its answer is for the client to check (TokenReviewStatus)."""
        review = self._reviewer.review(token)
        good = review.authenticated and self._settings.oidc_audience in review.audiences
        if good and review.username in self._settings.oidc_subjects:
            return Sender(review.username, SenderKind.SERVICE_ACCOUNT)
        return None

    def _current_tokens(self) -> tuple[Token, ...]:
        now = self._clock()
        if now - self._read_at >= REREAD:
            self._tokens = self._read()
            self._read_at = now
        return self._tokens

    def _read(self) -> tuple[Token, ...]:
        return read_tokens(self._settings.tokens_dir) if self._settings.tokens_dir else ()


def _digest(token: str) -> bytes:
    """A header is bytes that WSGI shows as text; nothing in it may raise before the sender is known."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
