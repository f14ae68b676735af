"""Nobody gets in who is not known, and a wrong token tells nothing."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.auth import (
    MAX_REMEMBERED,
    REMEMBER,
    REREAD,
    Authenticator,
    Review,
    Sender,
    SenderKind,
    read_tokens,
)
from handlers.errors import BadSetting, Unauthorized, Unavailable
from handlers.settings import Settings

FIRST, SECOND, THIRD = "first-token-0123456789", "second-token-012345678", "third-token-0123456789"
SUBJECT = "system:serviceaccount:shop:tick"
JWT = "eyJhbGciOiJ9.eyJzdWIiOiJ9.c2lnbmF0dXJl"
GOOD = Review(authenticated=True, username=SUBJECT, audiences=("serinus",))
OIDC = {"SERINUS_OIDC_AUDIENCE": "serinus", "SERINUS_OIDC_SUBJECTS": SUBJECT}


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Monotonic seconds."""
        return self.now


class ApiServer:
    """Answers reviews of known tokens, and counts what it is asked."""

    def __init__(self, reviews: Mapping[str, Review] | None = None) -> None:
        self.reviews = dict(reviews or {})
        self.asked: list[str] = []
        self.down = False

    def review(self, token: str) -> Review:
        """What a TokenReview would say."""
        self.asked.append(token)
        if self.down:
            raise Unavailable("the API server does not answer")
        return self.reviews.get(token, Review(authenticated=False))


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


def tokens_in(directory: Path, **files: str) -> Mapping[str, str]:
    """Write token files; the environment that points to them."""
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    return {"SERINUS_TOKENS_DIR": str(directory)}


def made(environ: Mapping[str, str], clock: Clock, api: ApiServer | None = None) -> Authenticator:
    """An authenticator with these settings."""
    return Authenticator(Settings.from_env(environ), api or ApiServer(), clock)


def test_senders_are_known_by_their_tokens(tmp_path: Path, clock: Clock) -> None:
    """A file is a sender; each of its two lines is good, so that tokens can be changed one side at a time."""
    auth = made(tokens_in(tmp_path, argocd=f"{FIRST}\n{SECOND}\n", cron=f"\r\n {THIRD} \r\n"), clock)
    assert auth.authenticate(f"Bearer {FIRST}") == Sender("argocd", SenderKind.TOKEN)
    assert auth.authenticate(f"bearer  {SECOND} ") == Sender("argocd", SenderKind.TOKEN)
    assert auth.authenticate(f"BEARER {THIRD}") == Sender("cron", SenderKind.TOKEN)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        FIRST,
        f"Basic {FIRST}",
        f"Bearer {FIRST}x",
        f"Bearer {FIRST[:-1]}",
        f"Bearer {JWT}",
    ],
)
def test_everybody_else_is_refused(header: str | None, tmp_path: Path, clock: Clock) -> None:
    """No header, another scheme and a wrong token are all 401; no answer has a token in it."""
    api = ApiServer({JWT: GOOD})
    with pytest.raises(Unauthorized) as caught:
        made(tokens_in(tmp_path, argocd=FIRST), clock, api).authenticate(header)
    assert FIRST not in str(caught.value)
    assert JWT not in str(caught.value)
    assert api.asked == [], "without an audience of ours no OIDC token is looked at"


@given(header=st.text(st.characters()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the directory is only read
def test_any_header_is_refused_and_nothing_else_happens(header: str, tmp_path: Path) -> None:
    """Whatever the bytes are, nothing but Unauthorized is raised before the sender is known."""
    auth = made({**tokens_in(tmp_path, argocd=FIRST), **OIDC}, Clock())
    for value in (header, f"Bearer {header}"):
        with pytest.raises(Unauthorized):
            auth.authenticate(value)


@pytest.mark.parametrize("exists", [True, False])
def test_no_tokens_let_nobody_in(exists: bool, tmp_path: Path, clock: Clock) -> None:
    """An empty directory and a missing one fail closed, and say so."""
    directory = tmp_path / "tokens"
    if exists:
        directory.mkdir()
    auth = made({"SERINUS_TOKENS_DIR": str(directory)}, clock)
    with pytest.raises(Unauthorized, match="SERINUS_TOKENS_DIR holds none"):
        auth.authenticate(f"Bearer {FIRST}")


def test_nothing_configured_is_a_mistake(clock: Clock) -> None:
    """Taking events from anybody has to be asked for."""
    with pytest.raises(BadSetting, match="SERINUS_NO_AUTH=true"):
        made({}, clock)


def test_no_auth_lets_anybody_in(clock: Clock) -> None:
    """It was asked for."""
    auth = made({"SERINUS_NO_AUTH": "true"}, clock)
    assert auth.authenticate(None) == Sender("anonymous", SenderKind.ANONYMOUS)


def test_changed_tokens_are_noticed(tmp_path: Path, clock: Clock) -> None:
    """A few seconds after a change the new token is good and the old one is not."""
    auth = made(tokens_in(tmp_path, argocd=FIRST), clock)
    tokens_in(tmp_path, argocd=SECOND)
    clock.now += REREAD - 0.1
    assert auth.authenticate(f"Bearer {FIRST}").name == "argocd"
    clock.now += 0.1
    assert auth.authenticate(f"Bearer {SECOND}").name == "argocd"
    with pytest.raises(Unauthorized):
        auth.authenticate(f"Bearer {FIRST}")


def test_a_file_gone_wrong_lets_nobody_in(tmp_path: Path, clock: Clock) -> None:
    """The old tokens are not used on; the mistake is told at every request until it is mended."""
    auth = made(tokens_in(tmp_path, argocd=FIRST), clock)
    tokens_in(tmp_path, cron="short")
    clock.now += REREAD
    for _ in range(2):
        with pytest.raises(BadSetting, match="cron"):
            auth.authenticate(f"Bearer {FIRST}")


def test_a_mounted_secret(tmp_path: Path) -> None:
    """Kubernetes keeps the versions of a Secret in hidden directories and links the files to them."""
    version = tmp_path / "..2026_11_23"
    version.mkdir()
    tokens_in(version, argocd=FIRST)
    (tmp_path / "..data").symlink_to(version)
    (tmp_path / "argocd").symlink_to(Path("..data") / "argocd")
    assert [token.sender for token in read_tokens(tmp_path)] == ["argocd"]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"cron": "x" * 15}, "cron has a token of 15 bytes, expected 16 or more"),
        ({"cron": "pass phrase with spaces"}, "cron has a token of 23 bytes, expected .* without spaces"),
        ({"cron": "päss-phrase-0123456"}, "cron has a token of 20 bytes, expected .* printable ASCII"),
        ({"cron": f"{FIRST}\n{SECOND}\n{THIRD}"}, "cron has 3 tokens, expected at most 2"),
        ({"argocd": FIRST, "cron": FIRST}, "cron and argocd share a token"),
    ],
)
def test_bad_token_files(files: dict[str, str], reason: str, tmp_path: Path, clock: Clock) -> None:
    """A mistake stops the start; the message names the file and keeps the token to itself."""
    with pytest.raises(BadSetting, match=reason) as caught:
        made(tokens_in(tmp_path, **files), clock)
    assert not any(line in str(caught.value) for text in files.values() for line in text.splitlines())


