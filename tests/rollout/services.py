"""Services as they are made for a Canary."""

from typing import Any

from hypothesis import strategies as st

from handlers.rollout.objects.services import Backends, apex_service, canary_service, primary_service
from handlers.rollout.objects.sides import sides_of
from handlers.rollout.spec import canary as specs
from handlers.rollout.spec.canary import Canary

RENDER = {"podinfo-canary": canary_service, "podinfo-primary": primary_service, "podinfo": apex_service}
OWNER = {"kind": "Canary", "name": "podinfo", "uid": "u-1", "controller": True}
TEXTS = st.dictionaries(st.sampled_from(["a", "b", "c", "app"]), st.text(max_size=2), max_size=3)


def canary(**service: Any) -> Canary:
    """A Canary with this service section."""
    spec = {"targetRef": {"kind": "Deployment", "name": "podinfo"}, "skipAnalysis": True}
    spec["service"] = {"port": 9898} | service
    return specs.parse({"metadata": {"namespace": "default", "name": "podinfo", "uid": "u-1"}, "spec": spec})


def target(*containers: Any) -> dict[str, Any]:
    """A target with these containers."""
    return {"spec": {"template": {"spec": {"containers": list(containers)}}}}


def render(
    name: str, spec: Canary, existing: dict[str, Any] | None = None, source: dict[str, Any] | None = None
) -> dict[str, Any]:
    """One of the Services by its name."""
    return RENDER[name](spec, behind(source or {}), existing)


def behind(source: dict[str, Any], selector: dict[str, str] | None = None) -> Backends:
    """This target, selected by these labels, and a primary that is not made yet."""
    wanted = selector or {"app": "podinfo"}
    labelled = {**source, "spec": {**(source.get("spec") or {}), "selector": {"matchLabels": wanted}}}
    return Backends(target=labelled, primary=None, sides=sides_of(labelled, None, ("app",)))
