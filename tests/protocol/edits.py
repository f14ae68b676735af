"""What users, and tools of theirs, edit: a table of edits, each with the reason why it is there."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from handlers.rollout.objects import DAEMONSET, DEPLOYMENT, HPA, SERVICE, STATEFUL_SET, VIRTUAL_SERVICE, Kind
from tests.lab import Lab
from tests.scalers import an_hpa

Do = Callable[[Lab], object]
CANARY = "flagger.app/v1beta1/canaries/app"
LABELS = {"app.kubernetes.io/name": "app", "tier": "web"}


@dataclass(frozen=True)
class Edit:
    """An edit by somebody else than us. `why`: why it is in the catalogue.

    `ours`: it is of what we write, so a fresh bootstrap knows nothing of it. `then`: what the user does some ticks
    later; `undone`: he undoes it. `needs`, `without`: traits that a situation must have, or must not have. `once`:
    fields that are said only when an object is made. `slow`: nobody knows any more what was there, so that it takes a
    promotion to mend it.
    """

    name: str
    why: str
    do: Do
    ours: bool = False
    then: Do | None = None
    undone: bool = False
    slow: bool = False
    needs: str = ""
    without: frozenset[str] = field(default_factory=frozenset)
    once: tuple[str, ...] = ()

    def fits(self, traits: frozenset[str]) -> bool:
        """Whether it can be made in a situation."""
        return (not self.needs or self.needs in traits) and not self.without & traits


def canary(**body: Any) -> Do:
    """Fields of the Canary's spec."""
    return lambda lab: lab.edit(CANARY, {"spec": body})


def service(**body: Any) -> Do:
    """Fields of spec.service."""
    return canary(service=body)


def analysis(**body: Any) -> Do:
    """Fields of spec.analysis."""
    return canary(analysis=body)


def target(**body: Any) -> Do:
    """Fields of the target's spec."""
    return lambda lab: lab.edit(_target(lab), {"spec": body})


def template(image: str = "", meta: Mapping[str, Any] | None = None, **box: Any) -> Do:
    """The target's pod template: another image, other metadata, other fields of its container."""

    def do(lab: Lab) -> None:
        first = lab.get(_target(lab))["spec"]["template"]["spec"]["containers"][0]
        new = {**first, **box} | ({"image": image} if image else {})
        lab.edit(_target(lab), {"spec": {"template": {"metadata": meta or {}, "spec": {"containers": [new]}}}})

    return do


def ports(number: int, name: str = "web") -> list[dict[str, Any]]:
    """The container's ports, the first of them another."""
    return [{"name": name, "containerPort": number}, {"name": "admin", "containerPort": 8081}]


def both(*steps: Do) -> Do:
    """One sync that brings several changes."""

    def do(lab: Lab) -> None:
        for step in steps:
            step(lab)

    return do


def workload(
    name: str, labels: Mapping[str, str], image: str = "other:v1", kind: Kind = DEPLOYMENT, number: int = 8080
) -> Do:
    """Another workload appears; its pods listen on this port."""

    def do(lab: Lab) -> None:
        box = {"name": "app", "image": image, "ports": ports(number)}
        body: dict[str, Any] = {
            "selector": {"matchLabels": dict(labels)},
            "template": {"metadata": {"labels": dict(labels)}, "spec": {"containers": [box]}},
        }
        if kind is not DAEMONSET:
            body["replicas"] = 2
        if kind is STATEFUL_SET:
            body["serviceName"] = name
        lab.create(kind, {**_head(kind, name), "spec": body})

    return do


def remade(labels: Mapping[str, str] | None = None, image: str = "") -> Do:
    """The target is deleted and made again, maybe with another selector or image."""

    def do(lab: Lab) -> None:
        old = lab.get(_target(lab))
        kind = DAEMONSET if old["kind"] == DAEMONSET.name else DEPLOYMENT
        body = deepcopy(old["spec"])
        if kind is DEPLOYMENT:
            body["replicas"] = 2
        body["template"]["spec"].pop("nodeSelector", None)
        if labels:
            body["selector"], body["template"]["metadata"]["labels"] = {"matchLabels": dict(labels)}, dict(labels)
        if image:
            body["template"]["spec"]["containers"][0]["image"] = image
        lab.delete(kind, "app")
        lab.create(kind, {**_head(kind, "app"), "spec": body})

    return do


def gone(kind: Kind, name: str) -> Do:
    """Somebody deletes an object, if it is there."""

    def do(lab: Lab) -> None:
        if lab.get(f"{kind.api_version}/{kind.plural}/{name}"):
            lab.delete(kind, name)

    return do


def changed(kind: Kind, name: str, patch: Mapping[str, Any]) -> Do:
    """Somebody edits an object, if it is there."""

    def do(lab: Lab) -> None:
        if lab.get(where := f"{kind.api_version}/{kind.plural}/{name}"):
            lab.edit(where, patch)

    return do


