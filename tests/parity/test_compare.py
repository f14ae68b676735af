"""Two performances of a scenario are equal, different on purpose, or different."""

import copy
import json
from collections.abc import Callable

import pytest

from tests.parity.compare import compare
from tests.parity.played import Played
from tests.parity.queries import FLAGGERS, OURS
from tests.parity.scenarios import RECORDINGS, Scenario


def recorded(name: str, player: str) -> tuple[Scenario, Played]:
    """A scenario, and what Flagger did in it as if it had been this player."""
    path = RECORDINGS / f"{name}.json"
    recording = json.loads(path.read_text(encoding="utf-8"))
    told = [text.replace(".NS", f".{player}") for text in recording["events"]]
    hooks = [[name, *rest] for name, _, *rest in recording["hooks"]]
    played = Played(player, ended=True, writes=recording["writes"], events=told, told=list(told), hooks=hooks)
    return Scenario.read(path), played


@pytest.fixture
def pair() -> tuple[Scenario, Played, Played]:
    """Flagger, and a Serinus that does just the same but for the order of the bootstrap."""
    scenario, flagger = recorded("weighted-promotes", "flagger-w")
    _, serinus = recorded("weighted-promotes", "serinus-w")
    serinus.writes = copy.deepcopy(serinus.writes)
    serinus.writes.insert(9, serinus.writes.pop(6))
    return scenario, flagger, serinus


def test_a_wanted_difference_is_named(pair: tuple[Scenario, Played, Played]) -> None:
    """The order that Serinus has on purpose is told by the deviation's name, and nothing else differs."""
    result = compare(*pair)
    assert result.deviations == ("bootstrap-order",)
    assert result.unwanted == ()


def _another_weight(played: Played) -> None:
    played.writes[-6] = ["status", "Progressing", 80, 0, 0]


def _another_order(played: Played) -> None:
    played.writes[-2], played.writes[-1] = played.writes[-1], played.writes[-2]


def _an_event_less(played: Played) -> None:
    del played.events[3]


def _other_words(played: Played) -> None:
    played.events[0] = "Normal Done"


def _a_call_more(played: Played) -> None:
    played.hooks.append(["gate", "Progressing", ["name"], None])


def _another_query(played: Played) -> None:
    played.queries = {"vector(100)"}


def _no_end(played: Played) -> None:
    played.ended = False


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        pytest.param(_another_weight, "writes", id="a weight that Flagger never had"),
        pytest.param(_another_order, "writes", id="the target goes down after Succeeded"),
        pytest.param(_an_event_less, "told", id="an Event that Flagger made is missing"),
        pytest.param(_other_words, "told", id="an Event has other words"),
        pytest.param(_a_call_more, "webhooks", id="a gate was asked that Flagger did not ask"),
        pytest.param(_another_query, "queries", id="a metric was asked by a query that is nobody's"),
        pytest.param(_no_end, "end", id="it has not come to its end"),
    ],
)
def test_any_other_difference_is_unwanted(
    pair: tuple[Scenario, Played, Played], spoil: Callable[[Played], None], part: str
) -> None:
    """Whatever else differs is told by where it is."""
    scenario, flagger, serinus = pair
    spoil(serinus)
    assert [difference.part for difference in compare(scenario, flagger, serinus).unwanted] == [part]


def test_what_depends_on_the_machine_is_evened_out(pair: tuple[Scenario, Played, Played]) -> None:
    """That a look found a pod not ready yet is no difference, and is told as a rule that was needed."""
    scenario, flagger, serinus = pair
    waits = f"Warning app-primary.{serinus.namespace} not ready: waiting for rollout to finish: 0 of 1 ready"
    serinus.events.insert(1, waits)
    result = compare(scenario, flagger, serinus)
    assert result.unwanted == ()
    assert result.rules == ("pods-take-time",)


def test_queries_that_count_every_request_are_named(pair: tuple[Scenario, Played, Played]) -> None:
    """Where Flagger asks its own, that is told as a rule; one more is no difference, but one that is missing is."""
    scenario, flagger, serinus = pair
    flagger.queries, serinus.queries = {FLAGGERS[0]}, set(OURS)
    result = compare(scenario, flagger, serinus)
    assert (result.unwanted, result.rules) == ((), ("requests-counted",))
    serinus.queries = {OURS[1]}
    assert [difference.lines for difference in compare(scenario, flagger, serinus).unwanted] == [(f"- {OURS[0]}",)]


def test_a_run_that_is_cancelled_asks_for_less() -> None:
    """The version was taken back at the gate: Flagger goes on and asks for metrics, Serinus has nothing to ask."""
    scenario, flagger = recorded("gate-rollout-revert", "flagger-w")
    _, serinus = recorded("gate-rollout-revert", "serinus-w")
    flagger.queries, serinus.queries = {FLAGGERS[0]}, set()
    assert "queries" not in {difference.part for difference in compare(scenario, flagger, serinus).unwanted}


def test_by_a_setting_the_queries_are_flaggers(pair: tuple[Scenario, Played, Played]) -> None:
    """Then there is no difference to be named."""
    scenario, flagger, serinus = pair
    flagger.queries, serinus.queries = {FLAGGERS[0]}, set(FLAGGERS)
    result = compare(scenario, flagger, serinus)
    assert (result.unwanted, result.rules) == ((), ())


def test_kubernetes_events_that_flaggers_client_drops_are_no_difference(pair: tuple[Scenario, Played, Played]) -> None:
    """What Flagger tells in full is what its event webhook hears."""
    scenario, flagger, serinus = pair
    del flagger.events[-1]
    assert compare(scenario, flagger, serinus).unwanted == ()


def test_a_canarys_own_event_webhook_hears_instead(pair: tuple[Scenario, Played, Played]) -> None:
    """Then the one for all Canaries hears nothing, and this one's calls are what Flagger tells."""
    scenario, flagger, serinus = pair
    keys = ["metadata", "phase"]
    said = [dict(zip(("eventType", "eventMessage"), text.split(" ", 1), strict=True)) for text in flagger.told]
    flagger.hooks = [["ev", "Progressing", keys, one] for one in said]
    serinus.hooks = json.loads(json.dumps(flagger.hooks).replace(".flagger-w", ".serinus-w"))
    flagger.told = []
    assert compare(scenario, flagger, serinus).unwanted == ()
