"""The tokens that webhooks want: read from a directory, and again when they are rotated."""

import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from handlers.errors import BadSetting

log = logging.getLogger(__name__)

REREAD: Final = 5.0  # seconds for which the files are not looked at again
_TOKEN = re.compile(r"[!-~]{1,8192}")
_HOST = re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9]\d{0,4})?", re.ASCII)


def read_webhook_tokens(directory: Path) -> Mapping[str, str]:
    """Tokens by `host` or `host:port`, the names of the files; a Secret's mount is such a directory.

    Nobody gets one when the directory is missing. Hidden entries are skipped: a mounted Secret has its versions there.
    Raises BadSetting, without the token, for a name that is no host, for a file that cannot be read, and for one that
    holds anything but one token of printable ASCII characters.
    """
    found = {}
    for path in sorted(directory.glob("[!.]*")):
        host = path.name.lower()
        if not _HOST.fullmatch(host):
            raise BadSetting(f"SERINUS_WEBHOOK_TOKENS_DIR: {path.name!r} is not a host or host:port")
        found[host] = _token(path)
    return found


def _token(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise BadSetting(f"SERINUS_WEBHOOK_TOKENS_DIR: {path.name} cannot be read: {error.strerror}") from error
    if not _TOKEN.fullmatch(text):
        raise BadSetting(f"SERINUS_WEBHOOK_TOKENS_DIR: {path.name}: expected one token of printable ASCII characters")
    return text


class WebhookTokens:
    """Tells which token a URL's host wants. `clock` gives monotonic seconds; safe to share between threads.

    Raises BadSetting when it is made; later the last good tokens stay in use, for a rollback must not wait for a file.
    """

    def __init__(self, directory: Path | None, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._clock = clock
        self._tokens: Mapping[str, str] = read_webhook_tokens(directory) if directory else {}
        self._read_at = clock()

    def __call__(self, url: str) -> str:
        """The token for exactly the host and port of a URL; empty when there is none."""
        try:
            host = urlsplit(url).netloc.lower()
        except ValueError:
            return ""
        return self._current().get(host, "")

    def _current(self) -> Mapping[str, str]:
        now = self._clock()
        if self._directory and now - self._read_at >= REREAD:
            self._read_at = now
            try:
                self._tokens = read_webhook_tokens(self._directory)
            except BadSetting as error:
                log.warning("%s; the tokens from before stay in use", error)
        return self._tokens
