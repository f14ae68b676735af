"""ConfigMaps and Secrets in a rollout: a change of one is a new version, and the primary keeps its own until then."""

import json
from dataclasses import replace
from typing import Any

import pytest

from handlers.errors import Unavailable
from handlers.events.event import SYNCED, Event
from handlers.rollout.objects.configs import CONFIGS
from handlers.step.sweep import sweep
from handlers.sync import handle
from tests.lab import TICK, a_canary, a_config, a_deployment, an_alert, new_lab
from tests.protocol.harness import finish, state_of
from tests.step.configured import HIDDEN, MAP, READS, SECRET, at_rest, changed, configured, reads


def test_the_primary_has_copies_of_its_own() -> None:
    """Made before it, owned by the Canary, and read by its pods."""
    lab = at_rest(configured())
    assert reads(lab) == ["app-config-primary", "app-secret-primary"]
    copy = lab.get("v1/configmaps/app-config-primary")
    assert copy["data"] == {"k": "a"}
    assert copy["metadata"]["ownerReferences"][0]["uid"] == lab.canary["metadata"]["uid"]
    assert lab.get("v1/secrets/app-secret-primary")["data"] == {"k": HIDDEN}
    assert lab.canary["status"]["trackedConfigs"].keys() == {"configmap/app-config", "secret/app-secret"}


@pytest.mark.parametrize(("path", "value"), [(MAP, "b"), (SECRET, "bmV3")], ids=["ConfigMap", "Secret"])
def test_a_changed_config_alone_is_a_new_version(path: str, value: str) -> None:
    """It is analysed; the primary's copy and pods follow at its promotion, and not before."""
    lab = changed(at_rest(configured()), path, value)
    lab.clock.tick(10)
    sweep(lab.world, (), TICK)
    assert lab.phase == "Progressing"
    before = lab.primary["spec"]["template"]
    lab.until("Progressing")
    assert lab.get(f"{path}-primary")["data"] == {"k": {MAP: "a", SECRET: HIDDEN}[path]}
    finish(lab)
    assert lab.phase == "Succeeded"
    assert lab.get(f"{path}-primary")["data"] == {"k": value}
    assert lab.primary["spec"]["template"] != before


def test_a_config_that_changes_in_the_middle_starts_over() -> None:
    """Only what was analysed is promoted; it is noticed before the interval is over."""
    lab = changed(at_rest(configured()))
    while lab.weights != (60, 40):
        lab.tick()
    changed(lab, value="c")
    lab.clock.tick(1)
    sweep(lab.world, (), TICK)
    assert (lab.phase, lab.weights) == ("Progressing", (100, 0))
    finish(lab)
    assert lab.get("v1/configmaps/app-config-primary")["data"] == {"k": "c"}


def test_a_config_that_changes_back_cancels() -> None:
    """It is what is promoted."""
    lab = changed(at_rest(configured()))
    while lab.weights != (60, 40):
        lab.tick()
    changed(lab, value="a")
    finish(lab)
    assert (lab.phase, lab.weights) == ("Initialized", (100, 0))


def test_a_config_that_changes_while_a_step_asks_drops_it() -> None:
    """The answers were about other contents."""
    lab = changed(at_rest(configured()))
    while lab.weights != (40, 60):
        lab.tick()
    lab.kubelet.run()
    lab.clock.tick(10)
    query = lab.world.metrics.query

    class Slow:
        def query(self, server: Any, promql: str) -> Any:
            if lab.get(MAP)["data"]["k"] == "b":
                changed(lab, value="c")
            return query(server, promql)

    lab.world = replace(lab.world, metrics=Slow())
    lab.step()
    assert (lab.phase, lab.weights) == ("Progressing", (100, 0))
    assert lab.get("v1/configmaps/app-config-primary")["data"] == {"k": "a"}


def test_a_rollback_leaves_the_copies_alone() -> None:
    """What failed is not brought in by the back door, also not when something else has to be put back."""
    lab = changed(at_rest(configured()))
    while lab.weights != (60, 40):
        lab.tick()
    lab.step(an_alert(lab.clock()))
    assert lab.phase == "Failed"
    lab.edit("v1/services/app-canary", {"spec": {"selector": {"app": "stray"}}})
    finish(lab)
    assert lab.get("v1/services/app-canary")["spec"]["selector"] == {"app": "app"}
    assert lab.get("v1/configmaps/app-config-primary")["data"] == {"k": "a"}


