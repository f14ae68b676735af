"""A Canary that cannot be stepped as it stands is told so once, costs nothing from then on, and is not forgotten."""

from typing import Any

import pytest

from handlers.errors import BadCanary, Unavailable
from handlers.rollout.objects import CANARY, DEPLOYMENT, SERVICE, Ref
from handlers.rollout.objects.ownership import KEEPER
from handlers.rollout.refusal import REFUSED
from handlers.step.step import step
from handlers.step.sweep import sweep
from tests.fakes import Died
from tests.lab import TICK, Lab, a_canary, a_deployment, an_alert, at, new_lab
from tests.protocol.harness import Watcher, finish, process, run, state_of
from tests.protocol.steps import VIRTUAL_SERVICE, handler
from tests.test_cost import PER_TICK, spent

CANARIES = "/apis/flagger.app/v1beta1/namespaces/shop/canaries"
MINE, OTHER = "flagger.app/v1beta1/canaries/app", "flagger.app/v1beta1/canaries/another"
BAD, WORSE, GOOD = (
    {"spec": {"analysis": {"metrics": metrics}}} for metrics in ([{"name": "speed"}], [{"name": "size"}], [])
)
UNREADABLE = "spec.analysis.metrics[0].name: 'speed' is not"


def look(lab: Lab, times: int = 1) -> None:
    """Ticks over all canaries."""
    for _ in range(times):
        lab.kubelet.run()
        lab.clock.tick(10)
        sweep(lab.world, (), TICK)


def quiet(lab: Lab) -> bool:
    """Whether ticks make their lists and no other request, and nothing is written."""
    before = lab.api.store.revision
    spent(lab)
    look(lab)
    kinds = {verb for verb, _ in lab.cluster.calls}
    return (spent(lab), kinds) == (PER_TICK, {"list"}) and lab.api.store.revision == before


def second(lab: Lab, **metadata: Any) -> None:
    """Another Canary of the same target."""
    canary = a_canary(**metadata.pop("spec", {}))
    canary["metadata"] = {"name": "another", "namespace": "shop", **metadata}
    assert lab.api.call("POST", CANARIES, canary).status == 201


def told(lab: Lab, text: str) -> int:
    """How many Events say so."""
    return sum(text in event for event in lab.events)


def refused(lab: Lab, path: str = OTHER) -> str:
    """What is written on a Canary about that."""
    return str((lab.get(path)["metadata"].get("annotations") or {}).get(REFUSED, ""))


def adopted() -> Lab:
    """A Canary whose primary somebody had made by hand."""
    lab = new_lab()
    by_hand = a_deployment()
    by_hand["metadata"]["name"] = "app-primary"
    by_hand["spec"]["selector"]["matchLabels"] = by_hand["spec"]["template"]["metadata"]["labels"] = {
        "app": "app-primary"
    }
    lab.create(DEPLOYMENT, by_hand)
    look(lab, 3)
    assert lab.phase == "Initialized"
    return lab


def made() -> Lab:
    """A Canary that has made its primary."""
    lab = new_lab()
    look(lab, 3)
    return lab


@pytest.mark.parametrize("make", [made, adopted])
def test_a_second_canary_costs_nothing_once_it_is_told(make: Any) -> None:
    """One Event and one annotation; what the first has is as it was, and its rollouts go on."""
    lab = make()
    second(lab)
    before = lab.primary, lab.weights
    look(lab)
    assert "belongs to Canary app already" in refused(lab)
    assert told(lab, "belongs to Canary app already") == 1
    assert quiet(lab)
    assert quiet(lab)
    assert (lab.primary, lab.weights) == before
    lab.push("app:v2")
    look(lab, 12)
    assert lab.phase == "Succeeded"
    assert told(lab, "belongs to Canary app already") == 1


