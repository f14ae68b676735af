"""A real Flagger is stopped in the middle of a rollout, Serinus goes on with it, and Flagger gets it back."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from handlers.sandbox.process import HOST, Program, free_port, wait_for
from tests.controlplane.programs import path_of
from tests.e2e.town import CANARIES, App

CLUSTER = os.environ.get("SERINUS_TEST_KUBECONFIG")
SLOW = 120
"""Seconds until Flagger must have done something; its intervals are of 10 s at least, and are not scaled."""

pytestmark = pytest.mark.skipif(
    not CLUSTER or not path_of("flagger").exists(),
    reason="Flagger is built by `make e2e`, which runs this on a real cluster; its intervals take it a minute",
)


@contextmanager
def flagger(app: App, log: Path) -> Iterator[Callable[[dict[str, object]], None]]:
    """Flagger at work in the app's namespace; what it gives waits until the status says so."""
    assert CLUSTER
    flags = {
        "kubeconfig": CLUSTER,
        "namespace": app.namespace,
        "mesh-provider": "istio",
        "metrics-server": f"http://{HOST}:9",  # nobody asks it: the canaries have no metrics
        "port": free_port(),
        "control-loop-interval": "1s",
    }
    program = Program([str(path_of("flagger")), *(f"-{name}={value}" for name, value in flags.items())], log)

    def until(status: dict[str, object]) -> None:
        program.wait_for(lambda: status.items() <= app.status.items(), f"comes to {status}", SLOW)

    try:
        yield until
    finally:
        program.stop(0)


def taken_over(app: App) -> list[str]:
    """The Events that say so."""
    return [event for event in app.events() if event.startswith("Taking over")]


def test_a_rollout_changes_hands_and_back(app: App, tmp_path: Path) -> None:
    """It goes on at its weight, nobody loses a request, and Flagger finds all as it would have made it."""
    app.deploy("1")
    app.canary({"maxWeight": 75, "stepWeight": 25})
    with flagger(app, tmp_path / "first.log") as until:
        until({"phase": "Initialized"})
        app.serves_only("1")
        app.push("2")
        until({"phase": "Progressing", "canaryWeight": 25})
    with app.traffic() as traffic:
        weights = app.until_over("Succeeded")
        wait_for(lambda: "2" in traffic.summary().versions, "the new version answers", SLOW)
    assert (weights[0], weights == sorted(weights), app.promoted) == (25, True, "app:2")
    assert traffic.summary().failed == []
    found = "in phase Progressing, 25% of the traffic to the canary: the analysis goes on from there"
    assert taken_over(app) == [f"Taking over app.{app.namespace} {found}"]

    forget = {f"serinus.dev/{name}": None for name in ("state", "history")}
    app.kube.patch(CANARIES, app.namespace, "app", {"metadata": {"annotations": forget}})
    app.kube.patch(CANARIES, app.namespace, "app", {"status": {"phase": "Initializing"}}, subresource="status")
    before = app.deployment()["metadata"]["generation"], app.route()["spec"]
    with flagger(app, tmp_path / "second.log") as until:
        until({"phase": "Initialized"})
        assert (app.deployment()["metadata"]["generation"], app.route()["spec"]) == before
        app.push("3")
        until({"phase": "Progressing", "canaryWeight": 25})


def test_who_is_pinned_by_flagger_stays_pinned(app: App, tmp_path: Path) -> None:
    """A client with the cookie that Flagger's routes have set gets to the canary at each weight of ours."""
    app.deploy("1")
    app.canary({"maxWeight": 60, "stepWeight": 20, "sessionAffinity": {"cookieName": "seen"}})
    with flagger(app, tmp_path / "flagger.log") as until:
        until({"phase": "Initialized"})
        app.serves_only("1")
        app.push("2")
        until({"phase": "Progressing", "canaryWeight": 20})
        cookie = str(app.status["sessionAffinityCookie"])
    app.until("Progressing", 60)
    assert app.status["sessionAffinityCookie"] == cookie
    app.serves_only("2", cookie=cookie)
    assert len(taken_over(app)) == 1
