"""A message reaches each messenger, whoever is down and whichever process dies."""

from collections import Counter
from contextlib import suppress

import pytest

from handlers.errors import Unavailable
from tests.fakes import Died
from tests.lab import TICK, a_canary, an_alert, at, new_lab
from tests.protocol.harness import finish
from tests.scenarios.alerting import ROCKET, SLACK, SUCCESS, a_provider, a_rule, alerting, sent, state_of, texts


def test_who_had_it_was_told_again_because_another_was_down() -> None:
    """A message stays in the outbox for those that do not have it, and is not delivered twice to those that do."""
    hooks = [{"name": name, "type": "event", "url": f"http://hooks.test/{name}"} for name in ("up", "down")]
    lab = at(new_lab(a_canary(analysis={"webhooks": hooks})), "Progressing", 20)
    lab.webhooks.asked.clear()
    lab.webhooks.answers["http://hooks.test/down"] = [Unavailable("down")]
    lab.tick()
    lab.webhooks.answers["http://hooks.test/down"] = [200]
    finish(lab)
    for name in ("up", "down"):
        keys = Counter(r.headers["Idempotency-Key"] for r in lab.webhooks.asked if r.url.endswith(f"/{name}"))
        assert (name, set(keys.values())) == (name, {1} if name == "up" else {1, 2})
    assert not state_of(lab).outbox


def test_a_messenger_that_is_down_holds_up_nobody() -> None:
    """The others have the message at once; the one gets it when it is back, and is asked once in each round."""
    lab = alerting(a_rule(), a_rule("rocket"))
    a_provider(lab, "rocket", type="rocket", address=ROCKET)
    lab.webhooks.answers[SLACK] = [Unavailable("down")]
    at(lab, "Progressing", 20)
    assert len(texts(lab, ROCKET)) == 2
    lab.webhooks.asked.clear()
    lab.webhooks.answers[SLACK] = [200]
    lab.clock.tick(120)
    lab.step()
    assert texts(lab)[:2] == [
        "New Deployment detected, initialization completed.",
        "New revision detected, progressing canary analysis.",
    ]
    assert texts(lab, ROCKET) == []


@pytest.mark.parametrize("left", range(1, 9))
def test_a_message_outlives_its_process(left: int) -> None:
    """Wherever a process dies in the step of a rollback, the rollback is told, and always as the same message."""
    lab = at(alerting(a_rule(severity="error"), threshold=1), "Progressing", 20)
    lab.prometheus.values[SUCCESS] = [10]
    writes = iter(range(left))

    def dies(verb: str, _: str) -> None:
        if verb in ("patch", "patch_status") and next(writes, None) is None:
            raise Died

    lab.clock.tick(10)
    lab.cluster.before = dies
    with suppress(Died):
        lab.step(TICK)
    lab.cluster.before = lambda _verb, _path: None
    finish(lab)
    keys = {request.headers["Idempotency-Key"] for request in lab.webhooks.asked if request.url == SLACK}
    assert (lab.phase, len(keys)) == ("Failed", 1)
    text, facts = sent(lab)[0]
    assert (text, facts["request-success-rate"]) == ("Failed checks threshold reached 1", "10.00% < 99%")


def test_a_rollback_whose_reason_was_for_nobody() -> None:
    """The process dies after the intent and before anybody is to be told: whoever finishes it tells what there is."""
    lab = at(new_lab(a_canary(analysis={"threshold": 1})), "Progressing", 20)
    patches = iter(range(1))

    def dies(verb: str, path: str) -> None:
        if verb == "patch" and "virtualservices" in path and next(patches, None) is not None:
            raise Died

    lab.cluster.before = dies
    with suppress(Died):
        lab.step(an_alert(lab.clock.moment))
    a_provider(lab)
    lab.edit("flagger.app/v1beta1/canaries/app", {"spec": {"analysis": {"alerts": [a_rule()]}}})
    finish(lab)
    assert texts(lab) == ["Finish the rollback that was begun"]