def test_a_second_canary_is_refused_whatever_event_names_it() -> None:
    """Also where nobody owns the primary."""
    lab = adopted()
    second(lab)
    with pytest.raises(BadCanary, match="belongs to Canary app already, whose primary app-primary is"):
        step(lab.world, Ref(CANARY, "shop", "another"), TICK)
    assert lab.primary["metadata"]["annotations"][KEEPER] == "app"
    assert not lab.primary["metadata"].get("ownerReferences")


@pytest.mark.parametrize("make", [made, adopted])
def test_when_the_first_goes_the_second_takes_over(make: Any) -> None:
    """At the next tick, with a primary of its own or with the one that stays."""
    lab = make()
    second(lab)
    look(lab, 2)
    lab.delete(CANARY, "app")
    look(lab, 3)
    other = lab.get(OTHER)
    assert (other["status"]["phase"], refused(lab)) == ("Initialized", "")
    said = lab.primary["metadata"]
    owners = [owner["name"] for owner in said.get("ownerReferences") or ()]
    assert (owners, said["annotations"].get(KEEPER)) in ((["another"], None), ([], "another"))
    assert told(lab, "Taking over app-primary.shop") == (2 if make is adopted else 0)


def test_when_the_first_has_moved_to_another_target_the_second_takes_over() -> None:
    """A primary that nobody owns is free then; so is the Service that clients called, once somebody takes it away."""
    lab = adopted()
    second(lab)
    look(lab, 2)
    lab.edit(MINE, {"spec": {"targetRef": {"name": "elsewhere"}}})
    look(lab, 3)
    assert "Deployment shop/elsewhere does not exist" in refused(lab, MINE)
    assert "belong to Canary app already" in refused(lab)
    lab.create(DEPLOYMENT, elsewhere())
    look(lab, 8)
    assert (lab.phase, refused(lab, MINE)) == ("Initialized", "")
    assert refused(lab).startswith("spec.service.name: Services of 'app' belong to Canary app already")
    lab.delete(SERVICE, "app")
    look(lab, 3)
    assert (lab.get(OTHER)["status"]["phase"], refused(lab)) == ("Initialized", "")


def test_a_canary_of_a_primary_is_refused() -> None:
    """What was made for one Canary is no target of another."""
    lab = made()
    second(lab, spec={"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app-primary"}})
    look(lab, 2)
    assert refused(lab).startswith("spec.targetRef: Deployment shop/app-primary was made for Canary app")


def elsewhere() -> dict[str, Any]:
    """Another Deployment, with labels of its own."""
    made = a_deployment()
    made["metadata"]["name"] = "elsewhere"
    made["spec"]["selector"]["matchLabels"] = made["spec"]["template"]["metadata"]["labels"] = {"app": "elsewhere"}
    return made


def test_when_the_second_names_another_target_it_is_looked_at() -> None:
    """And is a Canary like any other."""
    lab = made()
    second(lab)
    look(lab, 2)
    lab.edit(OTHER, {"spec": {"targetRef": {"name": "elsewhere"}}})
    look(lab)
    assert refused(lab) == ""
    assert told(lab, 'deployments.apps "elsewhere" not found') == 1


def test_a_second_canary_may_go() -> None:
    """Its finalizer holds nothing that is the first one's, and nothing of that is put back."""
    lab = made()
    second(lab, finalizers=["finalizer.flagger.app"], spec={"revertOnDeletion": True})
    look(lab)
    before = lab.primary, lab.target, lab.weights
    lab.delete(CANARY, "another")
    assert lab.get(OTHER)
    look(lab)
    assert lab.get(OTHER) is None
    assert (lab.primary, lab.target, lab.weights) == before


@pytest.mark.parametrize("begun", [True, False])
def test_an_invalid_canary_costs_nothing_once_it_is_told(begun: bool) -> None:
    """At rest, or before anybody has looked; and goes on when it is mended."""
    lab = made() if begun else new_lab()
    lab.edit(MINE, BAD)
    look(lab)
    assert (refused(lab, MINE)[: len(UNREADABLE)], told(lab, UNREADABLE)) == (UNREADABLE, 1)
    assert quiet(lab)
    assert quiet(lab)
    lab.push("app:v2")
    lab.edit(MINE, GOOD)
    look(lab, 12)
    assert (lab.phase, refused(lab, MINE)) == ("Succeeded" if begun else "Initialized", "")


