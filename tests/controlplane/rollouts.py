"""Rollouts that need all that the service accounts may do."""

import base64
import json
from functools import partial
from typing import Any

from flask import Flask

from handlers.rollout.jobs.job import JOB_NAME
from handlers.rollout.objects import annotations
from handlers.rollout.refusal import REFUSED
from handlers.sandbox.kube import DAEMON_SETS, DEPLOYMENTS, SERVICES, VIRTUAL_SERVICES, Resource
from tests.adapters.loopback import Answer, Answers, Asked
from tests.controlplane.moves import DESTINATION_RULES, HPAS, SCALED_OBJECTS, STEPS, scaled_object, workload
from tests.controlplane.rights import Site
from tests.e2e import account
from tests.e2e.town import NAMESPACES, App

AUDIENCE = "serinus"
STATEFUL_SETS = Resource("apps/v1", "statefulsets")
JOBS = Resource("batch/v1", "jobs")
JOB_IMAGES = "migrate"
"""What a webhook's own Job may run."""
RUN_JOB = "/run-job"
APPLIED = "Preference-Applied"
"""What a sender that asks again looks for."""


def answering(run_job: Flask) -> Answers:
    """As Prometheus answers, which a messenger takes for a yes; who asks for a Job is heard by what runs them."""
    result = [{"metric": {}, "value": [0, "1"]}]
    one = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()

    def answer(asked: Asked) -> Answer:
        if asked.path != RUN_JOB:
            return Answer(one)
        said = run_job.test_client().post(RUN_JOB, data=asked.body, headers=dict(asked.headers))
        return Answer(said.data, said.status_code, {name: text for name, text in said.headers if name == APPLIED})

    return answer


def weighted(site: Site, app: App) -> None:
    """A Deployment with everything that can hang on it: promoted twice, and rolled back by an alert."""
    site.hooks.asked.clear()
    _dependents(site, app)
    app.deploy("1")
    container = {**app.containers("1")[0], "envFrom": _sources("settings", "password")}
    _template(app, DEPLOYMENTS, {"spec": {"containers": [container]}})
    app.sandbox.wait_rolled_out(app.namespace, "app")
    metric = {"name": "one", "interval": "1m", "templateRef": {"name": "one"}, "thresholdRange": {"min": 1}}
    alerts = [{"name": "chat", "severity": "info", "providerRef": {"name": "chat"}}]
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "app"}
    _mingle(app)
    app.canary({**STEPS, "metrics": [metric], "alerts": alerts}, autoscalerRef=scaler)
    _part(app)
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


def _mingle(app: App) -> None:
    """Workloads, without pods as yet, whose pods a Service of the app's would find."""
    daemons = workload(app, "DaemonSet", "agent", label=app.name)
    daemons["spec"]["template"]["spec"]["nodeSelector"] = {"no": "node"}
    stateful = workload(app, "StatefulSet", "database", label=app.name)
    stateful["spec"] |= {"replicas": 0, "serviceName": "database"}
    app.sandbox.apply(daemons, stateful)


def _part(app: App) -> None:
    """Each is in the way until it goes."""
    for resource, kind, name in ((DAEMON_SETS, "DaemonSet", "agent"), (STATEFUL_SETS, "StatefulSet", "database")):
        app.ticks_until(partial(_in_the_way, app, f"{kind} {app.namespace}/{name}"), f"{kind} {name} is in the way")
        app.kube.delete(resource, app.namespace, name)


