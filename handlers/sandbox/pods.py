"""Questions to a Pod object."""

from calendar import timegm
from time import strptime

from handlers.sandbox.kube import Object

PORT_ANNOTATION = "sandbox.serinus.dev/port"  # pods share 127.0.0.1: each says on which port it really listens
CLOSED_ANNOTATION = "sandbox.serinus.dev/closed-port"  # and on which one, kept for it alone, nobody listens
UNDECLARED_PORT = 8080
"""The port of a pod whose containers declare none."""
HASH_LABEL = "pod-template-hash"


def is_ending(pod: Object) -> bool:
    """Whether the pod is being deleted."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def is_over(pod: Object) -> bool:
    """Whether all its containers have ended for good."""
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def condition(thing: Object, kind: str) -> Object:
    """A condition of the status by its type; {} when it is not there."""
    found = ((thing.get("status") or {}).get("conditions")) or []
    return next((entry for entry in found if entry["type"] == kind), {})


def is_ready(pod: Object) -> bool:
    """Whether the pod takes traffic: Ready, and not on its way out."""
    return not is_ending(pod) and condition(pod, "Ready").get("status") == "True"


def is_available(pod: Object, min_ready_seconds: float, now: float) -> bool:
    """Whether the pod has been ready for long enough; `now` in seconds since 1970."""
    if not is_ready(pod):
        return False
    return min_ready_seconds == 0 or now - seconds(condition(pod, "Ready")["lastTransitionTime"]) >= min_ready_seconds


def owner(thing: Object) -> Object:
    """The ownerReference of its controller; {} when nobody controls it."""
    references = thing["metadata"].get("ownerReferences") or []
    return next((reference for reference in references if reference.get("controller")), {})


def is_news(status: Object, thing: Object) -> bool:
    """Whether a status says anything that is not in an object's already; an API server leaves zeros out."""
    before = thing.get("status") or {}
    return any(value != before.get(key) and (value or before.get(key)) for key, value in status.items())


def workload(pod: Object) -> str:
    """Name of the workload that made the pod: its Deployment (also through a ReplicaSet), DaemonSet, Job, or itself."""
    name: str = owner(pod).get("name") or pod["metadata"]["name"]
    if owner(pod).get("kind") == "ReplicaSet":
        return name.removesuffix("-" + (pod["metadata"].get("labels") or {}).get(HASH_LABEL, ""))
    return name


def endpoint(pod: Object, target: int | str) -> tuple[str, int] | None:
    """IP and port that connections to a Service's target port go to.

    A pod listens on the ports that its containers declare, and on no other; at these, and at all ports of a Job's pod,
    it refuses connections. None when it has no port of that name, as Kubernetes has no endpoint then, or does not run.
    """
    declared = [
        port for container in pod["spec"]["containers"] for port in container.get("ports") or [] if is_tcp(port)
    ]
    if isinstance(target, str) and target not in {port.get("name") for port in declared}:
        return None
    numbers = {port["containerPort"] for port in declared} or {UNDECLARED_PORT}
    listens = isinstance(target, str) or target in numbers
    return (_address(pod, PORT_ANNOTATION) if listens else None) or _address(pod, CLOSED_ANNOTATION)


def is_tcp(port: Object) -> bool:
    """Whether a port of a container or of a Service is one for TCP, and so for HTTP."""
    return port.get("protocol") in {None, "", "TCP"}


def matches(selector: Object, labels: Object | None) -> bool:
    """Whether labels fulfil an equality selector; an empty selector selects nothing, as in a Service."""
    return bool(selector) and selector.items() <= (labels or {}).items()


def seconds(timestamp: str) -> float:
    """An RFC 3339 timestamp in UTC as seconds since 1970; fractions are dropped."""
    return timegm(strptime(timestamp[:19], "%Y-%m-%dT%H:%M:%S"))


def _address(pod: Object, annotation: str) -> tuple[str, int] | None:
    ip = (pod.get("status") or {}).get("podIP")
    port = (pod["metadata"].get("annotations") or {}).get(annotation)
    return (ip, int(port)) if ip and port else None