def test_another_mistake_and_the_same_one_later_are_told() -> None:
    """Once each time."""
    lab = made()
    for patch in (BAD, WORSE, GOOD, BAD):
        lab.edit(MINE, patch)
        look(lab, 2)
    assert (told(lab, UNREADABLE), told(lab, "metrics[0].name: 'size' is not")) == (2, 1)


def test_a_mistake_in_an_annotation_is_noticed_when_it_is_mended() -> None:
    """Though that makes no new generation; at rest nothing else is done."""
    lab = made()
    lab.edit(MINE, {"metadata": {"annotations": {"serinus.dev/threshold-counts": "all"}}})
    look(lab)
    assert "'all' is not consecutive or total" in refused(lab, MINE)
    lab.edit(MINE, {"metadata": {"annotations": {"serinus.dev/threshold-counts": "total"}}})
    look(lab)
    assert (refused(lab, MINE), quiet(lab)) == ("", True)


def test_a_state_that_cannot_be_read_is_told_once_and_kept() -> None:
    """Whatever is wrong with it."""
    lab = made()
    lab.edit(MINE, {"metadata": {"annotations": {"serinus.dev/state": "{}"}}})
    look(lab)
    assert "cannot be read" in refused(lab, MINE)
    assert quiet(lab)
    assert lab.canary["metadata"]["annotations"]["serinus.dev/state"] == "{}"


def test_nothing_is_written_under_a_step_under_way() -> None:
    """It would lose the version that it has read; the reason is told when it has ended."""
    lab = at(new_lab(), "Progressing", 20)
    lab.clock.tick(10)
    slow = handler(lab).to("patch", VIRTUAL_SERVICE)
    lab.edit(MINE, BAD)
    before = lab.api.store.revision
    sweep(lab.world, (), TICK)
    assert lab.api.store.revision == before
    slow.go()
    look(lab, 8)
    assert refused(lab, MINE).startswith(UNREADABLE)
    lab.step(an_alert(lab.clock.moment))
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))


def test_a_rollback_is_finished_whatever_the_analysis_says() -> None:
    """Its process has died, and a mistake in the spec must not keep the traffic where it was."""
    lab = at(new_lab(), "Progressing", 20)

    def before(verb: str, path: str) -> None:
        if verb == "patch" and path.endswith(VIRTUAL_SERVICE):
            raise Died

    assert run(process(lab, Watcher(before=before)), lab, an_alert(lab.clock.moment)) == "died"
    lab.edit(MINE, BAD)
    lab.clock.tick(60)
    look(lab)
    assert (lab.phase, lab.weights, state_of(lab).claim) == ("Failed", (100, 0), None)


def test_what_could_not_be_written_down_is_told_again() -> None:
    """By the next tick; the Event is the same one."""
    lab = made()
    lab.edit(MINE, BAD)

    def before(verb: str, path: str) -> None:
        if verb == "patch" and path.endswith("/canaries/app"):
            raise Unavailable("no answer")

    lab.cluster.before = before
    look(lab)
    assert refused(lab, MINE) == ""
    lab.cluster.before = lambda _verb, _path: None
    look(lab)
    assert (refused(lab, MINE)[: len(UNREADABLE)], told(lab, UNREADABLE)) == (UNREADABLE, 1)


def test_one_that_is_refused_stops_no_other() -> None:
    """In one tick, whatever is wrong with it."""
    lab = new_lab()
    second(lab, spec={"analysis": {"metrics": [{"name": "speed"}]}})
    finish(lab)
    assert (lab.phase, refused(lab)[: len(UNREADABLE)]) == ("Initialized", UNREADABLE)
