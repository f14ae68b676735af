"""A Job is made of what is allowed, and of what must be."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.rollout.jobs.job import Outcome, job_ref, outcome
from handlers.rollout.objects import Object
from tests.rollout.job_specs import ASKED, CONTAINER, a_job_spec, canary, made


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
