"""POST /run-job: a webhook of a Canary that is answered by a Job in its namespace."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus

from handlers.errors import BadCanary, BadEvent, Conflict, Unavailable
from handlers.events.fields import shown
from handlers.events.hook import HookCall
from handlers.rollout import state
from handlers.rollout.jobs import run
from handlers.rollout.jobs.job import (
    Outcome,
    Wanted,
    job_ref,
    manifest,
    of_base64,
    of_template,
    outcome,
    wanted,
)
from handlers.rollout.objects import CANARY, CRON_JOB, Object, Ref, annotations
from handlers.rollout.objects.ownership import owned_by
from handlers.rollout.spec import canary as canaries
from handlers.rollout.spec.analysis import WEBHOOK_TIMEOUT, Hook
from handlers.rollout.spec.canary import Canary
from handlers.rollout.spec.fields import Field
from handlers.rollout.webhook import ASYNC
from handlers.step.ports import World

log = logging.getLogger(__name__)

LONGEST = timedelta(seconds=25)
"""How long a sender that cannot be told "not yet" is kept waiting at most; it holds one of our threads."""
POLL = 1.0
"""Seconds between two looks at a Job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the settings say: prefixes of the images that a spec may run, and who Jobs run as unless they name one."""

    images: tuple[str, ...] = ()
    service_account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the sender gets."""

    status: HTTPStatus
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


def handle(world: World, namespaces: tuple[str, ...], policy: Policy, call: HookCall, *, patient: bool) -> Answer:
    """Start the Job unless it is there, and say how far it is.

    200: complete; 424: failed, and asking again brings the same; 409: asked for a run that is over. While it runs: 202
    for a sender that asks again (`patient`: it said `Prefer: respond-async`, RFC 7240) and for a post-rollout webhook,
    503 for another, which has waited for most of its timeout.
    Raises BadEvent and BadCanary for what will not be run, Unavailable.
    """
    if not call.checksum:
        raise BadEvent("checksum: is required, it names the revision")
    asked = wanted(call.metadata, call.checksum)
    raw = world.cluster.get(Ref(CANARY, call.namespace, call.name))
    if raw is None or (namespaces and call.namespace not in namespaces):
        raise BadCanary(f"there is no Canary {call.namespace}/{call.name}")
    hook = _hook(raw, call)
    told = hook["type"].value == Hook.POST_ROLLOUT.value  # and not asked: nobody would heed the answer
    timeout = timedelta() if told else hook["timeout"].duration(WEBHOOK_TIMEOUT)
    until = world.now() + min(LONGEST, timeout * 0.8)
    if asked.phase not in ("", call.phase):
        return Answer(status=HTTPStatus.OK, text=f"nothing is run before phase {asked.phase}")
    attempt = _attempt(raw, call, told=told)
    if attempt is None:
        text = f"checksum: {shown(call.checksum)} is not the revision under analysis, no Job is run for it"
        return Answer(status=HTTPStatus.CONFLICT, text=text)
    asked = replace(asked, attempt=attempt)
    canary = canaries.parse(raw, provider=world.config.provider, lenient=True)
    ref = job_ref(canary, asked)
    job = world.cluster.get(ref) or _started(world, policy, canary, asked)
    if not owned_by(job, canary):
        raise BadCanary(f"{ref} is there and does not belong to the Canary")
    if not patient:
        job = _waited_for(world, ref, job, until)
    return _answer(ref, *outcome(job), patient=patient, told=told)


def _attempt(raw: Object, call: HookCall, *, told: bool) -> str | None:
    """What tells this attempt at its revision from others; None when the call is not about the run in hand."""
    known = state.load(annotations(raw)) or state.State()
    if not run.concerns(known, call.checksum, told=told):
        return None
    return run.attempt(known, annotations(raw), told=told)


def _waited_for(world: World, ref: Ref, job: Object, until: datetime) -> Object:
    """The Job as it stands when it has ended, or when the time is over."""
    while outcome(job)[0] is Outcome.RUNNING and world.now() < until:
        world.sleep(POLL)
        job = world.cluster.get(ref) or job
    return job


def _hook(raw: Object, call: HookCall) -> Field:
    """The webhook of the Canary that this is. There must be one: a token alone is not enough to run a Job."""
    spec = Field(raw.get("spec"), "spec")
    analysis = spec["analysis"] if spec["analysis"].value is not None else spec["canaryAnalysis"]
    for hook in analysis["webhooks"].items():
        if hook["metadata"].mapping() == call.metadata:
            return hook
    raise BadCanary(f"no webhook of Canary {call.namespace}/{call.name} has this metadata")


def _started(world: World, policy: Policy, canary: Canary, asked: Wanted) -> Object:
    if canary.deleting:
        raise BadCanary(f"{canary.ref} is being deleted")
    if asked.template:
        template = world.cluster.get(Ref(CRON_JOB, canary.namespace, asked.template))
        if template is None:
            raise BadCanary(f"metadata.jobTemplate: there is no CronJob {canary.namespace}/{asked.template}")
        job, rules = of_template(template)
    else:
        job, rules = of_base64(asked.spec, canary.namespace, policy.images)
    ref = job_ref(canary, asked)
    made = manifest(canary, asked, job, replace(rules, account=policy.service_account))
    try:
        started = world.cluster.create(ref, made)
    except Conflict as conflict:  # the same question, at the same time
        found = world.cluster.get(ref)
        if found is None:
            raise Unavailable(f"{ref}: {conflict}") from conflict
        return found
    log.info("%s is started for Canary %s/%s", ref, canary.namespace, canary.name)
    return started


def _answer(ref: Ref, how: Outcome, why: str, *, patient: bool, told: bool) -> Answer:
    text = f"{ref} {how.value}"
    match how:
        case Outcome.COMPLETE:
            return Answer(status=HTTPStatus.OK, text=text)
        case Outcome.FAILED:
            hint = f"kubectl -n {ref.namespace} logs job/{ref.name}"
            return Answer(status=HTTPStatus.FAILED_DEPENDENCY, text=f"{text}: {why or 'no reason given'}; see {hint}")
        case Outcome.RUNNING if patient:
            return Answer(status=HTTPStatus.ACCEPTED, text=text, headers={"Preference-Applied": ASYNC})
        case Outcome.RUNNING if told:
            return Answer(status=HTTPStatus.ACCEPTED, text=text)
        case Outcome.RUNNING:
            return Answer(status=HTTPStatus.SERVICE_UNAVAILABLE, text=text)
