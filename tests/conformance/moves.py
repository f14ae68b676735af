"""What the user does in a scenario, and when: `at Progressing 40: push v3`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

_MOVE = re.compile(
    r"at (?P<phase>\w+)(?: (?P<weight>\d+))?: "
    r"(?:(?P<delete>delete the Canary)"
    r"|push (?P<version>v\d+)(?P<never>, whose pods never get ready)?"
    r"|change ConfigMap (?P<config>[-\w]+)"
    r"|app-primary is scaled to (?P<replicas>\d+))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """When `.status` says so, one of: delete the Canary, push a version, change a ConfigMap, scale the primary."""

    phase: str
    weight: str | None = None
    delete: bool = False
    version: str = ""
    never_ready: bool = False
    config: str = ""
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
            delete=bool(found["delete"]),
            version=found["version"] or "",
            never_ready=bool(found["never"]),
            config=found["config"] or "",
            replicas=int(found["replicas"] or 0),
        )

    def is_due(self, status: Mapping[str, Any]) -> bool:
        """Whether the Canary has come that far."""
        return status.get("phase") == self.phase and self.weight in (None, str(status["canaryWeight"]))
