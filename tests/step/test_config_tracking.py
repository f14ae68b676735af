"""ConfigMaps and Secrets in a rollout: a change of one is a new version, and the primary keeps its own until then."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from handlers.errors import BadCanary, Unavailable
from handlers.events.event import SYNCED, Event
from handlers.rollout.objects.configs import CONFIGS, carried
from handlers.rollout.objects.revision import of_target
from handlers.rollout.state import Phase
from handlers.step.sweep import sweep
from handlers.sync import handle
from tests.lab import TICK, Lab, a_canary, a_config, a_deployment, an_alert, new_lab
from tests.protocol.harness import Fault, Trace, finish, process, run, state_of

MAP, SECRET = "v1/configmaps/app-config", "v1/secrets/app-secret"
HIDDEN = "aHVudGVyMg=="
READS = [{"configMapRef": {"name": "app-config"}}, {"secretRef": {"name": "app-secret"}}]


def configured(*reads: Mapping[str, Any], **made: Any) -> Lab:
    """A lab whose target reads configs; both of the usual ones are there."""
    deployment = a_deployment()
    deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"] = list(reads or READS)
    lab = new_lab(a_canary(), deployment)
    a_config(lab, "app-config", {"k": "a"}, **made)
    a_config(lab, "app-secret", {"k": HIDDEN}, "Secret")
    return lab


def at_rest(lab: Lab) -> Lab:
    """Initialized, and looked at once more."""
    lab.until("Initialized")
    finish(lab)
    return lab


def changed(lab: Lab, path: str = MAP, value: str = "b") -> Lab:
    """The user changes one of them."""
    lab.edit(path, {"data": {"k": value}})
    return lab


def reads(lab: Lab) -> list[str]:
    """The names that the primary's pods read."""
    container = lab.primary["spec"]["template"]["spec"]["containers"][0]
    return [source["name"] for item in container.get("envFrom", []) for source in item.values()]


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


def test_a_config_that_vanishes_holds_the_run_and_is_named() -> None:
    """The canary keeps what it has; past the deadline it is rolled back, and with the config back it goes on."""
    lab = changed(at_rest(configured()))
    while lab.weights != (60, 40):
        lab.tick()
    lab.api.call("DELETE", "/api/v1/namespaces/shop/configmaps/app-config")
    lab.tick(2)
    assert (lab.phase, lab.weights) == ("Progressing", (60, 40))
    assert "ConfigMap shop/app-config does not exist, and the pods need it" in lab.events[-1]
    twin = lab.copy()
    a_config(lab, "app-config", {"k": "b"})
    finish(lab)
    assert lab.phase == "Succeeded"
    twin.tick(seconds=601)
    assert (twin.phase, twin.weights) == ("Failed", (100, 0))


def test_a_bootstrap_without_a_needed_config_says_so() -> None:
    """A primary without it would never start."""
    lab = configured({"configMapRef": {"name": "absent"}})
    with pytest.raises(BadCanary, match="ConfigMap shop/absent does not exist, and the pods need it"):
        lab.step()
    assert lab.primary is None


def test_an_optional_config_may_be_missing_and_may_come() -> None:
    """ConfigTracker_HasConfigChanged: that it comes is a change."""
    lab = at_rest(configured({"configMapRef": {"name": "later", "optional": True}}))
    assert reads(lab) == ["later"]
    a_config(lab, "later", {"k": "a"})
    lab.clock.tick(10)
    sweep(lab.world, (), TICK)
    assert lab.phase == "Progressing"
    finish(lab)
    assert reads(lab) == ["later-primary"]


@pytest.mark.parametrize("annotation", ["flagger.app/config-tracking", "serinus.dev/config-tracking"])
def test_an_opted_out_config_is_shared_and_starts_nothing(annotation: str) -> None:
    """ConfigIsDisabled: no copy, no rollout.

    Flagger's TestConfigTracker_ConfigMaps, TestConfigTracker_Secrets.
    """
    lab = at_rest(configured(READS[0], metadata={"annotations": {annotation: "disabled"}}))
    assert reads(lab) == ["app-config"]
    changed(lab)
    finish(lab)
    assert lab.phase == "Initialized"
    assert lab.get("v1/configmaps/app-config-primary") is None


def test_a_strangers_object_is_not_overwritten() -> None:
    """C22: the copy gets the Canary's name in its own, and is found under it again."""
    lab = configured()
    a_config(lab, "app-config-primary", {"theirs": "1"})
    changed(at_rest(lab))
    finish(lab)
    assert lab.phase == "Succeeded"
    assert reads(lab)[0] == "app-config-app-primary"
    assert lab.get("v1/configmaps/app-config-primary")["data"] == {"theirs": "1"}
    assert lab.get("v1/configmaps/app-config-app-primary")["data"] == {"k": "b"}


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


def test_tracking_can_be_turned_off() -> None:
    """Flagger's -enable-config-tracking=false: nothing is read, copied or started; nor when it is turned off later."""
    lab = configured()
    off = replace(lab.world.config, options=replace(lab.world.config.options, config_tracking=False))
    on, lab.world = lab.world, replace(lab.world, config=off)
    changed(at_rest(lab))
    finish(lab)
    assert (lab.phase, reads(lab)) == ("Initialized", ["app-config", "app-secret"])
    assert not [path for _verb, path in lab.cluster.calls if "configmaps" in path or "secrets" in path]
    tracked = at_rest(configured())
    tracked.world = replace(tracked.world, config=off)
    tracked.edit("apps/v1/deployments/app", {"metadata": {"annotations": {"look": "1"}}})
    tracked.step()
    finish(changed(tracked))
    assert (tracked.phase, on.config.options.config_tracking) == ("Initialized", True)


def test_a_canary_from_before_tracking_starts_no_rollout() -> None:
    """The first look at its configs changes nothing; the next change of one is a new version."""
    lab = configured()
    off = replace(lab.world.config, options=replace(lab.world.config.options, config_tracking=False))
    on, lab.world = lab.world, replace(lab.world, config=off)
    at_rest(lab)
    lab.world = on
    lab.step()
    finish(lab)
    assert (lab.phase, state_of(lab).promoted) == ("Initialized", of_target(lab.target))
    changed(lab)
    finish(lab)
    assert (lab.phase, state_of(lab).phase) == ("Succeeded", Phase.SUCCEEDED)
    assert reads(lab) == ["app-config-primary", "app-secret-primary"]


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