def test_an_alert_rolls_back_while_no_config_can_be_read() -> None:
    """Safety waits for no right to read Secrets.

    Flagger's TestConfigTracker_HasConfigChanged_ShouldReturnErrorWhenAPIServerIsDown.
    """
    lab = changed(at_rest(configured()))
    while lab.weights != (60, 40):
        lab.tick()

    def refuse(_verb: str, path: str) -> None:
        if "secrets" in path or "configmaps" in path:
            raise Unavailable("list secrets: forbidden")

    lab.cluster.before = refuse
    lab.clock.tick(10)
    with pytest.raises(Unavailable, match="list secrets"):
        lab.step()
    assert (lab.phase, lab.weights) == ("Progressing", (60, 40))
    lab.step(an_alert(lab.clock()))
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))


def test_a_copy_that_was_deleted_is_made_again() -> None:
    """The primary's pods could not start without it."""
    lab = at_rest(configured())
    lab.api.call("DELETE", "/api/v1/namespaces/shop/configmaps/app-config-primary")
    finish(lab)
    assert lab.get("v1/configmaps/app-config-primary")["data"] == {"k": "a"}
    assert lab.phase == "Initialized"


def test_no_secret_gets_out() -> None:
    """Neither into what is written on the Canary or the primary, nor into Events."""
    lab = changed(at_rest(configured()), SECRET, "bmV3cGFzcw==")
    finish(lab)
    shown = json.dumps([lab.canary, lab.primary, lab.events])
    assert not [text for text in (HIDDEN, "hunter2", "bmV3cGFzcw==", "newpass") if text in shown]


def test_a_primary_that_was_there_with_its_copies_is_adopted() -> None:
    """Without its state a canary begins anew from what runs; nothing has changed, so nothing is rolled out."""
    lab = at_rest(configured())
    path = "/apis/apps/v1/namespaces/shop/deployments/app-primary"
    for annotation in ("serinus.dev/state", "serinus.dev/history"):
        lab.edit("flagger.app/v1beta1/canaries/app", {"metadata": {"annotations": {annotation: None}}})
    lab.api.call("PATCH", path, {"metadata": {"annotations": {"serinus.dev/promoted": None}}})
    finish(lab)
    assert (lab.phase, "adopted" in state_of(lab).promoted) == ("Initialized", False)
    assert json.loads(lab.primary["spec"]["template"]["metadata"]["annotations"][CONFIGS])


def test_idle_ticks_write_nothing() -> None:
    """Also when a config was edited in a way that says nothing, once that was seen."""
    lab = at_rest(configured())
    lab.edit(MAP, {"metadata": {"labels": {"a": "b"}}})
    finish(lab)
    lab.cluster.calls.clear()
    lab.clock.tick(10)
    sweep(lab.world, (), TICK)
    assert {verb for verb, _ in lab.cluster.calls} == {"list"}
    assert lab.phase == "Initialized"


def test_configs_cost_a_list_of_each_kind() -> None:
    """However many they are: a list of metadata per kind when read and rechecked, a read of each only where it changed.

    A step has two kinds more to list, twice; a tick lists them once, and only where pods read them.
    """
    costs = {}
    for number in (1, 8):
        sources = [{"configMapRef": {"name": f"map-{index}"}} for index in range(number)]
        deployment = a_deployment()
        deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [*sources, READS[1]]
        lab = new_lab(a_canary(), deployment)
        a_config(lab, "app-secret", {"k": HIDDEN}, "Secret")
        for index in range(number):
            a_config(lab, f"map-{index}", {"k": "a"})
        at_rest(lab)
        lab.edit("v1/configmaps/map-0", {"data": {"k": "b"}})
        while lab.weights != (80, 20):
            lab.tick()
        lab.kubelet.run()
        lab.clock.tick(10)
        lab.cluster.calls.clear()
        lab.step()
        step = [path.rsplit("/", 1)[1] for _, path in lab.cluster.calls if "configmaps" in path or "secrets" in path]
        assert sorted(step) == ["configmaps", "configmaps", "secrets", "secrets"]
        costs[number] = len(lab.cluster.calls)
        lab.cluster.calls.clear()
        sweep(lab.world, (), TICK)
        assert len(lab.cluster.calls) == 7
    assert costs == {1: 15, 8: 15}


@pytest.mark.parametrize(
    ("kind", "name", "looked"),
    [("ConfigMap", "app-config", True), ("Secret", "app-secret", True), ("Secret", "other", False)],
)
def test_argo_cd_says_that_a_config_was_synced(kind: str, name: str, looked: bool) -> None:
    """The canaries whose pods read it are looked at, without waiting for a tick."""
    lab = changed(changed(at_rest(configured())), SECRET, "bmV3")
    resource = {"group": "", "kind": kind, "namespace": "shop", "name": name}
    handle(lab.world, (), Event(id="1", source="/argocd", type=SYNCED, data={"resources": [resource]}))
    assert (lab.phase == "Progressing") is looked
