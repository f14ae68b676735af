"""What docs/operations.md says of upgrades, downgrades, backups and removal."""

import json
from datetime import timedelta
from typing import Any

import pytest

from handlers.errors import BadCanary
from handlers.rollout.history import HISTORY
from handlers.rollout.objects import CANARY, DEPLOYMENT, DESTINATION_RULE, SERVICE, VIRTUAL_SERVICE, Kind
from handlers.rollout.objects.ownership import keeper_of
from handlers.rollout.state import STATE
from handlers.sandbox.api.cluster import Cluster
from handlers.sandbox.crds import install_crds
from handlers.step.attempt import LONGEST, MARGIN
from tests.fakes import api_path
from tests.lab import Lab, a_canary, a_lab, an_alert, at, new_lab
from tests.protocol.harness import state_of
from tests.scenarios.test_refused import look, refused, told

MINE = "flagger.app/v1beta1/canaries/app"
BACKED_UP = (DEPLOYMENT, SERVICE, VIRTUAL_SERVICE, DESTINATION_RULE, CANARY)
KEPT = ("name", "namespace", "labels", "annotations")
"""The metadata that Velero keeps of an object (pkg/restore/restore.go, resetMetadata): no owner, no uid."""


def restored(lab: Lab, *, status: bool = False) -> Lab:
    """Another cluster with what a backup has kept; `status`: of the Canary the status, and none of its annotations."""
    api = Cluster()
    install_crds(api)
    api.call("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    for kind in BACKED_UP:
        for item in lab.api.call("GET", api_path(kind, "shop")).body["items"]:
            _restore(api, kind, item, status=status)
    new = a_lab(api, moment=lab.clock() + timedelta(hours=1))
    new.kubelet.run()
    return new


def _restore(api: Cluster, kind: Kind, item: Any, *, status: bool) -> None:
    meta = {key: value for key, value in item["metadata"].items() if key in KEPT}
    if status and kind is CANARY:
        del meta["annotations"]
    body = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": meta, "spec": item["spec"]}
    assert api.call("POST", api_path(kind, "shop"), body).status == 201
    if status and kind is CANARY:
        where = f"{api_path(kind, 'shop', meta['name'])}/status"
        assert api.call("PATCH", where, {"status": item["status"]}).status == 200


def test_a_run_goes_on_out_of_a_backup() -> None:
    """At the weight that it had, to its end, without another bootstrap."""
    lab = restored(at(new_lab(), "Progressing", 40))
    lab.tick()
    assert (lab.phase, lab.weights) == ("Progressing", (40, 60))
    lab.until("Succeeded")
    assert not any("Initialization done" in event for event in lab.events)


def test_a_canary_at_rest_comes_back_at_rest() -> None:
    """Nothing is rolled out, and the next push is."""
    before = new_lab()
    before.until("Initialized")
    lab = restored(before)
    lab.tick(3)
    assert (lab.phase, lab.weights, lab.target["spec"]["replicas"]) == ("Initialized", (100, 0), 0)
    lab.push("app:v2")
    lab.until("Succeeded")


def test_without_annotations_it_is_taken_over() -> None:
    """`.status` and the VirtualService say where it was, as for one of Flagger's."""
    lab = restored(at(new_lab(), "Progressing", 40), status=True)
    lab.tick()
    assert told(lab, "Taking over app.shop in phase Progressing, 40% of the traffic to the canary") == 1
    assert lab.weights in ((60, 40), (100, 0))  # what was written after the last status begins again


def test_who_owns_a_restored_primary() -> None:
    """Nobody, also when it is promoted: it is marked like one that was there before its Canary."""
    before = new_lab()
    before.until("Initialized")
    lab = restored(before)
    lab.push("app:v2")
    lab.until("Succeeded")
    assert not lab.primary["metadata"].get("ownerReferences")
    assert keeper_of(lab.primary) == "app"


def test_a_state_of_a_newer_version() -> None:
    """Routes, pods and state stay as they are, an Event and the annotation say why, and an alert is refused."""
    lab = at(new_lab(), "Progressing", 40)
    newer = json.dumps({**json.loads(lab.canary["metadata"]["annotations"][STATE]), "schema": 99})
    lab.edit(MINE, {"metadata": {"annotations": {STATE: newer}}})
    look(lab)
    with pytest.raises(BadCanary, match="schema"):
        lab.step(an_alert(lab.clock()))
    assert lab.weights == (60, 40)
    assert lab.canary["metadata"]["annotations"][STATE] == newer
    assert "schema" in refused(lab, MINE)
    assert told(lab, "schema") == 1
    assert HISTORY in lab.canary["metadata"]["annotations"]


def test_a_claim_runs_out() -> None:
    """However long the webhooks of a step may take, after four minutes and 20 seconds another process goes on."""
    hook = {"name": "slow", "type": "rollout", "url": "http://slow", "timeout": "30m", "retries": 3}
    lab = at(new_lab(a_canary(analysis={"webhooks": [hook]})), "Progressing", 20)
    lab.clock.tick(10)
    began, seen = lab.clock(), []
    lab.cluster.after = lambda _verb, _path: seen.append(state_of(lab).claim)
    lab.step()
    claims = [claim.until - began for claim in seen if claim]
    assert max(claims) == LONGEST + MARGIN == timedelta(minutes=4, seconds=20)
