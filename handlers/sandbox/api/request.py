"""What goes into the cluster and what comes out."""

import contextlib
import json
import marshal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from handlers.sandbox.api import protobuf
from handlers.sandbox.api.status import ApiError, Json, bad_request
from handlers.sandbox.api.watches import Watch

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of the API. `body` is bytes as they came, or JSON that the caller keeps (it is copied)."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    accept: str = ""
    user_agent: str = ""
    user: str = "system:admin"
    body: Any = None

    def json(self) -> Any:
        """The body as JSON of one's own; ApiError 400 or 415 if it cannot be read."""
        body = self.body
        if body is None or body == b"":
            return None
        if not isinstance(body, bytes):
            return private(body)
        kind = self.content_type.partition(";")[0].strip()
        if "yaml" in kind:
            return _yaml(body)
        if kind and "json" not in kind and kind not in ("*/*", protobuf.CONTENT_TYPE):
            known = f"application/json, application/yaml, {protobuf.CONTENT_TYPE}"
            raise ApiError(
                415, f"the body of the request was in an unknown format - accepted media types include: {known}"
            )
        try:
            return protobuf.decoded(body) if kind == protobuf.CONTENT_TYPE else json.loads(body)
        except ValueError as error:
            raise bad_request(f"error decoding: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer. `body` is shared with the store: read it, or take `json()`, which is a copy of one's own."""

    status: int
    body: Any = None
    watch: Watch | None = None
    warnings: tuple[str, ...] = ()

    def json(self) -> Any:
        """The body, free to be changed."""
        return private(self.body)


def private(value: Any) -> Any:
    """A deep copy of JSON, several times faster than copy.deepcopy."""
    return marshal.loads(marshal.dumps(value, 2))  # noqa: S302 reads only what the line itself has written


def _yaml(body: bytes) -> Json | None:
    if body[:1] == b"{":
        with contextlib.suppress(ValueError):  # most clients send JSON under YAML's name, which json reads much faster
            return json.loads(body)  # type: ignore[no-any-return]  # whatever was sent
    try:
        found: Json | None = yaml.load(body, Loader=_Plain)  # noqa: S506 a SafeLoader without timestamps
    except yaml.YAMLError as error:
        raise bad_request(f"error decoding YAML: {error}") from None
    return private(found) if found is not None else None


class _Plain(yaml.SafeLoader):
    """YAML as JSON: a date stays a string."""


_Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
