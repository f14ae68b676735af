"""A Job is made of what is allowed, and of what must be; whatever asks for more is refused by the name of its field."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import BadCanary
from handlers.rollout.jobs.job import Outcome, Wanted, job_ref, manifest, of_base64, of_template, outcome, wanted
from handlers.rollout.jobs.rules import TEMPLATE, of_event, permitted
from handlers.rollout.objects import Object
from handlers.rollout.spec import canary as canaries
from handlers.rollout.spec.canary import Canary
from handlers.rollout.spec.fields import Field
from tests.lab import a_canary

PASSWORD = "hunter2-of-the-tests"
CONTAINER: dict[str, Any] = {"name": "migrate", "image": "ghcr.io/shop/migrate:2", "command": ["migrate", "expand"]}
ASKED = Wanted(name="expand", revision="1-abc", spec="unused", template="")
IMAGES = ("ghcr.io/shop",)


def a_job_spec(pod: dict[str, Any] | None = None, /, *, container: dict[str, Any] | None = None, **spec: Any) -> Object:
    """The spec of a Job with one container."""
    inside = {"containers": [{**CONTAINER, **(container or {})}], "restartPolicy": "OnFailure", **(pod or {})}
    return {"template": {"spec": inside}, **spec}


def encoded(document: Any) -> str:
    """As it stands in a Canary."""
    return base64.b64encode(json.dumps(document).encode()).decode()


def canary(uid: str = "uid-1", name: str = "app") -> Canary:
    """A Canary as read."""
    obj = a_canary()
    return canaries.parse({**obj, "metadata": {"namespace": "shop", "name": name, "uid": uid}})


def made(document: Any, images: tuple[str, ...] = IMAGES) -> Any:
    """The Job that comes of it."""
    job, rules = of_base64(encoded(document), "shop", images)
    return manifest(canary(), ASKED, job, rules)


def test_a_job_is_locked_down() -> None:
    """Around what was asked for stands what every Job has: an owner, limits of time, and the restricted standard."""
    job = made({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "mine"}, "spec": a_job_spec()})
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], job["metadata"]["namespace"]) == ("Canary", "uid-1", "shop")
    limits = {"backoffLimit": 2, "activeDeadlineSeconds": 600, "ttlSecondsAfterFinished": 86400}
    assert {key: job["spec"][key] for key in limits} == limits
    pod = job["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    (container,) = pod["containers"]
    assert container["command"] == ["migrate", "expand"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "512Mi"}
    assert job["spec"]["template"]["metadata"] == {"labels": {"sidecar.istio.io/inject": "false"}}


def test_what_is_allowed_arrives() -> None:
    """Fields that do no harm are taken over as they are written."""
    container = {
        "args": ["-v"],
        "workingDir": "/srv",
        "env": [{"name": "MODE", "value": "expand"}, {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "a"}}}],
        "envFrom": [{"configMapRef": {"name": "settings"}}],
        "resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "1"}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp", "readOnly": False}],  # noqa: S108  a mount's path
        "securityContext": {"runAsUser": 1000, "readOnlyRootFilesystem": True},
    }
    pod = {
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "initContainers": [CONTAINER],
        "securityContext": {"fsGroup": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "hostNetwork": False,
        "terminationGracePeriodSeconds": 5,
    }
    limits = {"backoffLimit": 0, "activeDeadlineSeconds": 30, "ttlSecondsAfterFinished": 3600}
    spec = made(a_job_spec(pod, container=container, parallelism=1, suspend=False, **limits))["spec"]
    assert {key: spec[key] for key in limits} == limits
    inside = spec["template"]["spec"]
    assert inside["volumes"] == pod["volumes"]
    assert inside["securityContext"]["fsGroup"] == 1000
    assert "hostNetwork" not in inside
    assert len(inside["initContainers"]) == 1
    (found,) = inside["containers"]
    for name in ("args", "workingDir", "env", "envFrom", "volumeMounts"):
        assert found[name] == container[name], name
    assert found["resources"] == {
        "limits": {"cpu": "1", "memory": "1Gi"},
        "requests": {"cpu": "1"},
    }
    assert found["securityContext"]["runAsUser"] == 1000
    assert found["securityContext"]["readOnlyRootFilesystem"] is True


POD = "jobSpec.template.spec"
FIRST = f"{POD}.containers[0]"
SECRET_REF = {"secretKeyRef": {"name": "db", "key": "password"}}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (a_job_spec({"hostNetwork": True}), f"{POD}.hostNetwork"),
        (a_job_spec({"hostPID": True}), f"{POD}.hostPID"),
        (a_job_spec({"hostIPC": True}), f"{POD}.hostIPC"),
        (a_job_spec({"hostUsers": True}), f"{POD}.hostUsers"),
        (a_job_spec({"nodeName": "master"}), f"{POD}.nodeName"),
        (a_job_spec({"nodeSelector": {"role": "master"}}), f"{POD}.nodeSelector"),
        (a_job_spec({"tolerations": [{"operator": "Exists"}]}), f"{POD}.tolerations"),
        (a_job_spec({"priorityClassName": "system-node-critical"}), f"{POD}.priorityClassName"),
        (a_job_spec({"serviceAccountName": "admin"}), f"{POD}.serviceAccountName"),
        (a_job_spec({"serviceAccount": "admin"}), f"{POD}.serviceAccount"),
        (a_job_spec({"automountServiceAccountToken": True}), f"{POD}.automountServiceAccountToken"),
        (a_job_spec({"imagePullSecrets": [{"name": "x"}]}), f"{POD}.imagePullSecrets"),
        (a_job_spec({"ephemeralContainers": [CONTAINER]}), f"{POD}.ephemeralContainers"),
        (a_job_spec({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}), f"{POD}.volumes[0].hostPath"),
        (a_job_spec({"volumes": [{"name": "v", "secret": {"secretName": "db"}}]}), f"{POD}.volumes[0].secret"),
        (a_job_spec({"volumes": [{"name": "v", "projected": {"sources": [1]}}]}), f"{POD}.volumes[0].projected"),
        (
            a_job_spec({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "db"}}]}),
            f"{POD}.volumes[0].persistentVolumeClaim",
        ),
        (a_job_spec({"volumes": [{"emptyDir": {}}]}), f"{POD}.volumes[0].name"),
        (a_job_spec({"securityContext": {"runAsUser": 0}}), f"{POD}.securityContext.runAsUser"),
        (a_job_spec({"securityContext": {"runAsNonRoot": False}}), f"{POD}.securityContext.runAsNonRoot"),
        (a_job_spec({"securityContext": {"sysctls": [{"name": "a"}]}}), f"{POD}.securityContext.sysctls"),
        (
            a_job_spec({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
            f"{POD}.securityContext.seccompProfile",
        ),
        (a_job_spec({"containers": []}), f"{POD}.containers"),
        (a_job_spec({"containers": {"a": 1}}), f"{POD}.containers"),
        (
            a_job_spec({"initContainers": [{**CONTAINER, "restartPolicy": "Always"}]}),
            f"{POD}.initContainers[0].restart",
        ),
        (a_job_spec(container={"image": "docker.io/evil"}), f"{FIRST}.image"),
        (a_job_spec(container={"image": "ghcr.io/shop-evil/x"}), f"{FIRST}.image"),
        (a_job_spec(container={"image": ""}), f"{FIRST}.image"),
        (a_job_spec(container={"name": ""}), f"{FIRST}.name"),
        (a_job_spec(container={"securityContext": {"privileged": True}}), f"{FIRST}.securityContext.privileged"),
        (
            a_job_spec(container={"securityContext": {"allowPrivilegeEscalation": True}}),
            f"{FIRST}.securityContext.allowPrivilegeEscalation",
        ),
        (
            a_job_spec(container={"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}),
            f"{FIRST}.securityContext.capabilities.add",
        ),
        (a_job_spec(container={"securityContext": {"procMount": "Unmasked"}}), f"{FIRST}.securityContext.procMount"),
        (a_job_spec(container={"securityContext": {"runAsUser": 0}}), f"{FIRST}.securityContext.runAsUser"),
        (a_job_spec(container={"ports": [{"hostPort": 80, "containerPort": 80}]}), f"{FIRST}.ports"),
        (a_job_spec(container={"lifecycle": {"preStop": {}}}), f"{FIRST}.lifecycle"),
        (a_job_spec(container={"volumeDevices": [{"name": "a"}]}), f"{FIRST}.volumeDevices"),
        (
            a_job_spec(container={"volumeMounts": [{"name": "a", "mountPropagation": "Bidirectional"}]}),
            f"{FIRST}.volumeMounts[0].mountPropagation",
        ),
        (
            a_job_spec(container={"env": [{"name": "A", "valueFrom": SECRET_REF}]}),
            f"{FIRST}.env[0].valueFrom.secretKey",
        ),
        (a_job_spec(container={"env": [{"name": "A", "value": 5}]}), f"{FIRST}.env[0].value"),
        (a_job_spec(container={"env": {"A": PASSWORD}}), f"{FIRST}.env"),
        (a_job_spec(container={"env": [PASSWORD]}), f"{FIRST}.env"),
        (a_job_spec(container={"envFrom": [{"secretRef": {"name": "db"}}]}), f"{FIRST}.envFrom[0].secretRef"),
        (a_job_spec(container={"resources": {"claims": [{"name": "gpu"}]}}), f"{FIRST}.resources.claims"),
        (
            a_job_spec(container={"resources": {"limits": {"nvidia.com/gpu": 8}}}),
            f"{FIRST}.resources.limits.nvidia.com/gpu",
        ),
        (a_job_spec(backoffLimit=3), "jobSpec.backoffLimit"),
        (a_job_spec(activeDeadlineSeconds=3601), "jobSpec.activeDeadlineSeconds"),
        (a_job_spec(ttlSecondsAfterFinished=0), "jobSpec.ttlSecondsAfterFinished"),
        (a_job_spec(parallelism=50), "jobSpec.parallelism"),
        (a_job_spec(completions=50), "jobSpec.completions"),
        (a_job_spec(completionMode="Indexed"), "jobSpec.completionMode"),
        (a_job_spec(suspend=True), "jobSpec.suspend"),
        (a_job_spec(podFailurePolicy={"rules": [1]}), "jobSpec.podFailurePolicy"),
        (a_job_spec(selector={"matchLabels": {"app": "app"}}), "jobSpec.selector"),
        ({"template": {"metadata": {"labels": {"app": "app-primary"}}}}, "jobSpec.template.metadata.labels"),
        ({"template": []}, "jobSpec.template"),
        ({"kind": "Pod", "apiVersion": "v1"}, "jobSpec"),
        ({"kind": "Job", "apiVersion": "batch/v1beta1"}, "jobSpec"),
        ({"kind": "Job", "apiVersion": "batch/v1", "status": {"succeeded": 1}}, "jobSpec.status"),
        (
            {"kind": "Job", "apiVersion": "batch/v1", "metadata": {"namespace": "kube-system"}},
            "jobSpec.metadata.namesp",
        ),
        ({"kind": "Job", "apiVersion": "batch/v1", "metadata": {"finalizers": ["x"]}}, "jobSpec.metadata.finalizers"),
        ([a_job_spec()], "metadata.jobSpec"),
        (PASSWORD, "metadata.jobSpec"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_whoever_asks_for_more_than_he_may_is_told_the_field(document: Any, field: str) -> None:
    """A Job that asks for more than it may is refused, by the path of the field, and shows no secret."""
    with pytest.raises(BadCanary) as raised:
        made(document)
    assert str(raised.value).startswith(field)
    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "e30",
        "e30=\n",
        " e30=",
        "e3\n0=",
        base64.b64encode(b"a: &a [b]\n").decode(),
        base64.b64encode(b"\xff").decode(),
        base64.b64encode(b"[" * 20_000).decode(),
    ],
    ids=["plain", "no padding", "line break", "space", "broken line", "YAML", "no text", "deep"],
)
def test_only_json_in_strict_base64_is_read(text: str) -> None:
    """What a lenient decoder would take, and YAML with its bombs, is refused in words."""
    with pytest.raises(BadCanary, match=r"metadata\.jobSpec: is not JSON in base64"):
        of_base64(text, "shop", IMAGES)


def test_without_images_no_spec_is_run() -> None:
    """The default permits nothing that stands in a Canary."""
    with pytest.raises(BadCanary, match="SERINUS_JOB_IMAGES permits no image"):
        of_base64(encoded(a_job_spec()), "shop", ())


@pytest.mark.parametrize(
    ("image", "prefixes", "good"),
    [
        ("ghcr.io/shop/migrate:2", ("ghcr.io/shop/",), True),
        ("ghcr.io/shop/migrate:2", ("ghcr.io/shop",), True),
        ("ghcr.io/shop:2", ("ghcr.io/shop",), True),
        ("ghcr.io/shop@sha256:1", ("docker.io/", "ghcr.io/shop"), True),
        ("ghcr.io/shop", ("ghcr.io/shop",), True),
        ("anything", ("*",), True),
        ("ghcr.io/shopping/x", ("ghcr.io/shop",), False),
        ("ghcr.io.evil.test/shop", ("ghcr.io",), False),
        ("evil/ghcr.io/shop", ("ghcr.io/shop",), False),
        ("x", (), False),
    ],
)
def test_images_are_permitted_by_whole_parts(image: str, prefixes: tuple[str, ...], good: bool) -> None:
    """A prefix ends where a part of an image's name ends."""
    assert permitted(image, prefixes) is good


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "metadata: expected either"),
        ({"jobName": "a"}, "metadata: expected either"),
        ({"jobName": "a", "jobSpec": "e30=", "jobTemplate": "b"}, "metadata: expected either"),
        ({"jobSpec": "e30="}, "metadata.jobName"),
        ({"jobName": "Not A Name", "jobSpec": "e30="}, "metadata.jobName"),
        ({"jobName": "a", "jobTemplate": "../secrets/x"}, "metadata.jobTemplate"),
        ({"jobName": "a", "jobSpec": "e30=", "jobPhase": "Done"}, "metadata.jobPhase"),
        ({"jobName": "a", "jobSpec": "e30=", "namespace": "kube-system"}, "metadata.namespace"),
    ],
)
def test_metadata_says_one_job(metadata: dict[str, str], message: str) -> None:
    """A webhook's metadata names one Job and where its spec is, and nothing else."""
    with pytest.raises(BadCanary) as raised:
        wanted(metadata, "1-abc")
    assert str(raised.value).startswith(message)


