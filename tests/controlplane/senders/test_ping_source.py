"""Knative's own PingSource adapter drives rollouts by its ticks alone, with a token that the API server vouches for."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import pytest

from handlers.events.event import PING
from tests.controlplane.senders.knative import PingSource, ping_source_adapter
from tests.controlplane.senders.site import Passed, Site, steps
from tests.e2e.town import App


@pytest.fixture(scope="module")
def adapter(site: Site) -> Iterator[PingSource]:
    """The adapter, with no PingSource yet."""
    with ping_source_adapter(site) as found:
        yield found


@pytest.fixture
def source(adapter: PingSource) -> Iterator[PingSource]:
    """The PingSource, which a test starts; it has ended after the test."""
    yield adapter
    adapter.stop()


def test_ticks_alone_drive_a_rollout(site: Site, app: App, source: PingSource) -> None:
    """From a pushed version to a promoted one, by nothing but the adapter's own cron."""
    app.push("2")
    source.start()
    site.wait_for(lambda: app.status["phase"] == "Succeeded", "the rollout has succeeded")
    site.wait_for_answers(lambda passed: by_id(passed).keys() >= ticks(app).keys(), "the last tick is answered")
    assert app.promoted.endswith(":2")
    assert {one.asked.headers["ce-type"] for one in site.passed} == {PING}
    assert {answers[-1] for answers in by_id(site.passed).values()} == {204}
    assert max(ticks(app).values()) == 1


def test_a_tick_that_cannot_be_taken_comes_again(site: Site, app: App, source: PingSource) -> None:
    """While the API server is out of reach the answer is 503: the same event comes again, and makes one step."""
    app.push("2")
    with site.outage():
        source.start()
        site.wait_for_answers(lambda passed: len(passed) > len(by_id(passed)), "a tick is tried again")
    site.wait_for(lambda: app.status["phase"] == "Succeeded", "the rollout has succeeded")
    again = {name: answers for name, answers in by_id(site.passed).items() if len(answers) > 1}
    assert again
    assert all(answers[-1] == 204 and set(answers[:-1]) == {503} for answers in again.values())
    assert max(ticks(app).values()) == 1


def by_id(passed: Sequence[Passed]) -> dict[str, list[int]]:
    """How each event was answered, each time that it came."""
    found = defaultdict(list)
    for one in passed:
        found[one.id].append(one.status)
    return found


def ticks(app: App) -> dict[str, int]:
    """How many steps each of the adapter's events has made."""
    found: dict[str, int] = defaultdict(int)
    for step in steps(app):
        source, _, name = step["event"].partition(" ")
        if source.endswith("/pingsources/serinus"):
            found[name] += 1
    return found
