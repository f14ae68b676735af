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
from handlers.rollout.weights import FULL, Weights

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


def route(canary: Canary, weight: int, mirrored: bool, existing: Object | None) -> dict[str, Any]:
    """The VirtualService that sends `weight` percent to the canary and the rest to the primary.

    Hosts, gateways and HTTP rules are ours; what else is in the spec of an existing one stays.
    """
    new = generated(canary.route_ref, canary, existing)
    kept = {key: value for key, value in spec(new).items() if key != "gateways"}
    new["spec"] = {**kept, **_reach(canary), "http": [_rule(canary, weight, mirrored)]}
    declared = canary.service.apex_metadata
    marks = {**declared.annotations, **FLUX_OPT_OUT, **_original(canary, existing)}
    return with_metadata(
        new,
        labels=declare(new, "labels", declared.labels),
        annotations=declare(new, "annotations", marks),
    )


def weights(canary: Canary, route: Object) -> Weights | None:
    """What the VirtualService does now (GetRoutes); None when no rule leads to both with any weight."""
    for rule in spec(route).get("http") or ():
        sides = {
            name: int(target.get("weight") or 0)
            for target in rule.get("route") or ()
            for name in (canary.service.primary, canary.service.canary)
            if _is_service((target.get("destination") or {}).get("host", ""), name, canary.namespace)
        }
        if len(sides) > 1 and any(sides.values()):
            mirrored = bool((rule.get("mirror") or {}).get("host"))
            return Weights(sides[canary.service.primary], sides[canary.service.canary], mirrored)
    return None


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
            rules = [{**_unmirrored(rule), "route": [apex]} for rule in spec(old).get("http") or ()]
            found.append((ref, {**old, "spec": {**spec(old), "http": rules}}))
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
    if not any(host == "*" or _is_service(host, service.apex, canary.namespace) for host in hosts):
        hosts.append(service.apex)
    return {"hosts": hosts, "gateways": list(service.gateways) or ["mesh"]}


def _rule(canary: Canary, weight: int, mirrored: bool) -> dict[str, Any]:
    service = canary.service
    rewrite = service.rewrite or {}
    parts: dict[str, Any] = {
        "match": list(service.match),
        # the Gateway API's kind of rewrite has fields that Istio does not know (GetIstioRewrite)
        "rewrite": {key: rewrite[key] for key in ("uri", "authority") if rewrite.get(key)},
        "timeout": service.timeout,
        "retries": service.retries,
        "headers": service.headers,
        "corsPolicy": service.cors_policy,
        "mirror": {"host": service.canary} if mirrored else None,
    }
    sides = ((service.primary, FULL - weight), (service.canary, weight))
    return {key: value for key, value in parts.items() if value} | {
        "route": [_destination(canary, host, share) for host, share in sides]
    }


def _destination(canary: Canary, host: str, weight: int) -> dict[str, Any]:
    """One side; a gateway must be told the port when a Service has more than one (makeDestination)."""
    service = canary.service
    through_gateway = service.delegation or (service.gateways and service.gateways[0] != "mesh")
    port = {"port": {"number": service.port}} if service.port_discovery and through_gateway else {}
    return {"destination": {"host": host, **port}, "weight": weight}


def _is_service(host: str, name: str, namespace: str) -> bool:
    """Whether a host is the Service, by its short or its full name in any cluster domain."""
    return host == name or host.startswith(f"{name}.{namespace}.svc.")


def _original(canary: Canary, existing: Object | None) -> dict[str, str]:
    """The annotation that keeps what an adopted object said before, unless something keeps it already."""
    if existing is None or owned_by(existing, canary) or any(key in annotations(existing) for key in _ORIGINALS):
        return {}
    return {ORIGINAL: json.dumps(spec(existing), sort_keys=True, separators=(",", ":"), ensure_ascii=False)}
