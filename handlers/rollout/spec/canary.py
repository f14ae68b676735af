"""A Canary `flagger.app/v1beta1` as frozen dataclasses; every mistake is named by its field."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

from handlers.errors import BadCanary
from handlers.rollout.objects import CANARY, DEPLOYMENT, SERVICE, VIRTUAL_SERVICE, Kind, Object, Ref, metadata
from handlers.rollout.spec import analysis, strategy
from handlers.rollout.spec.analysis import Analysis
from handlers.rollout.spec.fields import Field
from handlers.rollout.spec.target import LONGEST, NAME, Autoscaler, autoscaler, target

T = TypeVar("T")

PROGRESS_DEADLINE = 600
"""Seconds; Flagger's default, `v1beta1.ProgressDeadlineSeconds`."""
FINALIZER = "finalizer.flagger.app"
"""Holds a Canary back until what it changed is as it was; Flagger's, so that one it left behind is let go as well."""
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class CustomMetadata:
    """Labels and annotations for a generated object."""

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryService:
    """`spec.service`: how Services and routes are made. Istio's own parts stay as they are written.

    `readable`: it is valid. One that is not has only its names, for a rollback, which changes the weights and nothing
    else of the route that there is.
    """

    apex: str
    port: int
    port_name: str = "http"
    target_port: int | str = 0
    app_protocol: str = ""
    traffic_distribution: str = ""
    port_discovery: bool = False
    headless: bool = False
    gateways: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    delegation: bool = False
    traffic_policy: Object | None = None
    match: tuple[Object, ...] = ()
    mirror: bool = False
    rewrite: Object | None = None
    timeout: str = ""
    retries: Object | None = None
    headers: Object | None = None
    cors_policy: Object | None = None
    apex_metadata: CustomMetadata = CustomMetadata()
    primary_metadata: CustomMetadata = CustomMetadata()
    canary_metadata: CustomMetadata = CustomMetadata()
    unmanaged_labels: tuple[str, ...] = ()
    unmanaged_annotations: tuple[str, ...] = ()
    readable: bool = True

    @property
    def tcp(self) -> bool:
        """Whether connections are routed instead of requests (istio.go, isTcp)."""
        return self.app_protocol.lower() == "tcp"

    @property
    def primary(self) -> str:
        """The name of the primary Service (Flagger's `GetServiceNames`)."""
        return f"{self.apex}-primary"

    @property
    def canary(self) -> str:
        """The name of the canary Service."""
        return f"{self.apex}-canary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A Canary, as far as its spec goes."""

    namespace: str
    name: str
    uid: str
    generation: int
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    target_name: str
    target_kind: Kind = DEPLOYMENT
    autoscaler: Autoscaler | None = None
    service: CanaryService
    analysis: Analysis
    metrics_server: str = ""
    ingress: str = ""
    route: str = ""
    progress_deadline: timedelta = timedelta(seconds=PROGRESS_DEADLINE)
    skip_analysis: bool = False
    suspend: bool = False
    revert_on_deletion: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)
    testers: tuple[Object, ...] = ()
    total: bool | None = None

    @property
    def ref(self) -> Ref:
        """Where the Canary lives."""
        return Ref(CANARY, self.namespace, self.name)

    @property
    def target(self) -> Ref:
        """The workload that the user owns; it runs the canary."""
        return Ref(self.target_kind, self.namespace, self.target_name)

    @property
    def primary(self) -> Ref:
        """The stable copy."""
        return Ref(self.target_kind, self.namespace, f"{self.target_name}-primary")

    @property
    def scaler(self) -> Ref | None:
        """What scales the target, if anything does."""
        return Ref(self.autoscaler.kind, self.namespace, self.autoscaler.name) if self.autoscaler else None

    @property
    def primary_scaler(self) -> Ref | None:
        """Its copy, which scales the primary."""
        return Ref(self.autoscaler.kind, self.namespace, f"{self.autoscaler.name}-primary") if self.autoscaler else None

    @property
    def route_ref(self) -> Ref:
        """The VirtualService that splits the traffic."""
        return Ref(VIRTUAL_SERVICE, self.namespace, self.service.apex)

    def service_ref(self, name: str) -> Ref:
        """One of the three Services."""
        return Ref(SERVICE, self.namespace, name)


