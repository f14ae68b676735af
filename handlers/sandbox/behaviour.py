"""How a pod of the sandbox behaves: told by the tag of its image and by its environment."""

import re
from dataclasses import dataclass

from handlers.sandbox.kube import Object

DEFAULT_ERRORS = 50  # percent, for `-errors` without a number
DEFAULT_DELAY = 700  # milliseconds, for `-slow`: above the usual limit of 500 ms

_TRAIT = re.compile(r"-(errors|slow|never-ready|crash|missing)(\d*)(?=-|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a pod is told: version, share of failures (0..1), delay (ms), readiness, whether it ends at once.

    A `missing` image is one that no registry has; `message` comes with every answer.
    """

    version: str = "latest"
    fail_rate: float = 0
    delay_ms: int = 0
    ready: bool = True
    crash: bool = False
    missing: bool = False
    message: str = ""

    def arguments(self, name: str) -> list[str]:
        """The command line of pod.py."""
        return [
            f"name={name}",
            f"version={self.version}",
            f"fail_rate={self.fail_rate}",
            f"delay_ms={self.delay_ms}",
            f"ready={str(self.ready).lower()}",
            f"crash={str(self.crash).lower()}",
            f"message={self.message}",
        ]


def behaviour(container: Object) -> Behaviour:
    """Behaviour of a container: `app:2.0-errors30-slow300`, or FAIL_RATE, DELAY_MS, NEVER_READY, CRASH in its env.

    Only values are read there: what comes from elsewhere is looked up before (see environment.py).
    """
    tag = version(container.get("image", ""))
    traits = {name: int(number) if number else None for name, number in _TRAIT.findall(tag)}
    env = {entry["name"]: str(entry.get("value", "")) for entry in container.get("env") or []}
    errors = _given(traits, "errors", DEFAULT_ERRORS) / 100
    return Behaviour(
        version=tag,
        fail_rate=float(env.get("FAIL_RATE") or errors),
        delay_ms=int(env.get("DELAY_MS") or _given(traits, "slow", DEFAULT_DELAY)),
        ready="never-ready" not in traits and env.get("NEVER_READY", "").lower() != "true",
        crash="crash" in traits or env.get("CRASH", "").lower() == "true",
        missing="missing" in traits,
        message="".join(char for char in env.get("MESSAGE", "") if " " <= char <= "~"),  # it becomes a header
    )


def version(image: str) -> str:
    """The tag of an image reference; `latest` without one. A registry's port is no tag, and a digest is left out."""
    name = image.partition("@")[0].rsplit("/", 1)[-1]
    return name.partition(":")[2] or "latest"


def job_command(container: Object) -> tuple[str, float]:
    """What a Job's container does: ("sleep", seconds), ("exit", code) or ("echo", 0).

    Only these three are known, bare or as `sh -c "sleep 1"`; nothing of a manifest is ever run. Anything else is
    ("exit", 127), as a shell answers for a command that it does not find.
    """
    words = [str(word) for word in [*(container.get("command") or []), *(container.get("args") or [])]]
    if words[:1] and words[0].rsplit("/", 1)[-1] in {"sh", "bash"}:
        words = words[-1].split()
    match words:
        case ["sleep" | "exit" as name, number] if re.fullmatch(r"\d+(\.\d+)?", number):
            return name, float(number)
        case ["echo", *_] | ["true"]:
            return "echo", 0
        case ["false"]:
            return "exit", 1
        case _:
            return "exit", 127


def _given(traits: dict[str, int | None], name: str, default: int) -> int:
    if name not in traits:
        return 0
    number = traits[name]
    return default if number is None else number
