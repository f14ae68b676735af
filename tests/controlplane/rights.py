"""Rollouts that need all that the handlers may do, and a site where it is told what they ask for."""

import json
from dataclasses import dataclass
from typing import Any

from handlers.sandbox.kube import DAEMON_SETS, DEPLOYMENTS, SERVICES, VIRTUAL_SERVICES, Resource
from tests.adapters import loopback
from tests.adapters.loopback import Answer, Asked
from tests.controlplane.control_plane import ControlPlane
from tests.e2e import account
from tests.e2e.town import App, Town

ACCOUNT = f"system:serviceaccount:{account.NAMESPACE}:{account.HANDLERS}"
AUDIENCE = "serinus"
STEPS = {"stepWeight": 50, "maxWeight": 50, "threshold": 1}
HPAS = Resource("autoscaling/v2", "horizontalpodautoscalers")
SCALED_OBJECTS = Resource("keda.sh/v1alpha1", "scaledobjects")
NAMESPACES = Resource("v1", "namespaces")
Right = tuple[str, str, str]
"""API group, resource with its subresource, verb."""


def granted(account_name: str) -> dict[Right, str]:
    """What an account may do, and the ClusterRole that says so."""
    documents = account.rights()
    bindings = [item for item in documents if item["kind"] == "ClusterRoleBinding"]
    mine = {item["roleRef"]["name"] for item in bindings if item["subjects"][0]["name"] == account_name}
    return {
        (group, resource, verb): item["metadata"]["name"]
        for item in documents
        if item["kind"] == "ClusterRole" and item["metadata"]["name"] in mine
        for rule in item["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


RIGHTS = granted(account.HANDLERS)


@dataclass(frozen=True, slots=True)
class Site:
    """A control plane with the handlers at work as their service account; `hooks`: Prometheus and a messenger."""

    plane: ControlPlane
    town: Town
    hooks: loopback.Server

    def app(self) -> App:
        """An app in a namespace of its own."""
        return App(self.town)

    def used(self) -> set[Right]:
        """What the account has asked for so far."""
        return {(ref.get("apiGroup", ""), _resource(ref), verb) for ref, verb in self._asked()}

    def idles(self, app: App) -> None:
        """Wait until a tick reads no object of its own in the app's namespace: the lists show that all is at rest."""
        reads = [-1]

        def quiet() -> bool:
            mine = [ref for ref, verb in self._asked() if verb == "get" and ref.get("namespace") == app.namespace]
            reads.append(len(mine))
            return reads[-1] == reads[-2]

        app.ticks_until(quiet, "a tick reads nothing")

    def _asked(self) -> list[tuple[Any, str]]:
        mine = [entry for entry in self.plane.audit() if entry["user"]["username"] == ACCOUNT]
        return [(entry["objectRef"], entry["verb"]) for entry in mine]

    def allowed(self, right: Right) -> bool:
        """Whether the API server says that the account may."""
        group, resource, verb = right
        name, _, sub = resource.partition("/")
        asked = {"group": group, "resource": name, "subresource": sub, "verb": verb}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "metadata": {}}
        reviews = Resource("authorization.k8s.io/v1", "subjectaccessreviews")
        answer = self.plane.kube.create(reviews, review | {"spec": {"user": ACCOUNT, "resourceAttributes": asked}})
        return bool(answer["status"]["allowed"])


def _resource(ref: Any) -> str:
    return f"{ref['resource']}/{ref['subresource']}" if "subresource" in ref else str(ref["resource"])


def answer(_: Asked) -> Answer:
    """As Prometheus answers; a messenger takes it for a yes."""
    result = [{"metric": {}, "value": [0, "1"]}]
    return Answer(json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode())


def weighted(site: Site) -> None:
    """A Deployment with everything that can hang on it: promoted twice, and rolled back by an alert."""
    app = site.app()
    site.hooks.asked.clear()
    _dependents(site, app)
    app.deploy("1")
    container = {**app.containers("1")[0], "envFrom": _sources("settings", "password")}
    _template(app, DEPLOYMENTS, {"spec": {"containers": [container]}})
    app.sandbox.wait_rolled_out(app.namespace, "app")
    metric = {"name": "one", "interval": "1m", "templateRef": {"name": "one"}, "thresholdRange": {"min": 1}}
    alerts = [{"name": "chat", "severity": "info", "providerRef": {"name": "chat"}}]
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "app"}
    app.canary({**STEPS, "metrics": [metric], "alerts": alerts}, autoscalerRef=scaler)
    app.until("Initialized")
    assert any("Initialization done" in text for text in app.events())
    assert any(asked.path == "/chat" for asked in site.hooks.asked)
    _frozen(app)
    _config(app, "ConfigMap", "settings", "new")
    _config(app, "Secret", "password", "new")
    app.until("Progressing", 50)
    app.until("Succeeded")
    _healed(app)
    site.idles(app)
    app.push("2")
    app.until("Progressing", 50)
    app.alert()
    assert app.status["phase"] == "Failed"


