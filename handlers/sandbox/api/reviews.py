"""POSTs that store nothing or act on another object: TokenReview, access reviews, TokenRequest, Binding, Eviction."""

from dataclasses import dataclass, field

from handlers.sandbox.api import deletion
from handlers.sandbox.api.admission import Call
from handlers.sandbox.api.reads import stored
from handlers.sandbox.api.request import Reply
from handlers.sandbox.api.status import Json, bad_request, conflict

REVIEWS = {
    ("authentication.k8s.io", "tokenreviews"): "TokenReview",
    ("authentication.k8s.io", "selfsubjectreviews"): "SelfSubjectReview",
    ("authorization.k8s.io", "selfsubjectaccessreviews"): "SelfSubjectAccessReview",
    ("authorization.k8s.io", "subjectaccessreviews"): "SubjectAccessReview",
}
API_AUDIENCE = "https://kubernetes.default.svc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom a token stands for. Without audiences it is meant for the API server alone."""

    username: str
    audiences: tuple[str, ...] = ()
    groups: tuple[str, ...] = field(default=("system:authenticated",))


def review(kind: str, body: Json, user: str, tokens: dict[str, Identity]) -> Reply:
    """Answer one of the reviews; everybody may do everything here, so access reviews say yes."""
    spec = body.get("spec") or {}
    match kind:
        case "TokenReview":
            status = token_status(tokens.get(spec.get("token", "")), spec.get("audiences") or [])
        case "SelfSubjectReview":
            status = {"userInfo": {"username": user, "groups": ["system:authenticated"]}}
        case _:
            status = {"allowed": True}
    return Reply(status=201, body=body | {"kind": kind, "metadata": {}, "spec": spec, "status": status})


def token_status(identity: Identity | None, asked: list[str]) -> Json:
    """The status of a TokenReview: `audiences` are those that both the asker and the token name."""
    if identity is None:
        return {"user": {}, "error": "invalid bearer token"}
    own = identity.audiences or (API_AUDIENCE,)
    shared = [audience for audience in asked or [API_AUDIENCE] if audience in own]
    if not shared:
        return {
            "user": {},
            "error": f"[invalid bearer token, token audiences {list(own)} is invalid for the target audiences]",
        }
    user = {"username": identity.username, "groups": list(identity.groups)}
    return {"authenticated": True, "user": user, "audiences": shared}


def bind(call: Call) -> Reply:
    """Place a pod on a node, as a scheduler does."""
    live = stored(call.store, call.target)
    node = (call.request.json() or {}).get("target", {}).get("name")
    if not node:
        raise bad_request("target.name is required")
    if live["spec"].get("nodeName"):
        why = f"pod {call.target.name} is already assigned to node {quote(live['spec']['nodeName'])}"
        raise conflict("", "pods/binding", call.target.name, why)
    now = call.store.timestamp()
    condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
    status = live.get("status") or {}
    others = [found for found in status.get("conditions", ()) if found["type"] != "PodScheduled"]
    new = live | {
        "metadata": dict(live["metadata"]),
        "spec": live["spec"] | {"nodeName": node},
        "status": status | {"conditions": [*others, condition]},
    }
    if not call.dry:
        call.store.put(call.target.resource.key, (call.target.namespace, call.target.name), new)
    return _done()


def evict(call: Call) -> Reply:
    """Delete a pod; budgets are not looked at."""
    deletion.delete(call.store, call.target, call.request)
    return _done()


def request_token(call: Call, tokens: dict[str, Identity]) -> Reply:
    """A new token of a service account (TokenRequest)."""
    live = stored(call.store, call.target)
    body = call.request.json() or {}
    spec = body.get("spec") or {}
    audiences = tuple(spec.get("audiences") or (API_AUDIENCE,))
    name = f"system:serviceaccount:{call.target.namespace}:{live['metadata']['name']}"
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{call.target.namespace}", "system:authenticated")
    token = call.store.new_uid()
    if not call.dry:
        tokens[token] = Identity(username=name, audiences=audiences, groups=groups)
    status = {"token": token, "expirationTimestamp": call.store.timestamp()}
    head = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": {}}
    return Reply(status=201, body=head | {"spec": spec | {"audiences": list(audiences)}, "status": status})


def quote(text: str) -> str:
    """A name as messages show it."""
    return f'"{text}"'


def _done() -> Reply:
    return Reply(
        status=201, body={"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    )