def test_a_template_lends_its_name() -> None:
    """A template needs no other name for its Job."""
    assert wanted({"jobTemplate": "migrate"}, "r") == Wanted(name="migrate", revision="r", spec="", template="migrate")


def a_cron_job(**spec: Any) -> Object:
    """A suspended CronJob that reads a Secret."""
    env = [{"name": "PASSWORD", "valueFrom": SECRET_REF}]
    pod = {"serviceAccountName": "migrate", "serviceAccount": "migrate", "nodeSelector": {"disk": "ssd"}}
    template = {
        "metadata": {
            "labels": {"team": "shop", "app.kubernetes.io/instance": "argo"},
            "annotations": {"a": "b", "argocd.argoproj.io/hook": "Sync"},
        },
        "spec": {**a_job_spec(pod, container={"image": "any/image", "env": env})["template"]["spec"]},
    }
    inside = {"metadata": {}, "spec": {"template": template}}
    return {"metadata": {"name": "migrate"}, "spec": {"suspend": True, "jobTemplate": inside, **spec}}


def test_a_template_of_the_namespace_may_read_secrets() -> None:
    """Who may write a CronJob may run its pods, so it is cloned with more, but with everything forced all the same."""
    job, rules = of_template(a_cron_job())
    template: Any = manifest(canary(), ASKED, job, replace(rules, account="other"))["spec"]["template"]
    assert template["metadata"] == {
        "labels": {"sidecar.istio.io/inject": "false", "team": "shop"},
        "annotations": {"a": "b"},
    }
    pod = template["spec"]
    assert (pod["serviceAccountName"], pod["nodeSelector"]) == ("migrate", {"disk": "ssd"})
    assert pod["containers"][0]["env"][0]["valueFrom"] == SECRET_REF
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True