def again(kind: Kind, name: str) -> Do:
    """Somebody deletes an object and applies what he has read of it, without an owner."""

    def do(lab: Lab) -> None:
        old = lab.get(f"{kind.api_version}/{kind.plural}/{name}")
        if old is None:
            return
        lab.delete(kind, name)
        kept = {key: old["metadata"][key] for key in ("labels", "annotations") if key in old["metadata"]}
        spec = {key: value for key, value in old["spec"].items() if not key.startswith("clusterIP")}
        lab.create(kind, {**_head(kind, name), "metadata": {"name": name, "namespace": "shop", **kept}, "spec": spec})

    return do


def on_primary(patch: Mapping[str, Any]) -> Do:
    """Somebody edits the primary."""

    def do(lab: Lab) -> None:
        if lab.get(where := f"apps/v1/{lab.plural}/app-primary"):
            lab.edit(where, patch)

    return do


def primary_gone(lab: Lab) -> None:
    """Somebody deletes the primary."""
    gone(DAEMONSET if lab.plural == DAEMONSET.plural else DEPLOYMENT, "app-primary")(lab)


def target_gone(lab: Lab) -> None:
    """Somebody deletes the target."""
    gone(DAEMONSET if lab.plural == DAEMONSET.plural else DEPLOYMENT, "app")(lab)


def selector_labels(*names: str) -> Do:
    """SERINUS_SELECTOR_LABELS is changed under existing primaries."""

    def do(lab: Lab) -> None:
        options = replace(lab.world.config.options, selector_labels=names)
        lab.world = replace(lab.world, config=replace(lab.world.config, options=options))

    return do


def rules(**weights: int) -> Do:
    """Somebody writes the weights of all rules that lead to both sides."""

    def do(lab: Lab) -> None:
        old = lab.get("networking.istio.io/v1beta1/virtualservices/app")
        if old is None:
            return
        new = deepcopy(old["spec"]["http"])
        for rule in new:
            if len(rule.get("route") or ()) == 2:
                rule["route"][0]["weight"], rule["route"][1]["weight"] = weights["primary"], weights["canary"]
        lab.edit("networking.istio.io/v1beta1/virtualservices/app", {"spec": {"http": new}})

    return do


def scaler(name: str, **body: Any) -> Do:
    """Another HorizontalPodAutoscaler of the target's."""

    def do(lab: Lab) -> None:
        new = an_hpa(**body)
        lab.create(HPA, {**new, "metadata": {**new["metadata"], "name": name}})

    return do


def _target(lab: Lab) -> str:
    return f"apps/v1/{lab.plural}/app"


def _head(kind: Kind, name: str) -> dict[str, Any]:
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": name, "namespace": "shop"}}


def services() -> Iterator[Edit]:
    """Each of the three Services, as others may leave it."""
    for name in ("app", "app-primary", "app-canary"):
        users = frozenset({"adopted"} if name == "app" else ())
        for what, why, do in (
            ("selector", "an apply of an old manifest", {"spec": {"selector": {"app": "nobody"}}}),
            ("label-added", "a policy tool narrows it", {"spec": {"selector": {"team": "shop"}}}),
            ("target-port", "a hand's slip", {"spec": {"ports": [{"name": "http", "port": 80, "targetPort": 9999}]}}),
            ("metadata", "labels of ours are taken away", {"metadata": {"labels": {"app": None}}}),
        ):
            yield Edit(f"{name}-{what}", why, changed(SERVICE, name, do), ours=True, without=users)
        yield Edit(f"{name}-deleted", "a GitOps prune", gone(SERVICE, name), ours=True, without=users)
        yield Edit(f"{name}-made-again", "a restore", again(SERVICE, name), ours=True, once=("owners",))


def routes() -> Iterator[Edit]:
    """The VirtualService and the DestinationRules, as others may leave them."""
    yield Edit("route-weights", "somebody shifts traffic by hand", rules(primary=50, canary=50), ours=True)
    yield Edit("route-all-to-canary", "an emergency, by hand", rules(primary=0, canary=100), ours=True)
    hosts = changed(VIRTUAL_SERVICE, "app", {"spec": {"hosts": ["other.example.com"]}})
    yield Edit("route-hosts", "an old manifest", hosts, ours=True, without=frozenset({"adopted"}))
    yield Edit(
        "route-rules",
        "somebody leads all to the apex Service",
        changed(VIRTUAL_SERVICE, "app", {"spec": {"http": [{"route": [{"destination": {"host": "app"}}]}]}}),
        ours=True,
        without=frozenset({"adopted"}),
    )
    yield Edit(
        "route-deleted", "a GitOps prune", gone(VIRTUAL_SERVICE, "app"), ours=True, without=frozenset({"adopted"})
    )
    yield Edit(
        "route-made-again", "a restore from a backup", again(VIRTUAL_SERVICE, "app"), ours=True, once=("owners",)
    )
