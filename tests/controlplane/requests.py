"""Draws requests to an API server, good and bad ones, about the kinds of objects that Serinus reads and writes."""

from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from tests.controlplane.bodies import (
    CHANGES,
    JSON_PATCHES,
    MADE,
    MADE_BY_STATUS,
    METADATA,
    PATHS,
    REPLACED,
    WITH_STATUS,
)
from tests.sandbox.api.client import APPLY, JSON_PATCH, MERGE, STRATEGIC

NAMES = ("one", "two")
MANAGERS = ("serinus", "gitops")
VERBS = {"create": 4, "get": 1, "list": 1, "put": 2, "patch": 4, "apply": 4, "delete": 2, "scale": 1, "clear": 1}
"""How often each is drawn; clear: deletecollection."""
SELECTORS: tuple[dict[str, str], ...] = (
    {},
    {"labelSelector": "team=a"},
    {"labelSelector": "team notin (a),tier"},
    {"labelSelector": "!team"},
    {"labelSelector": "team="},
    {"labelSelector": "team=a b"},
    {"fieldSelector": "metadata.name=one"},
    {"fieldSelector": "metadata.name!=one"},
    {"fieldSelector": "reason=Synced"},
    {"fieldSelector": "spec.unheard=1"},
)


@dataclass(frozen=True, slots=True)
class Call:
    """A request. `guard`: nothing, the object's resourceVersion as it is, or one that is stale."""

    verb: str
    kind: str
    name: str
    body: Any = None
    content: str = ""
    guard: str = ""
    subresource: str = ""
    manager: str = MANAGERS[0]
    force: bool = False
    dry: bool = False
    strict: bool = False
    selector: dict[str, str] = field(default_factory=dict)
    metadata_only: bool = False


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Any request."""
    verb = draw(st.sampled_from([verb for verb, often in VERBS.items() for _ in range(often)]))
    call = Call(verb, draw(st.sampled_from(sorted(PATHS))), draw(st.sampled_from(NAMES)))
    call = replace(call, manager=draw(st.sampled_from(MANAGERS)), metadata_only=draw(st.integers(0, 4)) == 0)
    match verb:
        case "get":
            return call
        case "list" | "clear":
            return replace(call, selector=draw(st.sampled_from(SELECTORS)))
        case "delete":
            return replace(call, dry=draw(st.integers(0, 4)) == 0)
        case "scale":
            return draw(_scales(replace(call, kind="Deployment", subresource="scale", metadata_only=False)))
        case _:
            return draw(_writes(call))


@st.composite
def _scales(draw: st.DrawFn, call: Call) -> Call:
    replicas = draw(st.sampled_from([0, 2, -1, "two", None]))
    head = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": call.name}}
    body = {"spec": {"replicas": replicas}}
    match draw(st.sampled_from(["get", "put", "patch"])):
        case "get":
            return replace(call, verb="get")
        case "put":
            return replace(call, verb="put", body=head | body)
        case _:
            return replace(call, verb="patch", body=body, content=MERGE)


@st.composite
def _writes(draw: st.DrawFn, call: Call) -> Call:
    call = replace(
        call, dry=draw(st.integers(0, 7)) == 0, strict=draw(st.integers(0, 7)) == 0, force=draw(st.booleans())
    )
    call = replace(call, guard=draw(st.sampled_from(["", "", "fresh", "stale"])))
    has_status = call.kind in WITH_STATUS and (call.kind not in MADE_BY_STATUS or call.verb == "patch")
    if call.verb != "create" and has_status and draw(st.booleans()):
        call = replace(call, subresource="status")
    change = {"metadata": draw(st.sampled_from(METADATA))} | draw(st.sampled_from([{}, *CHANGES[call.kind]]))
    match call.verb:
        case "patch":
            content = draw(st.sampled_from([MERGE, MERGE, STRATEGIC, JSON_PATCH]))
            known = [patch for patch in JSON_PATCHES if patch is not REPLACED or call.kind != "Job"]
            body = draw(st.sampled_from(known)) if content == JSON_PATCH else change
            return replace(call, body=body, content=content)
        case "create" if draw(st.integers(0, 9)) == 0:
            generated = {"metadata": {"name": None, "generateName": "made-"}}
            return replace(call, body=_merged(_merged(MADE[call.kind](call.name), change), generated))
        case _:
            content = APPLY if call.verb == "apply" else ""
            return replace(call, body=_merged(MADE[call.kind](call.name), change), content=content)


def _merged(old: Any, new: Any) -> Any:
    """RFC 7386, without the removal: null stays, for a server to find."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return old | {key: _merged(old.get(key), value) for key, value in new.items()}