def test_the_service_account_of_the_settings_is_the_default() -> None:
    """A Job that names no account gets the one of the settings."""
    job, rules = of_base64(encoded(a_job_spec()), "shop", IMAGES)
    made_of: Any = manifest(canary(), ASKED, job, replace(rules, account="jobs"))
    assert made_of["spec"]["template"]["spec"]["serviceAccountName"] == "jobs"


@pytest.mark.parametrize(
    ("pod", "field"),
    [
        ({"hostNetwork": True}, "hostNetwork"),
        ({"automountServiceAccountToken": True}, "automountServiceAccountToken"),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "volumes[0].hostPath"),
        ({"securityContext": {"runAsUser": 0}}, "securityContext.runAsUser"),
    ],
)
def test_a_template_gets_no_node_either(pod: dict[str, Any], field: str) -> None:
    """Nobody gets the host, root or a token of the cluster."""
    job, rules = of_template(
        {"metadata": {"name": "x"}, "spec": {"suspend": True, "jobTemplate": {"spec": a_job_spec(pod)}}}
    )
    with pytest.raises(BadCanary) as raised:
        manifest(canary(), ASKED, job, rules)
    assert str(raised.value).startswith(f"CronJob x: spec.jobTemplate.spec.template.spec.{field}")


@pytest.mark.parametrize("suspend", [False, None])
def test_a_template_that_runs_by_itself_is_none(suspend: bool | None) -> None:
    """A CronJob that is not suspended would run besides the rollout."""
    with pytest.raises(BadCanary, match=r"spec\.suspend must be true"):
        of_template(a_cron_job(suspend=suspend))


