"""Steps that a test can stop between two calls, and what it can do to a cluster meanwhile."""

from handlers.rollout.snapshot import Cause
from tests.fakes import WRITES, Died
from tests.lab import TICK, Lab, at, new_lab
from tests.protocol.harness import ROUTE, Handler, Trace, Watcher, process, run, state_of

CANARY, TARGET, PRIMARY = "/canaries/app", "/deployments/app", "/deployments/app-primary"
VIRTUAL_SERVICE = "/virtualservices/app"
FENCE = "serinus.dev/step"
GONE = 60
"""Seconds after which no claim of a dead process stands any more."""


def handler(lab: Lab, cause: Cause = TICK) -> Handler:
    """A process on its way, which stands before its first call."""
    return Handler(lambda watcher: run(process(lab, watcher), lab, cause), lambda _verb, _path: None)


def due(phase: str, weight: int = 0, lab: Lab | None = None) -> Lab:
    """A rollout of app:v2 that has come so far, and whose next step is due."""
    lab = at(lab or new_lab(), phase, weight)
    lab.clock.tick(10)
    return lab


def calls(lab: Lab, cause: Cause = TICK) -> list[tuple[str, str]]:
    """The calls of one whole step."""
    trace = Trace()
    run(process(lab, trace.watcher), lab, cause)
    return trace.calls


def writes(lab: Lab, cause: Cause = TICK) -> list[str]:
    """What one whole step writes, by the end of the path."""
    names = [path.removesuffix("/status") for verb, path in calls(lab, cause) if verb in WRITES]
    return [name.rsplit("/", 2)[-2] + "/" + name.rsplit("/", 1)[-1] for name in names if "events" not in name]


def dies_before(lab: Lab, verb: str, end: str, cause: Cause = TICK) -> None:
    """A process makes a step, and dies before such a call."""

    def before(called: str, path: str) -> None:
        if called == verb and path.endswith(end):
            raise Died

    assert run(process(lab, Watcher(before=before)), lab, cause) == "died"


def reverted() -> Lab:
    """A run at 40 % whose target has gone back to what is promoted."""
    lab = due("Progressing", 40)
    lab.push("app:v1")
    return lab


def no_pods(lab: Lab, name: str) -> None:
    """A Deployment loses its ready pods."""
    path = f"/apis/apps/v1/namespaces/shop/deployments/{name}/status"
    assert lab.api.call("PATCH", path, {"status": {"readyReplicas": 0, "availableReplicas": 0}}).status == 200


def image(lab: Lab, workload: str = "app-primary") -> str:
    """What a Deployment, or DaemonSet, runs."""
    return str(lab.get(f"apps/v1/{lab.plural}/{workload}")["spec"]["template"]["spec"]["containers"][0]["image"])


def version(lab: Lab, path: str) -> str:
    """The resource version of an object."""
    return str(lab.get(path)["metadata"]["resourceVersion"])


def failed_promotion() -> Lab:
    """The primary has lost its pods on the new version, the deadline has passed, the canary serves."""
    lab = due("Promoting", 60)
    no_pods(lab, "app-primary")
    lab.step()
    lab.clock.tick(601)
    lab.step()
    assert lab.phase == "Failed"
    return lab


def claim_nonce(lab: Lab) -> str:
    """Whose claim stands."""
    claim = state_of(lab).claim
    return claim.nonce if claim else ""


def stray_routes(lab: Lab, primary: int, canary: int) -> None:
    """Somebody changes the weights of the VirtualService."""
    rule = lab.get(ROUTE)["spec"]["http"][0]
    sides = [{**side, "weight": weight} for side, weight in zip(rule["route"], (primary, canary), strict=True)]
    lab.edit(ROUTE, {"spec": {"http": [{**rule, "route": sides}]}})
