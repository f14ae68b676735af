"""Canaries that stand still, each as a user finds it: what is seen in the situations of docs/operations.md."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from handlers import alert
from handlers.errors import BadCanary, Held, Unavailable
from handlers.events import alertmanager
from handlers.explain.page import page
from handlers.explain.view import view
from handlers.rollout.freeze import Namespace
from handlers.rollout.objects import CANARY, DEPLOYMENT, HPA
from handlers.step.watched import watched
from tests.fakes import Died
from tests.lab import Lab, a_canary, an_alert, at, new_lab
from tests.manifests.files import KNATIVE
from tests.protocol.steps import no_pods
from tests.scalers import scaled_by
from tests.scenarios.alerting import SLACK, a_provider, a_rule
from tests.scenarios.neighbours import labelled
from tests.scenarios.test_enough_pods import grown
from tests.scenarios.test_refused import look, second

CANARY_PATH = "flagger.app/v1beta1/canaries/app"


def why(lab: Lab, namespace: str = "") -> str:
    """What `serinus why` prints, without its line breaks."""
    found = view(lab.canary, lab.clock(), namespace=Namespace(name="shop", windows=namespace))
    return " ".join(page(found, lab.clock()).split())


def begun(**spec: Any) -> Lab:
    """A rollout at 20 %."""
    return at(new_lab(a_canary(**spec)), "Progressing", 20)


def no_ticks(_: pytest.LogCaptureFixture) -> str:
    """An interval and more has passed since the last one."""
    lab = begun()
    lab.clock.tick(60)
    return why(lab)


def dying(_: pytest.LogCaptureFixture) -> str:
    """The process dies while it asks; and later, when its claim has run out."""
    lab = begun()

    def dies(verb: str, path: str) -> None:
        if verb == "patch" and path.endswith("canaries/app"):
            raise Died

    lab.clock.tick(10)
    lab.cluster.after = dies
    with suppress(Died):
        lab.step()
    first = why(lab)
    lab.clock.tick(260)
    return first + why(lab)


def held(_: pytest.LogCaptureFixture) -> str:
    """A pause, a freeze, and a freeze of the Namespace."""
    lab = begun()
    lab.edit(CANARY_PATH, annotated(pause="true"))
    lab.tick()
    window = "2026-11-01T00:00Z/2026-12-01T00:00Z"
    seen = why(lab) + why(lab, window)
    lab.edit(CANARY_PATH, annotated(freeze=window))
    assert "waits for" not in seen
    return seen + why(lab)


def annotated(**values: str) -> dict[str, Any]:
    """A patch of our annotations."""
    return {"metadata": {"annotations": {f"serinus.dev/{name}": value for name, value in values.items()}}}


def suspended(_: pytest.LogCaptureFixture) -> str:
    """In the middle of a run."""
    lab = begun()
    lab.edit(CANARY_PATH, {"spec": {"suspend": True}})
    return why(lab)


def gated(_: pytest.LogCaptureFixture) -> str:
    """Each kind of gate says no."""
    seen = ""
    for kind in ("confirm-rollout", "confirm-traffic-increase", "confirm-promotion"):
        lab = new_lab(a_canary(analysis={"webhooks": [{"name": "ask", "type": kind, "url": "http://gate"}]}))
        lab.webhooks.answers = {"http://gate": [403]}
        lab.until("Initialized")
        lab.push("app:v2")
        lab.tick(8)
        seen += why(lab)
    assert "refused, 403" in seen
    return seen


def canary_not_ready(_: pytest.LogCaptureFixture) -> str:
    """Its pods never become ready."""
    lab = new_lab()
    lab.until("Initialized")
    lab.kubelet.never.add("app:v2")
    lab.push("app:v2")
    lab.tick(3)
    return why(lab)


def primary_not_ready(_: pytest.LogCaptureFixture) -> str:
    """In a promotion, and in an analysis."""
    lab = at(new_lab(), "Progressing", 60)
    lab.clock.tick(10)
    lab.step()
    other = begun()
    no_pods(other, "app-primary")
    other.clock.tick(10)
    other.step()
    assert (lab.phase, other.phase) == ("Promoting", "Progressing")
    assert "waits for the primary's pods to become ready" in why(lab)
    return why(other)


def rollback_waits(_: pytest.LogCaptureFixture) -> str:
    """An alert while the canary serves alone is answered 503, and told as an error."""
    lab = begun()
    no_pods(lab, "app-primary")
    lab.clock.tick(10)
    with pytest.raises(Held) as refused:
        lab.step(an_alert(lab.clock()))
    assert refused.value.status == 503
    return why(lab)


def invalid(_: pytest.LogCaptureFixture) -> str:
    """The spec has a mistake: 422, and a tick writes the annotation."""
    lab = begun()
    lab.edit(CANARY_PATH, {"spec": {"analysis": {"metrics": [{"name": "speed"}]}}})
    with pytest.raises(BadCanary) as refused:
        lab.step()
    assert refused.value.status == 422
    look(lab)
    assert "serinus.dev/refused" in lab.canary["metadata"]["annotations"]
    return why(lab)


def rival(_: pytest.LogCaptureFixture) -> str:
    """A second Canary of the same target."""
    lab = new_lab()
    look(lab, 3)
    second(lab)
    look(lab)
    return str(view(lab.get("flagger.app/v1beta1/canaries/another"), lab.clock()).problems)


def target_missing(_: pytest.LogCaptureFixture) -> str:
    """Before anything was made of it."""
    lab = new_lab()
    lab.delete(DEPLOYMENT, "app")
    lab.tick()
    return why(lab)


def autoscaler_missing(_: pytest.LogCaptureFixture) -> str:
    """Nothing begins."""
    lab = new_lab(a_canary(**scaled_by(HPA)))
    lab.tick(2)
    return why(lab)


def metrics_fail(_: pytest.LogCaptureFixture) -> str:
    """Prometheus is down, and has no data."""
    lab = begun()
    lab.prometheus.values = {"istio_requests_total": [Unavailable("http://prometheus:9090: connection refused"), None]}
    lab.tick(2)
    assert lab.canary["status"]["failedChecks"] == 2
    return why(lab)


def late_alert(caplog: pytest.LogCaptureFixture) -> str:
    """It began before the rollout."""
    lab = begun()
    watched(lab.world, lab.ref, an_alert(lab.clock() - timedelta(hours=1)))
    assert lab.phase == "Progressing"
    return caplog.text


def held_by_alert(_: pytest.LogCaptureFixture) -> str:
    """An alert from an hour before the rollout is heard in the middle of it."""
    lab = begun()
    lab.step(an_alert(lab.clock() - timedelta(hours=1)))
    lab.tick()
    return why(lab) + str(lab.events)


def alert_of_nobody(caplog: pytest.LogCaptureFixture) -> str:
    """There is no Canary of that name."""
    lab = begun()
    labels = {"alertname": "CanaryLatency", "namespace": "shop", "canary": "other"}
    fired = {"status": "firing", "labels": labels, "fingerprint": "f", "startsAt": "2026-11-23T12:00:00Z"}
    alert.handle(lab.world, (), alertmanager.read({"version": "4", "alerts": [fired]}), "")
    return caplog.text


def messenger_down(_: pytest.LogCaptureFixture) -> str:
    """Nobody answers there."""
    lab = new_lab(a_canary(analysis={"alerts": [a_rule()]}))
    a_provider(lab)
    lab.webhooks.answers[SLACK] = [Unavailable("down")]
    lab.until("Initialized")
    return why(lab)


def provider_missing(_: pytest.LogCaptureFixture) -> str:
    """What the rule names is not there."""
    lab = new_lab(a_canary(analysis={"alerts": [a_rule()]}))
    lab.until("Initialized")
    return "\n".join(lab.events)


def scaled_by_argo_cd(_: pytest.LogCaptureFixture) -> str:
    """The file that the page names has what it says."""
    found = (KNATIVE / "argocd" / "application.yaml").read_text()
    assert "ignoreDifferences:" in found
    assert "RespectIgnoreDifferences=true" in found
    return ""


def deleted(_: pytest.LogCaptureFixture) -> str:
    """With revertOnDeletion, and no pod of the target gets ready."""
    lab = new_lab(a_canary(revertOnDeletion=True))
    look(lab, 3)
    lab.delete(CANARY, "app")
    look(lab)
    return why(lab)


def neighbour(_: pytest.LogCaptureFixture) -> str:
    """A Deployment whose pods have all labels of the target's."""
    lab = new_lab()
    look(lab, 3)
    lab.create(DEPLOYMENT, labelled("worker", {"app": "app", "tier": "b"}))
    look(lab)
    return why(lab)


def misspelt_port(_: pytest.LogCaptureFixture) -> str:
    """A targetPort that no container has."""
    lab = begun()
    lab.edit("flagger.app/v1beta1/canaries/app", {"spec": {"service": {"targetPort": "htpp"}}})
    lab.tick()
    return why(lab)


def nowhere_to_move(_: pytest.LogCaptureFixture) -> str:
    """The spec names a target that does not exist."""
    lab = new_lab()
    look(lab, 3)
    lab.edit(CANARY_PATH, {"spec": {"targetRef": {"name": "nowhere"}}})
    look(lab)
    return why(lab)


def drained(_: pytest.LogCaptureFixture) -> str:
    """Right after a rollback."""
    lab = begun()
    lab.step(an_alert(lab.clock()))
    return why(lab)


def crowded(_: pytest.LogCaptureFixture) -> str:
    """Ten pods have carried what two would get."""
    lab = grown()
    lab.until("Promoting")
    look(lab)
    return why(lab)