def _dependents(site: Site, app: App) -> None:
    meta, flagger = app.meta, {"apiVersion": "flagger.app/v1beta1"}
    template = {"provider": {"type": "prometheus", "address": site.hooks.url}, "query": "one"}
    chat = {"type": "slack", "channel": "c", "address": f"{site.hooks.url}/chat"}
    scale = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"}, "maxReplicas": 2}
    app.sandbox.apply(
        {**flagger, "kind": "MetricTemplate", "metadata": meta("one"), "spec": template},
        {**flagger, "kind": "AlertProvider", "metadata": meta("chat"), "spec": chat},
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta(), "spec": scale},
    )
    _config(app, "ConfigMap", "settings", "old")
    _config(app, "Secret", "password", "old")


def _config(app: App, kind: str, name: str, value: str) -> None:
    data = {"data": {"V": value}} if kind == "ConfigMap" else {"stringData": {"V": value}}
    app.sandbox.apply({"apiVersion": "v1", "kind": kind, "metadata": app.meta(name), **data})


def _sources(config: str, secret: str) -> list[dict[str, Any]]:
    return [{"configMapRef": {"name": config}}, {"secretRef": {"name": secret}}]


def _template(app: App, resource: Resource, template: Any) -> None:
    app.kube.patch(resource, app.namespace, "app", {"spec": {"template": template}})


def _frozen(app: App) -> None:
    """A frozen namespace holds a new version back."""
    window = {"serinus.dev/freeze": "2000-01-01T00:00Z/2100-01-01T00:00Z"}
    app.kube.patch(NAMESPACES, "", app.namespace, {"metadata": {"annotations": window}})
    _template(app, DEPLOYMENTS, {"metadata": {"annotations": {"touched": "once"}}})
    clock = app.clock()
    app.ticks_until(lambda: app.clock() > clock + 25, "time passes")
    assert app.status["phase"] == "Initialized"
    app.kube.patch(NAMESPACES, "", app.namespace, {"metadata": {"annotations": dict.fromkeys(window)}})


def _healed(app: App) -> None:
    """What somebody else has changed at rest is put right, and the primary's scaler follows the target's."""
    rules = Resource("networking.istio.io/v1beta1", "destinationrules")
    app.kube.patch(rules, app.namespace, "app-primary", {"spec": {"host": "elsewhere"}})
    app.kube.patch(SERVICES, app.namespace, "app-primary", {"spec": {"selector": {"app": "elsewhere"}}})
    app.kube.patch(VIRTUAL_SERVICES, app.namespace, "app", {"spec": {"hosts": ["elsewhere"]}})
    app.kube.patch(HPAS, app.namespace, "app", {"spec": {"maxReplicas": 3}})

    def healed() -> bool:
        return bool(
            app.kube.get(rules, app.namespace, "app-primary")["spec"]["host"] == "app-primary"
            and app.kube.get(SERVICES, app.namespace, "app-primary")["spec"]["selector"] == {"app": "app-primary"}
            and app.route()["spec"]["hosts"] == ["app"]
            and app.kube.get(HPAS, app.namespace, "app-primary")["spec"]["maxReplicas"] == 3
        )

    app.ticks_until(healed, "all is put right")


def daemons(site: Site) -> None:
    """A DaemonSet, promoted once."""
    app, labels = site.app(), {"app": "app"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": app.containers("1")}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    app.sandbox.apply({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": app.meta(), "spec": spec})
    app.canary(STEPS, targetRef={"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "app"})
    app.until("Initialized")
    _template(app, DAEMON_SETS, {"spec": {"containers": app.containers("2")}})
    app.until("Succeeded")
    site.idles(app)


def scaled(site: Site) -> None:
    """A Deployment that KEDA scales: its ScaledObject is paused, and the primary's follows it."""
    app = site.app()
    trigger = {"type": "cron", "metadata": {"timezone": "UTC", "start": "0 0 * * *", "end": "1 0 * * *"}}
    spec = {"scaleTargetRef": {"name": "app"}, "maxReplicaCount": 2, "triggers": [trigger]}
    app.sandbox.apply({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": app.meta(), "spec": spec})
    app.deploy("1")
    app.canary(STEPS, autoscalerRef={"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "app"})
    app.until("Initialized")
    app.kube.patch(SCALED_OBJECTS, app.namespace, "app", {"spec": {"maxReplicaCount": 3}})

    def followed() -> bool:
        primary = app.kube.get(SCALED_OBJECTS, app.namespace, "app-primary")
        return bool(primary["spec"]["maxReplicaCount"] == 3)

    app.ticks_until(followed, "the primary's follows")
    site.idles(app)


def brokered(site: Site) -> None:
    """An event with a service account's token for our audience is taken."""
    token = account.token_of(site.plane.kube, "default", AUDIENCE)
    headers = {"ce-id": "1", "ce-source": "/s", "ce-type": "dev.serinus.nothing", "ce-specversion": "1.0"}
    answer = site.town.handlers.post("/", headers=headers | {"Authorization": f"Bearer {token}"}, data="")
    assert answer.status_code == 204, answer.text
