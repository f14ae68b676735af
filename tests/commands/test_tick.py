"""`serinus tick` against handlers on loopback, in a time of its own."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from handlers.adapters.http import HttpClient
from handlers.cli import main, parser
from handlers.commands.tick import Sender, send
from handlers.errors import Permanent, Unavailable
from handlers.events import cloudevent
from handlers.events.event import TICK, Event
from tests.adapters import loopback
from tests.adapters.loopback import Answer, Asked, Serve
from tests.fakes import EPOCH, Clock, Webhooks

URL = "http://serinus/"
serve = pytest.fixture(loopback.serve)
closed = pytest.fixture(loopback.closed)


@dataclass
class Handlers:
    """Handlers that answer with these statuses, and 204 when there are no more; each answer takes so many seconds."""

    statuses: list[int]
    takes: list[float]
    clock: Clock = field(default_factory=Clock)
    complaints: list[str] = field(default_factory=list)
    heard: list[tuple[float, Event]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    afterwards: Callable[[], object] = lambda: None

    @property
    def seconds(self) -> float:
        """Since the start."""
        return (self.clock() - EPOCH).total_seconds()

    def answer(self, asked: Asked) -> Answer:
        """Answer, and note when which event came."""
        self.heard.append((self.seconds, cloudevent.read(asked.headers, asked.body)))
        self.tokens.append(asked.headers.get("authorization", ""))
        self.clock.tick(self.takes.pop(0) if self.takes else 0)
        self.afterwards()
        return Answer(b"so it is", self.statuses.pop(0)) if self.statuses else Answer(status=204)

    @property
    def times(self) -> list[float]:
        """When something came."""
        return [when for when, _ in self.heard]


@dataclass
class Scene:
    """Handlers, and a clock that ticks for them."""

    handlers: Handlers
    url: str

    def tick(self, *options: str) -> int:
        """Run the command."""
        told, clock = self.handlers.complaints.append, self.handlers.clock
        sender = Sender(http=HttpClient(), now=lambda: self.handlers.seconds, sleep=clock.tick, complain=told)
        return send(parser().parse_args(["tick", "--url", self.url, *options]), sender)


Stage = Callable[..., Scene]


@pytest.fixture
def stage(serve: Serve) -> Stage:
    """Make handlers that answer like this."""

    def make(*statuses: int, takes: Sequence[float] = ()) -> Scene:
        handlers = Handlers(list(statuses), list(takes))
        return Scene(handlers, serve(handlers.answer).url)

    return make


def test_one_tick(stage: Stage) -> None:
    """Without more words one tick is sent, for all canaries or for those that are named."""
    scene = stage()
    assert scene.tick() == 0
    assert scene.tick("--namespace", "shop", "--name", "app") == 0
    assert [(event.type, event.data) for _, event in scene.handlers.heard] == [
        (TICK, {}),
        (TICK, {"namespace": "shop", "name": "app"}),
    ]


def test_ticks_at_their_times(stage: Stage) -> None:
    """A minute has six ticks, each an event of its own, and is over before the next one begins."""
    scene = stage()
    assert scene.tick("--every", "10s", "--for", "55s") == 0
    assert scene.handlers.times == [0, 10, 20, 30, 40, 50]
    assert len({event.id for _, event in scene.handlers.heard}) == 6
    assert scene.handlers.seconds < 60
    assert scene.handlers.complaints == []


@pytest.mark.parametrize(
    ("takes", "times"),
    [
        pytest.param([4, 9], [0, 10, 20, 30], id="an answer in time shifts nothing"),
        pytest.param([10], [0, 10, 20, 30], id="an answer at the next time"),
        pytest.param([13], [0, 20, 30], id="the next time is over"),
        pytest.param([0, 19], [0, 10, 30], id="the last time is kept"),
        pytest.param([36], [0], id="the end is over"),
    ],
)
def test_slow_answers_leave_ticks_out(stage: Stage, takes: list[float], times: list[float]) -> None:
    """Ticks never come in a row to make up for what is over, and none comes after the end."""
    scene = stage(takes=takes)
    assert scene.tick("--every", "10s", "--for", "35s") == 0
    assert scene.handlers.times == times


def test_asked_to_send_again(stage: Stage) -> None:
    """A 503 is answered by the same event, once, a second later; the other ticks keep their times."""
    scene = stage(200, 503)
    assert scene.tick("--every", "10s", "--for", "25s") == 0
    assert scene.handlers.times == [0, 10, 11, 20]
    ids = [event.id for _, event in scene.handlers.heard]
    assert ids[1] == ids[2]
    assert len(set(ids)) == 3


def test_a_lost_tick_is_told_and_others_follow(stage: Stage) -> None:
    """Twice 503 is a lost tick, a refusal is one at once; the rest is sent, and the status tells."""
    scene = stage(503, 503, 401)
    with pytest.raises(Unavailable, match=r"^2 of 3 ticks were not taken$"):
        scene.tick("--every", "10s", "--for", "25s")
    assert scene.handlers.times == [0, 1, 10, 20]
    assert scene.handlers.complaints == ["answered 503 so it is", "answered 401 so it is"]


@pytest.mark.parametrize(
    ("statuses", "times", "error"),
    [
        pytest.param([503], [0, 1], None, id="taken when sent again"),
        pytest.param([503, 503], [0, 1], Unavailable, id="sent again once"),
        pytest.param([401], [0], Permanent, id="the same answer would come again"),
        pytest.param([302], [0], Permanent, id="somebody else answers"),
    ],
)
def test_one_tick_is_sent_again_once(
    stage: Stage, statuses: list[int], times: list[float], error: type[Exception] | None
) -> None:
    """A tick alone is sent again as well, when that can help."""
    scene = stage(*statuses)
    if error:
        with pytest.raises(error, match=f"^answered {statuses[-1]} so it is$"):
            scene.tick()
    else:
        assert scene.tick() == 0
    assert scene.handlers.times == times


def test_nothing_is_sent_again_at_the_end(stage: Stage) -> None:
    """No second try begins that could not end in time."""
    scene = stage(200, 503, takes=[0, 4.5])
    with pytest.raises(Unavailable, match="1 of 2"):
        scene.tick("--every", "10s", "--for", "15s")
    assert scene.handlers.times == [0, 10]


def test_an_answer_is_awaited_until_the_end() -> None:
    """Handlers that never answer hold nobody back: each request ends with the command, and one alone in a minute."""
    clock, silent = Clock(), Webhooks({URL: [Unavailable("no answer in time")]})
    sender = Sender(http=silent, now=lambda: clock().timestamp(), sleep=clock.tick, complain=lambda _: None)
    for options in ([], ["--every", "10s", "--for", "15s"]):
        with pytest.raises(Unavailable):
            send(parser().parse_args(["tick", "--url", URL, *options]), sender)
    assert [asked.timeout for asked in silent.asked] == [60, 59, 15, 14, 5, 4]


@pytest.mark.parametrize("content", [None, "", "\n"], ids=["no file", "empty", "a blank line"])
def test_no_token(stage: Stage, tmp_path: Path, content: str | None) -> None:
    """Without the token that was promised nothing is sent, and what is wrong is told."""
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    scene = stage()
    with pytest.raises(Unavailable, match=f"--token-file {path}: "):
        scene.tick("--token-file", str(path))
    assert scene.handlers.heard == []


def test_a_new_token_is_used(stage: Stage, tmp_path: Path) -> None:
    """The file is read for each tick, for a token may be replaced while they go on."""
    path = tmp_path / "token"
    path.write_text("old\n")
    scene = stage()
    scene.handlers.afterwards = lambda: path.write_text("new\nold\n")
    assert scene.tick("--token-file", str(path), "--every", "10s", "--for", "15s") == 0
    assert scene.handlers.tokens == ["Bearer old", "Bearer new"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--every", "soon"], "argument --every: 'soon' is not a duration from 1s to 1h"),
        (["--every", "500ms", "--for", "10s"], "argument --every: '500ms' is not"),
        (["--every", "10s", "--for", "2h"], "argument --for: '2h' is not"),
        (["--every", "10s"], "--every and --for want each other"),
        (["--for", "10s"], "--every and --for want each other"),
        (["--every", "20s", "--for", "10s"], "--for is the longer one"),
    ],
)
def test_options_that_do_not_fit(options: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong with an option is told, and nothing is sent without end."""
    with suppress(SystemExit):
        assert main(["tick", "--url", URL, *options]) == 1
    assert error in capsys.readouterr().err


def test_the_status_tells(serve: Serve, closed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On the command line itself: 0 when the tick was taken, 1 and why when it was not."""
    assert main(["tick", "--url", serve(lambda _: Answer(status=204)).url]) == 0
    assert capsys.readouterr().err == ""
    assert main(["tick", "--url", closed, "--every", "1s", "--for", "1s"]) == 1
    complaints = capsys.readouterr().err.splitlines()
    assert complaints == [f"serinus tick: {closed}: connection refused", "serinus tick: 1 of 1 ticks were not taken"]
