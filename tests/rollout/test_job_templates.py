"""A suspended CronJob is a template, and may more than what stands in a Canary."""

from dataclasses import replace
from typing import Any

import pytest

from handlers.errors import BadCanary
from handlers.rollout.jobs.job import Wanted, manifest, of_base64, of_template, wanted
from handlers.rollout.jobs.rules import TEMPLATE, of_event
from handlers.rollout.objects import Object
from tests.rollout.job_specs import ASKED, IMAGES, SECRET_REF, a_job_spec, canary, encoded


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


def test_a_template_may_everything_that_an_event_may() -> None:
    """The rules differ by what a template may besides."""
    event = of_event(IMAGES)
    for name in ("job", "pod", "volumes", "env", "env_from"):
        assert getattr(event, name) <= getattr(TEMPLATE, name)