def test_the_name_is_the_same_for_the_same_question_only() -> None:
    """Another canary, another revision or another name of the Job is another Job."""
    refs = {
        job_ref(canary(), ASKED).name,
        job_ref(canary(uid="uid-2"), ASKED).name,
        job_ref(canary(), replace(ASKED, revision="1-abd")).name,
        job_ref(canary(), replace(ASKED, name="contract")).name,
    }
    assert len(refs) == 4
    assert job_ref(canary(), ASKED) == job_ref(canary(), replace(ASKED, spec="another"))


@given(st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,80}[a-z0-9])?", fullmatch=True), st.text("abc-", min_size=1, max_size=63))
def test_every_name_is_a_name(name: str, job: str) -> None:
    """Whatever the Canary is called, its Job has a name that can be a label of its pods."""
    ref = job_ref(replace(canary(), name=name), replace(ASKED, name=f"a{job}"))
    assert len(ref.name) <= 63
    assert set(ref.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert ref.name[0] != "-" != ref.name[-1]


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        ([], (Outcome.RUNNING, "")),
        ([{"type": "Suspended", "status": "True"}, {"type": "Complete", "status": "False"}], (Outcome.RUNNING, "")),
        ([{"type": "FailureTarget", "status": "True"}], (Outcome.RUNNING, "")),
        (
            [{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}],
            (Outcome.COMPLETE, ""),
        ),
        (
            [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"}],
            (Outcome.FAILED, "BackoffLimitExceeded: too often"),
        ),
        ([{"type": "Failed", "status": "True"}], (Outcome.FAILED, "")),
    ],
)
def test_how_a_job_went_is_read_from_its_conditions(conditions: list[Object], told: tuple[Outcome, str]) -> None:
    """Only Complete and Failed end a Job (batch/v1 JobConditionType)."""
    assert outcome({"status": {"conditions": conditions}}) == told


def test_a_template_may_everything_that_an_event_may() -> None:
    """The rules differ by what a template may besides."""
    event = of_event(IMAGES)
    for name in ("job", "pod", "volumes", "env", "env_from"):
        assert getattr(event, name) <= getattr(TEMPLATE, name)


def test_fields_are_not_objects() -> None:
    """A Job that is no object is refused by its name."""
    with pytest.raises(BadCanary, match="jobSpec: 5 is not an object"):
        manifest(canary(), ASKED, Field(5, "jobSpec"), TEMPLATE)
