"""One step of one canary: gather, and an attempt with what was read; again when somebody else wrote first."""

import logging
from collections.abc import Mapping

from handlers.errors import Conflict
from handlers.rollout.freeze import Namespace
from handlers.rollout.objects import Object, Ref
from handlers.rollout.snapshot import Cause
from handlers.step.attempt import Attempt
from handlers.step.drift import with_drift
from handlers.step.gather import gather
from handlers.step.mixing import with_doubts
from handlers.step.ports import World
from handlers.step.report import Report
from handlers.step.takeover import with_inherited

log = logging.getLogger(__name__)

TRIES = 3
PAUSE = 0.1  # seconds before the second try, and twice as many before the third: others write in bursts


def step(  # noqa: PLR0913, PLR0917  each is known to another caller
    world: World,
    ref: Ref,
    cause: Cause,
    listed: Object | None = None,
    namespace: Namespace | None = None,
    seen: Mapping[str, str] | None = None,
) -> Report:
    """Move a canary by at most one step. `listed`, `namespace`, `seen`: as a tick has just read them.

    Raises Conflict after three tries, Unavailable when the API server is out of reach,
    BadCanary when the Canary, or what it names, is not valid, Held when a rollback has to wait.
    """
    nonce = world.nonce()
    for attempt in range(TRIES):
        mine = nonce if attempt else ""
        scene = gather(world, ref, cause, listed=listed, mine=mine, namespace=namespace, seen=seen)
        if scene is None:
            return Report(stage="gone", told="there is no such Canary")
        try:
            scene = with_drift(with_doubts(world, with_inherited(world, scene)))
            return Attempt(world, scene, f"{nonce}.{attempt}").make()
        except Conflict as conflict:
            # read everything again: a guard is never refreshed under an old claim (protocol rule 3)
            log.info("%s: %s", ref, conflict)
            listed = None
            if attempt + 1 < TRIES:
                world.sleep(PAUSE * (attempt + 1))
    raise Conflict(f"{ref}: somebody else wrote first, {TRIES} times")
