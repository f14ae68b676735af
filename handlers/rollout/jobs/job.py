"""A Job for a rollout: from what a webhook brings, or from a template, to the manifest; and how it went."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from handlers.errors import BadCanary
from handlers.rollout.jobs.pod import pod_spec
from handlers.rollout.jobs.rules import TEMPLATE, Rules, of_event, only
from handlers.rollout.objects import JOB, Object, Ref, annotations, labels, metadata, spec, status
from handlers.rollout.objects.ownership import copied_annotations, copied_labels, owner_reference
from handlers.rollout.spec.canary import Canary
from handlers.rollout.spec.fields import Field
from handlers.rollout.state import Phase

JOB_NAME = "serinus.dev/job-name"
REVISION = "serinus.dev/revision"
RETRIES = 2
"""Most retries of a pod, and how many there are when a spec names none (Kubernetes' own default is 6)."""
DEADLINE, LONGEST = 600, 3600
"""Seconds a Job may take."""
KEPT = 86_400
"""Seconds after which an ended Job is removed: until then the same question gets the same answer."""
_KEPT_BETWEEN = (3600, 604_800)
_WITHOUT_SIDECAR = {"sidecar.istio.io/inject": "false"}
"""A proxy that does not end would keep the Job from ending."""
_NAME = re.compile(r"(?=.{1,63}\Z)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")


class Outcome(Enum):
    """How far a Job is."""

    RUNNING = "is running"
    COMPLETE = "is complete"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A Job that a webhook asks for, as far as its metadata says: one of `spec` (base64 of JSON) and `template`.

    `phase`: the only one in which it is wanted; empty: any. `attempt`: see `run.attempt`.
    """

    name: str
    revision: str
    spec: str
    template: str
    phase: str = ""
    attempt: str = ""


def wanted(told: Mapping[str, str], revision: str) -> Wanted:
    """Read the metadata of a webhook. Raises BadCanary."""
    field = Field(told, "metadata")
    only(field, {"jobName", "jobSpec", "jobTemplate", "jobPhase"})
    asked = Wanted(
        name=field["jobName"].text(field["jobTemplate"].text()),
        revision=revision,
        spec=field["jobSpec"].text(),
        template=field["jobTemplate"].text(),
        phase=field["jobPhase"].text(),
    )
    if bool(asked.spec) == bool(asked.template):
        raise BadCanary("metadata: expected either jobSpec, in base64, or jobTemplate, the name of a suspended CronJob")
    if asked.phase and asked.phase not in {phase.value for phase in Phase}:
        raise field["jobPhase"].bad("a phase of a Canary, such as Succeeded")
    for name, value in (("jobName", asked.name), ("jobTemplate", asked.template or "unused")):
        if not _NAME.fullmatch(value):
            raise Field(value, f"metadata.{name}").bad("a DNS label")
    return asked


def job_ref(canary: Canary, asked: Wanted) -> Ref:
    """Where the Job lives: the same for the same canary, revision, attempt and name, so that it is started once."""
    parts = [canary.uid, asked.revision, asked.name, *([asked.attempt] if asked.attempt else [])]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:10]
    readable = f"{canary.name[:30]}-{asked.name[:20]}".rstrip("-.").replace(".", "-")
    return Ref(JOB, canary.namespace, f"{readable}-{digest}")


def of_base64(text: str, namespace: str, images: tuple[str, ...]) -> tuple[Field, Rules]:
    """A Job, or the spec of one, in JSON in base64, and what it may. Raises BadCanary, which shows no secret."""
    if not images:
        raise BadCanary("metadata.jobSpec: SERINUS_JOB_IMAGES permits no image; use metadata.jobTemplate")
    try:
        document = json.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise BadCanary("metadata.jobSpec: is not JSON in base64 (RFC 4648, without line breaks)") from None
    if not isinstance(document, dict):
        raise BadCanary("metadata.jobSpec: is not a JSON object")
    if "kind" not in document and "apiVersion" not in document:
        return Field(document, "jobSpec"), of_event(images)
    job = Field(document, "jobSpec")
    if (document.get("apiVersion"), document.get("kind")) != (JOB.api_version, JOB.name):
        raise BadCanary(f"jobSpec: is not a {JOB.name} of {JOB.api_version}")
    only(job, {"apiVersion", "kind", "metadata", "spec"})
    only(job["metadata"], {"name", "namespace"})
    if job["metadata"]["namespace"].text(namespace) != namespace:
        raise job["metadata"]["namespace"].bad(f"the namespace of the Canary, {namespace!r}")
    return job["spec"], of_event(images)


def of_template(template: Object) -> tuple[Field, Rules]:
    """The Job of a CronJob, and what it may. Raises BadCanary when the CronJob also runs by itself."""
    name = metadata(template).get("name")
    if spec(template).get("suspend") is not True:
        raise BadCanary(f"CronJob {name}: spec.suspend must be true, or it would run by itself as well")
    return Field(spec(template), f"CronJob {name}: spec")["jobTemplate"]["spec"], TEMPLATE


def manifest(canary: Canary, asked: Wanted, job: Field, rules: Rules) -> Object:
    """The Job, made here from what is allowed of what was asked for. Raises BadCanary, naming the field."""
    ref = job_ref(canary, asked)
    only(job, rules.job | {"parallelism", "completions", "completionMode", "suspend"})
    for name in ("parallelism", "completions"):
        job[name].whole(1, 1, 1)
    if job["completionMode"].text("NonIndexed") != "NonIndexed":
        raise job["completionMode"].bad("NonIndexed, as it must be")
    if job["suspend"].flag():
        raise job["suspend"].bad("false: nobody would resume it")
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.name,
        "metadata": {
            "name": ref.name,
            "namespace": ref.namespace,
            "annotations": {JOB_NAME: asked.name, REVISION: asked.revision},
            "ownerReferences": [owner_reference(canary)],
        },
        "spec": {
            "backoffLimit": job["backoffLimit"].whole(RETRIES, 0, RETRIES),
            "activeDeadlineSeconds": job["activeDeadlineSeconds"].whole(DEADLINE, 1, LONGEST),
            "ttlSecondsAfterFinished": job["ttlSecondsAfterFinished"].whole(KEPT, *_KEPT_BETWEEN),
            "parallelism": 1,
            "completions": 1,
            "template": _pod_template(job["template"], rules),
        },
    }


def _pod_template(template: Field, rules: Rules) -> dict[str, Any]:
    only(template, {"metadata", "spec"})
    if not rules.labels:  # a label could make a Service send traffic to the pod
        only(template["metadata"], frozenset())
    own = {"metadata": template["metadata"].mapping()}
    meta: dict[str, Any] = {"labels": {**_WITHOUT_SIDECAR, **copied_labels(labels(own), ["*"])}}
    if kept := copied_annotations(annotations(own)):
        meta["annotations"] = kept
    return {"metadata": meta, "spec": pod_spec(template["spec"], rules)}


def outcome(job: Object) -> tuple[Outcome, str]:
    """How far a Job is, and for a failed one why, in the words of the job controller."""
    for condition in status(job).get("conditions") or ():
        if condition.get("status") != "True":
            continue
        if condition.get("type") == "Complete":
            return Outcome.COMPLETE, ""
        if condition.get("type") == "Failed":
            why = (str(condition.get(name) or "") for name in ("reason", "message"))
            return Outcome.FAILED, ": ".join(part for part in why if part)
    return Outcome.RUNNING, ""
