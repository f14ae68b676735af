"""Ask what a step has to know: webhooks one by one, metrics together, all inside the claim's time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from handlers.errors import BadCanary, Unavailable
from handlers.providers import istio, prometheus
from handlers.providers.template import model, render
from handlers.rollout.checks import Check, Finding, HookCheck, MetricCheck, Outcome, in_groups, settled
from handlers.rollout.objects import METRIC_TEMPLATE, SECRET, Ref
from handlers.rollout.spec.analysis import DURATION, Metric
from handlers.rollout.webhook import Answer, Subject, check_post, idempotency_key
from handlers.rollout.wording import comparison
from handlers.step.hooks import post_to
from handlers.step.ports import World
from handlers.step.scene import Scene

ONLINE = "vector(1)"
"""What every Prometheus can answer (Flagger's `PrometheusProvider.IsOnline`)."""


@dataclass(frozen=True, slots=True)
class Asking:
    """On whose behalf is asked, in which step, and how long."""

    world: World
    scene: Scene
    revision: str
    deadline: datetime

    @property
    def seq(self) -> int:
        """The number of the step that is being made."""
        return self.scene.snapshot.known.seq + 1


def ask(asking: Asking, checks: Sequence[Check]) -> tuple[Finding, ...]:
    """The findings, in order; what would no longer matter is not asked."""
    findings: list[Finding] = []
    for group in in_groups(checks):
        findings += asking.world.together([_asker(asking, check) for check in group])
        if settled(findings):
            break
    return tuple(findings)


def _asker(asking: Asking, check: Check) -> Callable[[], Finding]:
    def finding() -> Finding:
        try:
            match check:
                case HookCheck():
                    return _hook(asking, check)
                case MetricCheck(metric):
                    return _metric(asking, check, metric)
                case _:
                    _query(asking, check.metric, ONLINE)
                    return Finding(check=check, outcome=Outcome.PASSED)
        except (Unavailable, BadCanary) as error:
            return Finding(check=check, outcome=Outcome.ERROR, text=str(error))

    return finding


def _hook(asking: Asking, check: HookCheck) -> Finding:
    canary, hook = asking.scene.canary, check.hook
    subject = Subject(name=canary.name, namespace=canary.namespace, phase=check.phase, checksum=asking.revision)
    post = check_post(hook, subject, idempotency_key(canary.uid, asking.revision, asking.seq, hook.name))
    judgement = post_to(asking.world, hook, post, asking.deadline)
    outcome = {Answer.YES: Outcome.PASSED, Answer.NOT_YET: Outcome.NOT_YET, Answer.NO: Outcome.REFUSED}
    return Finding(check=check, outcome=outcome[judgement.answer], text=judgement.reason)


def _metric(asking: Asking, check: MetricCheck, metric: Metric) -> Finding:
    builtin = istio.query(metric.builtin, metric.window, asking.world.config.builtin_queries)
    sample = _query(asking, metric, metric.query or builtin)
    if sample is None:
        return Finding(check=check, outcome=Outcome.NO_DATA, text="no values found")
    # whole milliseconds, as Flagger compares them (observers/istio.go, GetRequestDuration)
    value = float(int(sample.value)) if metric.builtin == DURATION else sample.value
    low, high = metric.low, metric.high
    within = (low is None or value >= low) and (high is None or value <= high)
    text = comparison(metric, value)
    if sample.series > 1:
        text += f" (the last of {sample.series} series)"
    return Finding(check=check, outcome=Outcome.PASSED if within else Outcome.FAILED, value=value, text=text)


def _query(asking: Asking, metric: Metric, query: str) -> prometheus.Sample | None:
    server, template = _server(asking, metric)
    text = query if query == ONLINE else render(template or query, model(asking.scene.canary, metric))
    return prometheus.sample(asking.world.metrics.query(server, text))


def _server(asking: Asking, metric: Metric) -> tuple[prometheus.MetricServer, str]:
    """Whom to ask, and the template's query: the template's server, the Canary's, or the one of the settings."""
    if metric.template is None:
        own = asking.scene.canary.metrics_server
        return (prometheus.at(own) if own else asking.world.config.metrics_server), ""
    namespace, name = metric.template
    cluster = asking.world.cluster
    template = cluster.get(Ref(METRIC_TEMPLATE, namespace, name))
    if template is None:
        missing = f'{METRIC_TEMPLATE.name.lower()}.{METRIC_TEMPLATE.group} "{name}" not found'
        raise BadCanary(f"metric template {name}.{namespace} error: {missing}")
    secret = prometheus.secret_name(template)
    found = cluster.get(Ref(SECRET, namespace, secret)) if secret else None
    return prometheus.server(template, found), prometheus.query(template)
