"""What Argo CD has synced starts a rollout, and nothing else."""

import json
from collections.abc import Mapping

import pytest

from handlers.rollout import objects as kinds
from tests.apps import STRUCTURED, Client, clients
from tests.lab import a_canary, a_daemonset, at, new_lab
from tests.scalers import an_hpa, scaled_by
from tests.scenarios.neighbours import labelled, look

client_of = pytest.fixture(clients)


def synced(*resources: Mapping[str, str]) -> str:
    """What Argo CD's template sends."""
    event = {"specversion": "1.0", "id": "1", "source": "/argocd/a", "type": "dev.serinus.argocd.synced"}
    return json.dumps({**event, "subject": "a", "data": {"revision": "abc", "resources": list(resources)}})


DEPLOYMENT = {"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "app"}
CANARY = {"group": "flagger.app", "kind": "Canary", "namespace": "shop", "name": "app"}


@pytest.mark.parametrize("resource", [DEPLOYMENT, CANARY], ids=["target", "own manifest"])
def test_a_sync_starts_a_rollout(client_of: Client, resource: dict[str, str]) -> None:
    """A sync that names the target, or the Canary, looks at once and starts the new revision."""
    lab = new_lab()
    lab.until("Initialized")
    lab.push("app:v2")
    client_of(lab).post("/", data=synced(resource), headers=STRUCTURED)
    assert lab.phase == "Progressing"


HPA = {"group": "autoscaling", "kind": "HorizontalPodAutoscaler", "namespace": "shop", "name": "app"}


def test_a_sync_of_the_scaler_reaches_the_primarys(client_of: Client) -> None:
    """New bounds that Argo CD has synced are copied at once, and those of another scaler are nobody's."""
    lab = new_lab(a_canary(**scaled_by(kinds.HPA)))
    lab.create(kinds.HPA, an_hpa())
    lab.until("Initialized")
    lab.edit("autoscaling/v2/horizontalpodautoscalers/app", {"spec": {"maxReplicas": 9}})
    copied = "autoscaling/v2/horizontalpodautoscalers/app-primary"
    for name, most in (("other", 4), ("app", 9)):
        client_of(lab).post("/", data=synced({**HPA, "name": name}), headers=STRUCTURED)
        assert lab.get(copied)["spec"]["maxReplicas"] == most


def test_a_sync_of_a_daemonset_starts_a_rollout(client_of: Client) -> None:
    """It is a target like any other; a Deployment of the same name is somebody else's."""
    lab = new_lab(a_canary(targetRef={"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "app"}), a_daemonset())
    lab.until("Initialized")
    lab.push("app:v2")
    for kind, phase in (("Deployment", "Initialized"), ("DaemonSet", "Progressing")):
        client_of(lab).post("/", data=synced({**DEPLOYMENT, "kind": kind}), headers=STRUCTURED)
        assert lab.phase == phase


def test_a_sync_of_something_else_does_nothing(client_of: Client) -> None:
    """A sync that names neither leaves the canary alone, whatever its target shows."""
    lab = new_lab()
    lab.until("Initialized")
    lab.push("app:v2")
    client_of(lab).post("/", data=synced({**DEPLOYMENT, "name": "other"}), headers=STRUCTURED)
    assert lab.phase == "Initialized"


def test_a_sync_decides_nothing(client_of: Client) -> None:
    """Argo CD's self-heal sends syncs without a new revision: nothing is written."""
    lab = new_lab()
    lab.until("Initialized")
    look(lab)
    before = lab.canary["metadata"]["resourceVersion"]
    client_of(lab).post("/", data=synced(DEPLOYMENT, CANARY), headers=STRUCTURED)
    assert lab.canary["metadata"]["resourceVersion"] == before


def test_a_sync_in_a_run_puts_back_what_it_has_pruned(client_of: Client) -> None:
    """It says that something has changed; what that is, the step reads."""
    lab = at(new_lab(), "Progressing", 20)
    look(lab)
    lab.delete(kinds.SERVICE, "app-canary")
    client_of(lab).post("/", data=synced(CANARY), headers=STRUCTURED)
    assert lab.get("v1/services/app-canary")


def test_a_sync_in_a_run_that_brings_another_workload_with_the_labels_takes_the_share_back(client_of: Client) -> None:
    """Nobody gets to it: the canary's share goes to the primary at once."""
    lab = at(new_lab(), "Progressing", 20)
    look(lab)
    lab.create(kinds.DEPLOYMENT, labelled("other", {"app": "app"}, "other:v1"))
    client_of(lab).post("/", data=synced(CANARY), headers=STRUCTURED)
    assert lab.weights == (100, 0)
