"""Other targets than a Deployment whose image changes."""

from handlers.sandbox.kube import DAEMON_SETS, PODS
from handlers.sandbox.process import wait_for
from tests.e2e.town import PATIENCE, App

STEPS = {"stepWeight": 50, "maxWeight": 50}
LABELS = {"app": "app"}


def test_a_daemon_set(app: App) -> None:
    """Flagger's test-daemonset: the canary's pods are there only while it is tried, and it is promoted."""
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": app.containers("1")}}
    spec = {"selector": {"matchLabels": LABELS}, "template": template}
    app.sandbox.apply({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": app.meta(), "spec": spec})
    app.canary(STEPS, targetRef={"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "app"})
    app.until("Initialized")
    app.serves_only("1")

    def pods() -> set[str]:
        found = app.kube.list(PODS, app.namespace)["items"]
        return {pod["metadata"]["ownerReferences"][0]["name"] for pod in found}

    wait_for(lambda: pods() == {"app-primary"}, "only the primary's pod is left", PATIENCE)
    patch = {"spec": {"template": {"spec": {"containers": app.containers("2")}}}}
    app.kube.patch(DAEMON_SETS, app.namespace, "app", patch)
    app.until("Progressing", 50)
    wait_for(lambda: app.versions(4).keys() == {"1", "2"}, "both versions answer", PATIENCE)
    assert pods() == {"app", "app-primary"}
    app.until("Succeeded")
    app.serves_only("2")
    wait_for(lambda: pods() == {"app-primary"}, "the canary's pod is gone", PATIENCE)
    primary = app.kube.get(DAEMON_SETS, app.namespace, "app-primary")
    assert primary["spec"]["template"]["spec"]["containers"][0]["image"] == "app:2"