def test_a_file_that_cannot_be_read(tmp_path: Path, clock: Clock) -> None:
    """A sender that should be there and is not is a mistake, not a refusal."""
    (tmp_path / "argocd").mkdir()
    with pytest.raises(BadSetting, match="argocd cannot be read: Is a directory"):
        made({"SERINUS_TOKENS_DIR": str(tmp_path)}, clock)


def test_a_token_is_not_kept(tmp_path: Path) -> None:
    """What is kept, and could be printed, is a digest."""
    tokens_in(tmp_path, argocd=FIRST)
    assert FIRST not in repr(read_tokens(tmp_path))


def test_a_service_account_is_known_by_its_review(tmp_path: Path, clock: Clock) -> None:
    """Knative's token is reviewed; a token of our own is found first and costs no request."""
    api = ApiServer({JWT: GOOD})
    auth = made({**tokens_in(tmp_path, argocd=FIRST), **OIDC}, clock, api)
    assert auth.authenticate(f"Bearer {FIRST}").name == "argocd"
    assert api.asked == []
    assert auth.authenticate(f"Bearer {JWT}") == Sender(SUBJECT, SenderKind.SERVICE_ACCOUNT)


@pytest.mark.parametrize(
    "review",
    [
        Review(authenticated=False, username=SUBJECT, audiences=("serinus",)),
        Review(authenticated=True, username=SUBJECT),
        Review(authenticated=True, username=SUBJECT, audiences=("https://kubernetes.default.svc",)),
        Review(authenticated=True, username="system:serviceaccount:shop:other", audiences=("serinus",)),
    ],
    ids=["not authenticated", "no audience", "another audience", "another account"],
)
def test_a_review_must_say_everything(review: Review, clock: Clock) -> None:
    """Authenticated, for our audience, and on the list: one of them missing is a refusal."""
    with pytest.raises(Unauthorized):
        made(OIDC, clock, ApiServer({JWT: review})).authenticate(f"Bearer {JWT}")


@pytest.mark.parametrize("token", ["a.b", "a.b.c.d", "a..c", "a.b.ç", FIRST])
def test_only_what_looks_like_a_jwt_is_reviewed(token: str, clock: Clock) -> None:
    """The API server is not asked about anything else."""
    api = ApiServer()
    with pytest.raises(Unauthorized):
        made(OIDC, clock, api).authenticate(f"Bearer {token}")
    assert api.asked == []


def test_answers_are_remembered_for_a_minute(clock: Clock) -> None:
    """Both good and bad ones; then they are asked for again, and a revoked token is out."""
    api = ApiServer({JWT: GOOD})
    auth = made(OIDC, clock, api)
    for _ in range(2):
        assert auth.authenticate(f"Bearer {JWT}").name == SUBJECT
        with pytest.raises(Unauthorized):
            auth.authenticate("Bearer x.y.z")
    assert api.asked == [JWT, "x.y.z"]
    api.reviews.clear()
    clock.now += REMEMBER - 0.1
    assert auth.authenticate(f"Bearer {JWT}").name == SUBJECT
    clock.now += 0.1
    with pytest.raises(Unauthorized):
        auth.authenticate(f"Bearer {JWT}")


def test_what_is_remembered_is_bounded(clock: Clock) -> None:
    """Made-up tokens push out the oldest answers; they do not fill the memory."""
    api = ApiServer({JWT: GOOD})
    auth = made(OIDC, clock, api)
    auth.authenticate(f"Bearer {JWT}")
    for number in range(MAX_REMEMBERED):
        with pytest.raises(Unauthorized):
            auth.authenticate(f"Bearer x.{number}.z")
    assert len(auth._reviews) == MAX_REMEMBERED
    auth.authenticate(f"Bearer {JWT}")
    assert api.asked.count(JWT) == 2


def test_an_outage_is_neither_yes_nor_no(clock: Clock) -> None:
    """Without an API server the sender is asked to come again, and nothing is remembered."""
    api = ApiServer({JWT: GOOD})
    api.down = True
    auth = made(OIDC, clock, api)
    with pytest.raises(Unavailable):
        auth.authenticate(f"Bearer {JWT}")
    api.down = False
    assert auth.authenticate(f"Bearer {JWT}").name == SUBJECT
