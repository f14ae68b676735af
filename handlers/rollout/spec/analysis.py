"""`spec.analysis` of a Canary: how far, how fast, and what must hold on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum

from handlers.errors import BadCanary
from handlers.rollout.objects import Object
from handlers.rollout.spec import affinity, match
from handlers.rollout.spec.affinity import SessionAffinity
from handlers.rollout.spec.alerts import AlertRule
from handlers.rollout.spec.alerts import parse as parse_alerts
from handlers.rollout.spec.durations import prometheus_window
from handlers.rollout.spec.fields import Field

INTERVAL = timedelta(seconds=60)
"""Flagger's default, `v1beta1.AnalysisInterval`."""
MIN_INTERVAL = timedelta(seconds=10)
"""Flagger raises shorter intervals to this, `Canary.GetAnalysisInterval`."""
WEBHOOK_TIMEOUT = timedelta(seconds=10)
"""Flagger's default, `controller.CallWebhook`."""
SUCCESS_RATE = "request-success-rate"
DURATION = "request-duration"


class Hook(Enum):
    """The types of webhooks (Flagger's `v1beta1.HookType`)."""

    CONFIRM_ROLLOUT = "confirm-rollout"
    PRE_ROLLOUT = "pre-rollout"
    ROLLOUT = "rollout"
    CONFIRM_TRAFFIC_INCREASE = "confirm-traffic-increase"
    CONFIRM_PROMOTION = "confirm-promotion"
    POST_ROLLOUT = "post-rollout"
    ROLLBACK = "rollback"
    EVENT = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook to call."""

    type: Hook
    name: str
    url: str = field(repr=False)  # Slack's URLs are secrets
    timeout: timedelta = WEBHOOK_TIMEOUT
    retries: int = 0
    disable_tls: bool = False
    mute_alert: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A value that must stay in its range. One of builtin name, query or template says how it is asked.

    `window` is a Prometheus range; `low` and `high` are inclusive bounds in the metric's own unit
    (percent, milliseconds, or what the query gives).
    """

    name: str
    window: str
    low: float | None = None
    high: float | None = None
    query: str = ""
    template: tuple[str, str] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def builtin(self) -> str:
        """`request-success-rate`, `request-duration`, or empty."""
        if self.query or self.template:
            return ""
        return DURATION if self.name == "request-duration-p99" else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """How a canary is shifted and judged. Weights in percent, thresholds of readiness in percent of replicas.

    Three strategies (Flagger's `Canary.DeploymentStrategy`): `match` and `iterations` are A/B testing, `iterations`
    alone blue/green, weights a progressive canary.
    """

    interval: timedelta = INTERVAL
    threshold: int = 1
    max_weight: int = 0
    step_weight: int = 0
    step_weights: tuple[int, ...] = ()
    step_weight_promotion: int = 0
    iterations: int = 0
    match: tuple[Object, ...] = ()
    mirror: bool = False
    mirror_weight: int = 0
    affinity: SessionAffinity | None = None
    primary_ready_threshold: int = 100
    canary_ready_threshold: int = 100
    metrics: tuple[Metric, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    alerts: tuple[AlertRule, ...] = ()

    def hooks(self, kind: Hook) -> tuple[Webhook, ...]:
        """The webhooks of one type, in the order of the spec."""
        return tuple(hook for hook in self.webhooks if hook.type is kind)


def parse(spec: Field, namespace: str, *, stepped: bool, scale: float) -> Analysis:
    """Read `spec.analysis`. `stepped`: whether weights are going to be used (not so with skipAnalysis).

    Raises BadCanary.
    """
    analysis = Analysis(
        interval=max(spec["interval"].duration(INTERVAL), MIN_INTERVAL) / scale,
        threshold=max(1, spec["threshold"].whole(1, 0, 1_000_000)),
        max_weight=spec["maxWeight"].whole(0, 0, 100),
        step_weight=spec["stepWeight"].whole(0, 0, 100),
        step_weights=_step_weights(spec["stepWeights"]),
        step_weight_promotion=spec["stepWeightPromotion"].whole(0, 0, 100),
        iterations=spec["iterations"].whole(0, 0, 1_000_000),
        match=match.parse(spec["match"]),
        mirror=spec["mirror"].flag(),
        mirror_weight=spec["mirrorWeight"].whole(0, 0, 100),
        affinity=affinity.parse(spec["sessionAffinity"]),
        primary_ready_threshold=spec["primaryReadyThreshold"].whole(100, 0, 100),
        canary_ready_threshold=spec["canaryReadyThreshold"].whole(100, 0, 100),
        metrics=tuple(_metric(item, namespace, scale) for item in spec["metrics"].items()),
        webhooks=tuple(_webhook(item) for item in spec["webhooks"].items()),
        alerts=parse_alerts(spec["alerts"], namespace),
    )
    if stepped and not (analysis.step_weight or analysis.step_weights or analysis.iterations):
        raise BadCanary(f"{spec.path}: needs stepWeight, stepWeights or iterations, or the canary would never advance")
    return analysis


def _step_weights(spec: Field) -> tuple[int, ...]:
    weights: list[int] = []
    for item in spec.items():
        # over 100 is taken as 100, as by Flagger (scheduler.go, nextStepWeight)
        weight = min(100, item.whole(0, 1, 1_000))
        if weights and weight < weights[-1]:
            raise item.bad(f"at least the weight before it, {weights[-1]}")
        weights.append(weight)
    return tuple(weights)


def _webhook(spec: Field) -> Webhook:
    kind = spec["type"].text(Hook.ROLLOUT.value)
    if kind not in {hook.value for hook in Hook}:
        raise spec["type"].bad("one of " + ", ".join(hook.value for hook in Hook))
    timeout = spec["timeout"].duration(WEBHOOK_TIMEOUT)
    if not timeout:
        raise spec["timeout"].bad("longer than nothing")
    return Webhook(
        type=Hook(kind),
        name=spec["name"].required(),
        url=spec["url"].url(),
        timeout=timeout,
        retries=spec["retries"].whole(0, 0, 100),
        disable_tls=spec["disableTLS"].flag(),
        mute_alert=spec["muteAlert"].flag(),
        metadata=spec["metadata"].texts(),
    )


def _metric(spec: Field, namespace: str, scale: float) -> Metric:
    window = prometheus_window(spec["interval"].text("1m"), scale)
    if window is None:
        raise spec["interval"].bad('a range such as "1m"')
    reference = spec["templateRef"]
    template = (reference["namespace"].text(namespace), reference["name"].required()) if reference.mapping() else None
    metric = Metric(
        name=spec["name"].required(),
        window=window,
        query=spec["query"].text(),
        template=template,
        variables=spec["templateVariables"].texts(),
    )
    if metric.builtin not in ("", SUCCESS_RATE, DURATION):
        raise spec["name"].bad(f"{SUCCESS_RATE} or {DURATION}, and the metric has neither templateRef nor query")
    low, high = _bounds(spec, metric)
    return replace(metric, low=low, high=high)


def _bounds(spec: Field, metric: Metric) -> tuple[float | None, float | None]:
    """thresholdRange, or the old threshold: a minimum for the success rate, else a maximum (scheduler_metrics.go)."""
    limits = spec["thresholdRange"]
    if limits.value is not None:
        low, high = limits["min"].number(), limits["max"].number()
        if low is not None and high is not None and low > high:
            raise limits.bad("a range: min is above max")
        return low, high
    old = spec["threshold"].number() or 0.0
    return (old, None) if metric.builtin == SUCCESS_RATE else (None, old)
