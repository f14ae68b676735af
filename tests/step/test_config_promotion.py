"""A promotion that has copied some configs and not all is finished, or undone."""

import pytest

from handlers.rollout.objects.configs import carried
from tests.lab import Lab, an_alert
from tests.protocol.harness import Fault, Trace, finish, process, run, state_of
from tests.step.configured import HIDDEN, SECRET, at_rest, changed, configured


def promoting(kind: str, at: int) -> Lab:
    """The last step has gone wrong right after its first write of a copy."""
    lab = changed(changed(at_rest(configured())), SECRET, "bmV3")
    while lab.weights != (40, 60):
        lab.tick()
    lab.kubelet.run()
    lab.clock.tick(10)
    fault = Fault(kind, at)
    run(process(lab, fault.watcher), lab)
    assert lab.get("v1/configmaps/app-config-primary")["data"] == {"k": "b"}
    assert carried(lab.primary)["configmap/app-config"] != state_of(lab).configs["configmap/app-config"]
    return lab


def first_copy() -> int:
    """After how many calls of a last step the first copy has been written."""
    lab, trace = changed(changed(at_rest(configured())), SECRET, "bmV3"), Trace()
    while lab.weights != (40, 60):
        lab.tick()
    lab.kubelet.run()
    lab.clock.tick(10)
    run(process(lab, trace.watcher), lab)
    return next(i for i, (verb, path) in enumerate(trace.calls, 1) if verb == "patch" and "configmaps" in path)


@pytest.mark.parametrize("trouble", ["an alert", "a bad metric", "a webhook"])
def test_a_promotion_that_has_copied_a_config_is_finished(trouble: str) -> None:
    """To go back would leave the old template with the new contents: what was claimed is rolled forward."""
    lab = promoting("dies", first_copy())
    if trouble == "a webhook":
        lab.webhooks.answers["http://hooks.test/gate"] = [500]
        gate = {"name": "gate", "type": "confirm-promotion", "url": "http://hooks.test/gate"}
        lab.edit("flagger.app/v1beta1/canaries/app", {"spec": {"analysis": {"webhooks": [gate]}}})
    if trouble == "an alert":
        lab.step(an_alert(lab.clock()))
        assert "is too late" in lab.events[-1]
    lab.prometheus.values["requests_total"] = [10]
    lab.clock.tick(60)
    lab.step()
    assert lab.phase == "Promoting"
    finish(lab)
    assert lab.phase == "Succeeded"
    assert lab.get("v1/secrets/app-secret-primary")["data"] == {"k": "bmV3"}
    assert carried(lab.primary) == state_of(lab).configs


def test_a_promotion_that_has_copied_a_config_and_lost_its_subject_is_undone() -> None:
    """The config changed back meanwhile: the copies say again what the primary was made with."""
    lab = promoting("dies", first_copy())
    changed(changed(lab, value="a"), SECRET, HIDDEN)
    lab.clock.tick(60)
    finish(lab)
    assert lab.phase == "Initialized"
    assert lab.get("v1/configmaps/app-config-primary")["data"] == {"k": "a"}


@pytest.mark.parametrize("kind", ["lost", "refused"])
def test_an_alert_comes_before_the_first_copy_or_is_too_late(kind: str) -> None:
    """The rollback's fence is on the copies as well, so nothing is copied after its intent."""
    at = first_copy() if kind == "lost" else first_copy() + 1
    lab = promoting(kind, at)
    lab.step(an_alert(lab.clock()))
    lab.clock.tick(60)
    finish(lab)
    assert lab.phase == "Succeeded"