def _in_the_way(app: App, workload: str) -> bool:
    return f"pods of {workload}" in annotations(app.object).get(REFUSED, "")


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
    app.kube.patch(DESTINATION_RULES, app.namespace, "app-primary", {"spec": {"host": "elsewhere"}})
    app.kube.patch(SERVICES, app.namespace, "app-primary", {"spec": {"selector": {"app": "elsewhere"}}})
    app.kube.patch(VIRTUAL_SERVICES, app.namespace, "app", {"spec": {"hosts": ["elsewhere"]}})
    app.kube.patch(HPAS, app.namespace, "app", {"spec": {"maxReplicas": 3}})

    def healed() -> bool:
        return bool(
            app.kube.get(DESTINATION_RULES, app.namespace, "app-primary")["spec"]["host"] == "app-primary"
            and app.kube.get(SERVICES, app.namespace, "app-primary")["spec"]["selector"] == {"app": "app-primary"}
            and app.route()["spec"]["hosts"] == ["app"]
            and app.kube.get(HPAS, app.namespace, "app-primary")["spec"]["maxReplicas"] == 3
        )

    app.ticks_until(healed, "all is put right")


def daemons(site: Site, app: App) -> None:
    """A DaemonSet, promoted once."""
    app.sandbox.apply(workload(app, "DaemonSet", app.name))
    app.canary(STEPS, targetRef={"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "app"})
    app.until("Initialized")
    _template(app, DAEMON_SETS, {"spec": {"containers": app.containers("2")}})
    app.until("Succeeded")
    site.idles(app)


def scaled(site: Site, app: App) -> None:
    """A Deployment that KEDA scales: its ScaledObject is paused, and the primary's follows it."""
    app.sandbox.apply(scaled_object(app, app.name))
    app.deploy("1")
    app.canary(STEPS, autoscalerRef={"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "app"})
    app.until("Initialized")
    app.kube.patch(SCALED_OBJECTS, app.namespace, "app", {"spec": {"maxReplicaCount": 3}})

    def followed() -> bool:
        primary = app.kube.get(SCALED_OBJECTS, app.namespace, "app-primary")
        return bool(primary["spec"]["maxReplicaCount"] == 3)

    app.ticks_until(followed, "the primary's follows")
    site.idles(app)


def brokered(site: Site, _: App) -> None:
    """An event with a service account's token for our audience is taken."""
    token = account.token_of(site.plane.kube, "default", AUDIENCE)
    headers = {"ce-id": "1", "ce-source": "/s", "ce-type": "dev.serinus.nothing", "ce-specversion": "1.0"}
    answer = site.town.handlers.post("/", headers=headers | {"Authorization": f"Bearer {token}"}, data="")
    assert answer.status_code == 204, answer.text


def jobs(site: Site, app: App) -> None:
    """A Deployment whose rollout waits for a Job of a suspended CronJob, and for one that its Canary brings."""
    pod = {"containers": [{"name": "migrate", "image": f"{JOB_IMAGES}:1", "command": ["true"]}]}
    job = {"template": {"spec": pod | {"restartPolicy": "Never"}}}
    cron = {"schedule": "0 0 31 2 *", "suspend": True, "jobTemplate": {"spec": job}}
    app.sandbox.apply({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": app.meta("expand"), "spec": cron})
    app.deploy("1")
    spec = base64.b64encode(json.dumps(job).encode()).decode()
    asked = ({"jobTemplate": "expand"}, {"jobName": "check", "jobSpec": spec})
    hook = {"type": "pre-rollout", "url": site.hooks.url + RUN_JOB}
    hooks = [{**hook, "name": f"hook-{number}", "metadata": metadata} for number, metadata in enumerate(asked)]
    app.canary({**STEPS, "webhooks": hooks})
    app.until("Initialized")
    app.push("2")
    app.ticks_until(lambda: "expand" in _ended(app), "the Job of the template has ended")
    app.ticks_until(lambda: "check" in _ended(app), "the Job of the spec has ended")
    app.until("Progressing", 50)
    app.until("Succeeded")


def _ended(app: App) -> set[str]:
    """The names of the Jobs that are complete."""
    found = app.kube.list(JOBS, app.namespace)["items"]
    return {job["metadata"]["annotations"][JOB_NAME] for job in found if (job.get("status") or {}).get("succeeded")}
