"""Asking a webhook again, when that can help and time is left."""

import contextlib
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import Unavailable
from handlers.step.call import call
from handlers.step.ports import Request, Response

REQUEST = Request(method="POST", url="http://hook/", timeout=10)
DOWN = Unavailable("connection refused")


@dataclass
class Hook:
    """A webhook that answers as told, on a clock that moves by sleeping and by `took` for every answer."""

    answers: list[Response | Unavailable]
    deadline: float = 1e9
    took: float = 0.0
    now: float = 0.0
    sent: list[float] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def send(self, request: Request) -> Response:
        """Answer, and remember the timeout that was given."""
        self.sent.append(request.timeout)
        self.now += self.took
        answer = self.answers.pop(0)
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.now += seconds

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - self.now

    def call(self, retries: int) -> Response:
        """Ask."""
        return call(self, REQUEST, retries, self.left, self.sleep)


def answer(status: int, **headers: str) -> Response:
    """An answer with this status."""
    return Response(status=status, headers=headers)


@pytest.mark.parametrize("status", [200, 202, 204, 307, 400, 403, 404, 408, 409, 501])
def test_a_final_answer_is_not_asked_for_again(status: int) -> None:
    """Neither a yes nor a no that asking cannot change is asked for twice."""
    hook = Hook([answer(status)])
    assert hook.call(3).status == status
    assert hook.slept == []


@pytest.mark.parametrize("trouble", [answer(500), answer(502), answer(503), answer(429), DOWN])
def test_trouble_is_asked_again(trouble: Response | Unavailable) -> None:
    """What can pass is tried again.

    Flagger's TestCallWebhook_Retries.
    """
    hook = Hook([trouble, answer(200)])
    assert hook.call(1).status == 200
    assert hook.slept == [1]


def test_waits_double_up_to_half_a_minute() -> None:
    """1, 2, 4, 8, 16, 30, 30 seconds, as go-retryablehttp waits."""
    hook = Hook([DOWN] * 7 + [answer(200)])
    hook.call(7)
    assert hook.slept == [1, 2, 4, 8, 16, 30, 30]


def test_the_last_answer_is_handed_on() -> None:
    """When tries are used up, the last answer says why."""
    assert Hook([answer(500), answer(503)]).call(1).status == 503


def test_the_last_failure_is_handed_on() -> None:
    """When there never was an answer, the last reason is raised."""
    with pytest.raises(Unavailable, match="connection refused"):
        Hook([answer(500), DOWN]).call(1)


@pytest.mark.parametrize(
    ("status", "value", "slept"),
    [
        pytest.param(503, "7", [7], id="503"),
        pytest.param(429, "0", [0], id="429"),
        pytest.param(500, "7", [1], id="other statuses say nothing"),
        pytest.param(503, "Wed, 21 Oct 2026 07:28:00 GMT", [1], id="a date is not heeded"),
        pytest.param(503, "²", [1], id="nonsense"),
    ],
)
def test_retry_after_is_heeded(status: int, value: str, slept: list[float]) -> None:
    """Seconds in Retry-After replace the usual wait."""
    hook = Hook([Response(status=status, headers={"retry-after": value}), answer(200)])
    hook.call(1)
    assert hook.slept == slept


def test_no_wait_passes_the_deadline() -> None:
    """Rather than wait past the deadline, the answer at hand is the last one."""
    hook = Hook([answer(503), answer(503), answer(200)], deadline=2.5, took=0.25)
    assert hook.call(9).status == 503
    assert hook.slept == [1]


def test_a_try_gets_no_more_than_the_time_left() -> None:
    """The timeout shrinks with the time that is left."""
    hook = Hook([DOWN, answer(200)], deadline=4)
    hook.call(1)
    assert hook.sent == [4, 3]


def test_without_time_nothing_is_asked() -> None:
    """Past the deadline no request is sent."""
    hook = Hook([answer(200)], deadline=0)
    with pytest.raises(Unavailable, match="no time left"):
        hook.call(1)
    assert hook.sent == []


@given(
    st.lists(st.sampled_from([answer(200), answer(500), answer(503), DOWN]), min_size=1, max_size=12),
    st.integers(0, 11),
    st.floats(0.1, 200),
    st.floats(0, 10),
)
def test_never_too_often_and_never_past_the_deadline(
    answers: list[Response | Unavailable], retries: int, deadline: float, took: float
) -> None:
    """However it goes, there are at most `retries` more tries, and no wait ends after the deadline."""
    hook = Hook([*answers, *[answer(200)] * 12], deadline=deadline, took=took)
    with contextlib.suppress(Unavailable):
        hook.call(retries)
    assert 1 <= len(hook.sent) <= retries + 1
    assert hook.now - took < deadline
