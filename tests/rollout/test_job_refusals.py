"""Whatever asks for more than a Job may is refused by the name of its field."""

import base64
from typing import Any

import pytest

from handlers.errors import BadCanary
from handlers.rollout.jobs.job import manifest, of_base64, wanted
from handlers.rollout.jobs.rules import TEMPLATE, permitted
from handlers.rollout.spec.fields import Field
from tests.rollout.job_specs import ASKED, CONTAINER, IMAGES, SECRET_REF, a_job_spec, canary, encoded, made

PASSWORD = "hunter2-of-the-tests"
POD = "jobSpec.template.spec"
FIRST = f"{POD}.containers[0]"


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


def test_fields_are_not_objects() -> None:
    """A Job that is no object is refused by its name."""
    with pytest.raises(BadCanary, match="jobSpec: 5 is not an object"):
        manifest(canary(), ASKED, Field(5, "jobSpec"), TEMPLATE)
