"""A webhook gets the token that is meant for its host, and nobody else does."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from handlers.adapters.tokens import REREAD, WebhookTokens, read_webhook_tokens
from handlers.errors import BadSetting
from tests.lab import Lab, a_canary, at, new_lab

SECRET = "a-token-of-the-hook"
HOOK = {"name": "check", "type": "rollout", "url": "http://hooks.test:8080/check"}


class Seconds:
    """A monotonic clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("name", "url", "sent"),
    [
        ("hooks.test", "http://hooks.test/a", True),
        ("hooks.test", "https://HOOKS.test/a", True),
        ("Hooks.Test", "https://hooks.test/a", True),
        ("hooks.test:8080", "http://hooks.test:8080/a?b=c", True),
        ("hooks.test", "http://hooks.test:8080/a", False),
        ("hooks.test:8080", "http://hooks.test/a", False),
        ("hooks.test", "http://a.hooks.test/", False),
        ("hooks.test", "http://hooks.test.evil.test/", False),
        ("hooks.test", "http://evil.test/hooks.test", False),
        ("hooks.test", "http://evil.test#@hooks.test/", False),
        ("hooks.test", "http://[hooks.test/", False),
    ],
)
def test_a_token_goes_to_exactly_its_host_and_port(tmp_path: Path, name: str, url: str, sent: bool) -> None:
    """The host and the port as the URL writes them are what the file is called."""
    (tmp_path / name).write_text(f"{SECRET}\n")
    assert WebhookTokens(tmp_path, Seconds())(url) == (SECRET if sent else "")


def test_no_directory_no_token(tmp_path: Path) -> None:
    """Without the setting, or the directory, no webhook gets a token."""
    assert WebhookTokens(None, Seconds())("http://hooks.test/") == ""
    assert WebhookTokens(tmp_path / "none", Seconds())("http://hooks.test/") == ""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("hooks.test", ""),
        ("hooks.test", "two tokens"),
        ("hooks.test", "a\nb"),
        ("hooks.test", "bel\x07l"),
        ("-x", "one-token"),
    ],
    ids=["empty", "with a space", "two lines", "control character", "no host"],
)
def test_a_bad_file_stops_the_start_and_is_not_shown(tmp_path: Path, name: str, content: str) -> None:
    """What cannot be a header, or belongs to no host, is refused by the name of its file alone."""
    (tmp_path / name).write_text(content)
    with pytest.raises(BadSetting, match="SERINUS_WEBHOOK_TOKENS_DIR") as raised:
        WebhookTokens(tmp_path, Seconds())
    assert not content.strip() or content not in str(raised.value)


def test_a_directory_among_the_files_is_named(tmp_path: Path) -> None:
    """What cannot be read is told; a mounted Secret's hidden directories are passed over."""
    (tmp_path / "..data").mkdir()
    assert read_webhook_tokens(tmp_path) == {}
    (tmp_path / "hooks.test").mkdir()
    with pytest.raises(BadSetting, match=r"hooks\.test cannot be read"):
        read_webhook_tokens(tmp_path)


def test_tokens_are_rotated_and_a_bad_rotation_keeps_the_last_good_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A new token is used after some seconds; nonsense in its place is told, without it, and changes nothing."""
    clock, file = Seconds(), tmp_path / "hooks.test"
    file.write_text("first")
    tokens = WebhookTokens(tmp_path, clock)
    file.write_text("second")
    assert tokens("http://hooks.test") == "first"
    clock.now += REREAD
    assert tokens("http://hooks.test") == "second"
    file.write_text("some nonsense")
    clock.now += REREAD
    with caplog.at_level(logging.WARNING):
        assert tokens("http://hooks.test") == "second"
    assert "hooks.test" in caplog.text
    assert "nonsense" not in caplog.text


def lab_with_token(host: str) -> Lab:
    """A lab whose webhooks on one host get a token."""
    lab = new_lab(a_canary(analysis={"webhooks": [HOOK]}))
    lab.world = replace(lab.world, token=lambda url: SECRET if f"//{host}/" in url else "")
    return lab


@pytest.mark.parametrize(("host", "sent"), [("hooks.test:8080", f"Bearer {SECRET}"), ("other.test", None)])
def test_a_step_sends_the_token_along(host: str, sent: str | None) -> None:
    """The webhook of a rollout carries the token as a bearer token; without one the header is not there."""
    lab = at(lab_with_token(host), "Progressing", 20)
    lab.tick()
    assert {request.headers.get("Authorization") for request in lab.webhooks.asked} == {sent}
    assert SECRET not in repr(lab.webhooks.asked)
    assert SECRET not in str(lab.canary)
