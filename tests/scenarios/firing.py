"""Alerts from before a rollout, told again and again while it goes on."""

from datetime import timedelta

from handlers.rollout.snapshot import Cause
from handlers.step.sweep import sweep
from tests.lab import TICK, Lab, an_alert

HALT = "Normal Halt app.shop advancement alert CanaryHighErrorRate has been firing since"
PASSED = "Warning Alert CanaryHighErrorRate does not roll back app.shop"


def old(lab: Lab, seconds: float = 3600, key: str = "fp/1") -> Cause:
    """An alert that has been firing for so long."""
    return an_alert(lab.clock.moment - timedelta(seconds=seconds), key)


def go_on(lab: Lab, firing: Cause | None = None, times: int = 12) -> None:
    """Ticks, and after each one the alert once more."""
    for _ in range(times):
        lab.kubelet.run()
        lab.clock.tick(10)
        sweep(lab.world, (), TICK)
        if firing:
            lab.step(firing)


def told(lab: Lab, text: str) -> list[str]:
    """The Events that begin so."""
    return [event for event in lab.events if event.startswith(text)]
