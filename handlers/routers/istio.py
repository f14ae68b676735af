"""Istio: a VirtualService that splits the traffic, and a DestinationRule for each side.

Rules from Flagger's router/istio.go; fields as in Istio's networking/v1beta1.
"""

import json
from collections.abc import Mapping
from typing import Any

from handlers.rollout.objects import DESTINATION_RULE, Object, Ref, annotations, labels, spec
from handlers.rollout.objects.ownership import (
    FLUX_OPT_OUT,
    LAST_APPLIED,
    PREFIX,
    declare,
    generated,
    last_applied,
    owned_by,
    with_metadata,
)
from handlers.rollout.spec.canary import Canary
from handlers.rollout.weights import FULL, Cookies, Split, Weights
from handlers.routers import istio_rules

ORIGINAL = f"{PREFIX}original-configuration"
"""Annotation of an adopted object: its spec, in JSON, as it was before."""
_ORIGINALS = (
    ORIGINAL,
    "flagger.kubernetes.app/original-configuration",
    LAST_APPLIED,
)


def destination_refs(canary: Canary) -> tuple[Ref, ...]:
    """Where the DestinationRules live: the canary's, then the primary's."""
    names = (canary.service.canary, canary.service.primary)
    return tuple(Ref(DESTINATION_RULE, canary.namespace, name) for name in names)


def destinations(canary: Canary, existing: Mapping[Ref, Object]) -> tuple[tuple[Ref, dict[str, Any]], ...]:
    """The DestinationRules; host and traffic policy are ours, the rest of an existing one stays."""
    return tuple((ref, _destination_rule(canary, ref, existing.get(ref))) for ref in destination_refs(canary))


def _destination_rule(canary: Canary, ref: Ref, existing: Object | None) -> dict[str, Any]:
    new = generated(ref, canary, existing)
    policy = {"trafficPolicy": canary.service.traffic_policy} if canary.service.traffic_policy else {}
    kept = {key: value for key, value in spec(new).items() if key != "trafficPolicy"}
    new["spec"] = {**kept, "host": ref.name, **policy}
    return with_metadata(new, labels=labels(new), annotations={**annotations(new), **_original(canary, existing)})


def route(canary: Canary, split: Split, existing: Object | None) -> dict[str, Any]:
    """The VirtualService that splits the traffic.

    Hosts, gateways and HTTP rules are ours, for TCP its rules; what else is in the spec of an existing one stays.
    """
    new = generated(canary.route_ref, canary, existing)
    kept = {key: value for key, value in spec(new).items() if key != "gateways"}
    new["spec"] = {**kept, **_reach(canary), **istio_rules.rules(canary, split)}
    for stale in istio_rules.stale(canary, new["spec"]):
        del new["spec"][stale]
    declared = canary.service.apex_metadata
    marks = {**declared.annotations, **FLUX_OPT_OUT, **_original(canary, existing)}
    return with_metadata(
        new,
        labels=declare(new, "labels", declared.labels),
        annotations=declare(new, "annotations", marks),
    )


def weights(canary: Canary, route: Object) -> Weights | None:
    """What the VirtualService does now (GetRoutes); None when no rule leads to both with any weight.

    The last rule that does counts: those before it are for who is matched by a cookie or a header.
    """
    rules = _rules(canary, route)
    for index in range(len(rules) - 1, -1, -1):
        sides = istio_rules.sides(canary, rules[index])
        if len(sides) > 1 and any(sides.values()):
            mirrored = bool((rules[index].get("mirror") or {}).get("host"))
            matched = bool(canary.analysis.match) and index < len(rules) - 1
            return Weights(sides[canary.service.primary], sides[canary.service.canary], mirrored, matched)
    return None


def cookies(canary: Canary, route: Object) -> Cookies:
    """The session cookies that the VirtualService sets, and the one that it takes back."""
    return istio_rules.cookies(canary, _rules(canary, route))


def _rules(canary: Canary, route: Object) -> list[Object]:
    return list(spec(route).get("tcp" if canary.service.tcp else "http") or ())


def restored(canary: Canary, existing: Mapping[Ref, Object]) -> tuple[tuple[Ref, dict[str, Any]], ...]:
    """What was adopted as it was before (its `Finalize`); our own VirtualService leads to the apex Service.

    So does an adopted one whose first spec nobody kept: the Services that it leads to are about to go.
    """
    found = []
    for ref in (canary.route_ref, *destination_refs(canary)):
        old = existing.get(ref)
        if old is None:
            continue
        first = None if owned_by(old, canary) else _first(old)
        if first is not None:
            kept = {key: value for key, value in declare(old, "annotations", {}).items() if not key.startswith(PREFIX)}
            found.append((ref, with_metadata({**old, "spec": first}, labels=labels(old), annotations=kept)))
        elif ref == canary.route_ref:
            apex = {"destination": {"host": canary.service.apex}, "weight": FULL}
            split = "tcp" if canary.service.tcp else "http"
            rules = [{**_unmirrored(rule), "route": [apex]} for rule in spec(old).get(split) or ()]
            found.append((ref, {**old, "spec": {**spec(old), split: rules}}))
    return tuple(found)


def _unmirrored(rule: Object) -> Object:
    return {key: value for key, value in rule.items() if not key.startswith("mirror")}


def _first(obj: Object) -> Object | None:
    """The spec that an adopted object had, as we, Flagger or kubectl keep it."""
    for key in _ORIGINALS[:2]:
        try:
            found = json.loads(annotations(obj).get(key, "null"))
        except ValueError:
            continue
        if isinstance(found, Mapping):
            return found
    return spec(last_applied(obj)) or None


def _reach(canary: Canary) -> dict[str, Any]:
    """Which requests the VirtualService is about: hosts and gateways. One that is delegated to can have neither."""
    service = canary.service
    if service.delegation:
        return {"hosts": []}
    hosts = list(service.hosts)
    if not any(host == "*" or istio_rules.is_service(host, service.apex, canary.namespace) for host in hosts):
        hosts.append(service.apex)
    return {"hosts": hosts, "gateways": list(service.gateways) or ["mesh"]}


def _original(canary: Canary, existing: Object | None) -> dict[str, str]:
    """The annotation that keeps what an adopted object said before, unless something keeps it already."""
    if existing is None or owned_by(existing, canary) or any(key in annotations(existing) for key in _ORIGINALS):
        return {}
    return {ORIGINAL: json.dumps(spec(existing), sort_keys=True, separators=(",", ":"), ensure_ascii=False)}
