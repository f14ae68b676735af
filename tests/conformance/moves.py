"""What the user does in a scenario, and when: `at Progressing 40: push v3`, `at Progressing iteration 2: push v3`."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from handlers.rollout.state import load
from handlers.rollout.timing import DRAIN

_MOVE = re.compile(
    r"at (?P<phase>\w+)(?: (?P<weight>\d+))?(?: iteration (?P<iteration>\d+))?: "
    r"(?:(?P<delete>delete the Canary)"
    r"|push (?P<version>v\d+)(?P<never>, whose pods never get ready)?"
    r"|change (?P<kind>ConfigMap|Secret) (?P<config>[-\w]+)"
    r"|patch the Canary (?P<patch>\{.*\})"
    r"|app-primary is scaled to (?P<replicas>\d+))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """When `.status` says so: delete or patch the Canary, push a version, change a config, or scale the primary."""

    phase: str
    weight: str | None = None
    iteration: str | None = None
    delete: bool = False
    version: str = ""
    never_ready: bool = False
    config: str = ""
    """Plural and name of the ConfigMap or Secret: `configmaps/app-config`."""
    patch: Mapping[str, Any] = field(default_factory=dict)
    replicas: int = 0

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises ValueError when this is no move."""
        found = _MOVE.fullmatch(text)
        if not found:
            raise ValueError(f"{text!r} is not a move that is known here")
        return cls(
            phase=found["phase"],
            weight=found["weight"],
            iteration=found["iteration"],
            delete=bool(found["delete"]),
            version=found["version"] or "",
            never_ready=bool(found["never"]),
            config=f"{found['kind'].lower()}s/{found['config']}" if found["config"] else "",
            patch=json.loads(found["patch"] or "{}"),
            replicas=int(found["replicas"] or 0),
        )

    def is_due(self, status: Mapping[str, Any]) -> bool:
        """Whether the Canary has come that far."""
        return (
            status.get("phase") == self.phase
            and self.weight in (None, str(status["canaryWeight"]))
            and self.iteration in (None, str(status["iterations"]))
        )


def drains(canary: Mapping[str, Any]) -> bool:
    """Whether pods that Flagger had taken away by now go with the next event; whoever acts then acts after it."""
    known = load(canary.get("metadata", {}).get("annotations") or {})
    return known is not None and known.waiting == DRAIN