def parse(obj: Object, *, scale: float = 1, provider: str = "istio", lenient: bool = False) -> Canary:
    """Read a Canary. `scale` divides its durations; `lenient` takes an invalid field for one that is not there, all but
    the name of the target, for a rollback must work whatever the spec says. Raises BadCanary.
    """
    meta, spec, unless = metadata(obj), Field(obj.get("spec"), "spec"), _Unless(lenient)
    namespace = str(meta.get("namespace", ""))
    unless.bad(lambda: _provider(spec["provider"], provider), None)
    written = spec["analysis"] if spec["analysis"].value is not None else spec["canaryAnalysis"]
    skip = written.value is None or unless.bad(spec["skipAnalysis"].flag, otherwise=False)
    kind, name = target(spec["targetRef"])
    service = unless.bad(lambda: _service(spec["service"], kind, name), _unreadable(name))
    stepped = not skip
    judged = unless.bad(lambda: _analysis(written, namespace, service, stepped=stepped, scale=scale), Analysis())
    annotations, seconds = dict(meta.get("annotations") or {}), spec["progressDeadlineSeconds"]
    deadline = unless.bad(lambda: seconds.whole(PROGRESS_DEADLINE, 0, 10**8), PROGRESS_DEADLINE)
    return Canary(
        namespace=namespace,
        name=str(meta.get("name", "")),
        uid=str(meta.get("uid", "")),
        generation=int(meta.get("generation") or 0),
        deleting=bool(meta.get("deletionTimestamp")),
        finalizers=tuple(meta.get("finalizers") or ()),
        target_name=name,
        target_kind=kind,
        autoscaler=unless.bad(lambda: autoscaler(spec["autoscalerRef"], kind), None),
        service=service,
        analysis=judged,
        metrics_server=unless.bad(lambda: spec["metricsServer"].url() if spec["metricsServer"].text() else "", ""),
        ingress=unless.bad(lambda: spec["ingressRef"]["name"].text(name), name),
        route=unless.bad(lambda: spec["routeRef"]["name"].text(name), name),
        progress_deadline=timedelta(seconds=deadline) / scale,
        skip_analysis=skip,
        suspend=unless.bad(spec["suspend"].flag, otherwise=False),
        revert_on_deletion=unless.bad(spec["revertOnDeletion"].flag, otherwise=False),
        annotations=annotations,
        testers=() if lenient else strategy.testers(annotations, judged, service.match, tcp=service.tcp),
        total=None if lenient else strategy.total(annotations),
    )


@dataclass(frozen=True, slots=True)
class _Unless:
    """Reads a field; where that is lenient, an invalid one is taken for something else."""

    lenient: bool

    def bad(self, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except BadCanary:
            if self.lenient:
                return otherwise
            raise


def _unreadable(target: str) -> CanaryService:
    return CanaryService(apex=target, port=0, readable=False)


def _analysis(spec: Field, namespace: str, service: CanaryService, *, stepped: bool, scale: float) -> Analysis:
    parsed = analysis.parse(spec, namespace, stepped=stepped, scale=scale)
    parsed = replace(parsed, mirror=parsed.mirror or service.mirror)
    strategy.check(parsed, spec.path, service.match, tcp=service.tcp)
    return parsed


def _provider(spec: Field, default: str) -> None:
    if (spec.text() or default) != "istio":
        raise Field(spec.text() or default, spec.path).bad('"istio", the only provider of this version')


def _service(spec: Field, kind: Kind, target: str) -> CanaryService:
    apex = spec["name"].text(target)
    if not NAME.fullmatch(apex) or len(apex) > LONGEST:
        raise spec["name"].bad(f"a DNS label of at most {LONGEST} characters")
    if kind is SERVICE and apex != target:
        raise spec["name"].bad(f"{target!r}, the Service that spec.targetRef names")
    if not NAME.fullmatch(spec["portName"].text("http")):
        raise spec["portName"].bad("a DNS label, as the name of a Service's port has to be")
    if spec["port"].value is None:
        raise BadCanary("spec.service.port: is required")
    service = CanaryService(
        apex=apex,
        port=spec["port"].whole(0, 1, 65535),
        port_name=spec["portName"].text("http"),
        target_port=_target_port(spec["targetPort"]),
        app_protocol=spec["appProtocol"].text(),
        traffic_distribution=spec["trafficDistribution"].text(),
        port_discovery=spec["portDiscovery"].flag(),
        headless=spec["headless"].flag(),
        gateways=tuple(item.required() for item in spec["gateways"].items()),
        hosts=tuple(item.required() for item in spec["hosts"].items()),
        delegation=spec["delegation"].flag(),
        match=tuple(item.mapping() for item in spec["match"].items()),
        # a list is the Gateway API's, which Flagger's Istio router passes over
        mirror=False if isinstance(spec["mirror"].value, list) else spec["mirror"].flag(),
        timeout=spec["timeout"].text(),
        apex_metadata=_metadata(spec["apex"]),
        primary_metadata=_metadata(spec["primary"]),
        canary_metadata=_metadata(spec["canary"]),
        unmanaged_labels=tuple(item.required() for item in spec["unmanagedMetadata"]["labels"].items()),
        unmanaged_annotations=tuple(item.required() for item in spec["unmanagedMetadata"]["annotations"].items()),
        **_verbatim(spec),
    )
    if service.delegation and (service.hosts or service.gateways):
        # a delegate VirtualService can have neither (istio.go, reconcileVirtualService)
        raise spec["delegation"].bad("possible together with hosts or gateways")
    return service


def _verbatim(spec: Field) -> dict[str, Any]:
    """What is Istio's own: objects handed through as they are written."""
    names = {"traffic_policy": "trafficPolicy", "rewrite": "rewrite", "retries": "retries"}
    names |= {"headers": "headers", "cors_policy": "corsPolicy"}
    return {ours: spec[theirs].mapping() or None for ours, theirs in names.items()}


def _target_port(spec: Field) -> int | str:
    if not isinstance(spec.value, str):
        return spec.whole(0, 0, 65535)
    return Field(int(spec.value), spec.path).whole(0, 0, 65535) if _NUMBER.fullmatch(spec.value) else spec.value


def _metadata(spec: Field) -> CustomMetadata:
    return CustomMetadata(labels=spec["labels"].texts(), annotations=spec["annotations"].texts())
