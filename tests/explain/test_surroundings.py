"""What stands beside a Canary, in its files or in a cluster, and would have it refused."""

from collections.abc import Mapping
from typing import Any

import pytest

from handlers.explain.lint import lint
from handlers.explain.surroundings import Surroundings
from handlers.rollout.objects import (
    CANARY,
    DAEMONSET,
    DEPLOYMENT,
    SERVICE,
    STATEFUL_SET,
    VIRTUAL_SERVICE,
    Kind,
    Object,
    Ref,
)
from handlers.rollout.objects.ownership import KEEPER
from handlers.rollout.state import STATE
from tests.explain.test_lint import ERRORS
from tests.lab import a_canary, a_daemonset, a_deployment

KINDS = {kind.name: kind for kind in (CANARY, DEPLOYMENT, DAEMONSET, STATEFUL_SET, SERVICE, VIRTUAL_SERVICE)}
UID = "u-1"
OWNER = {"kind": "Canary", "name": "app", "uid": UID}


def at(*objects: dict[str, Any]) -> dict[Ref, Object]:
    """Objects by where they live."""
    return {_ref(KINDS[obj["kind"]], obj): obj for obj in objects}


def _ref(kind: Kind, obj: Mapping[str, Any]) -> Ref:
    return Ref(kind, obj["metadata"]["namespace"], obj["metadata"]["name"])


def named(obj: dict[str, Any], name: str, **meta: Any) -> dict[str, Any]:
    """An object by another name."""
    return {**obj, "metadata": {**obj["metadata"], "name": name, **meta}}


def canary(name: str = "app", target: str = "app", kind: str = "Deployment", apex: str = "") -> dict[str, Any]:
    """A Canary of this name, target and Service."""
    reference = {"apiVersion": "v1" if kind == "Service" else "apps/v1", "kind": kind, "name": target}
    return named(a_canary(service={"name": apex} if apex else {}, targetRef=reference), name)


def workload(name: str = "app", labels: Mapping[str, str] | None = None, kind: str = "Deployment") -> dict[str, Any]:
    """A workload that selects its pods by all of their labels."""
    chosen = dict(labels or {"app": name})
    spec = {**a_deployment()["spec"], "selector": {"matchLabels": chosen}}
    spec["template"] = {**spec["template"], "metadata": {"labels": chosen}}
    return {**named(a_deployment(), name), "kind": kind, "spec": spec}


def service(name: str = "app", selector: Mapping[str, str] | None = None, **meta: Any) -> dict[str, Any]:
    """A Service with the port of the Canary."""
    spec = {"selector": dict(selector or {"app": "app"}), "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    made = {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "shop"}, "spec": spec}
    return named(made, name, **meta)


def primary(**meta: Any) -> dict[str, Any]:
    """The primary of the Deployment app."""
    return named(workload("app-primary"), "app-primary", **meta)


def moved(identity: str, phase: str = "Succeeded", **meta: Any) -> dict[str, Any]:
    """The Canary app of the cluster, about this target and Service."""
    state = f'{{"schema":1,"seq":9,"phase":"{phase}","rest":"Succeeded","identity":"{identity}"}}'
    return named(canary(), "app", uid=UID, annotations={STATE: state}, **meta)


STATEFUL = workload("database", {"app": "app", "tier": "data"}, "StatefulSet")
"""What a Service of the Deployment app would lead to as well."""


def errors(obj: dict[str, Any], *files: dict[str, Any], cluster: Mapping[Ref, Object] | None = None) -> list[str]:
    """What is said of a Canary that is the last of its files."""
    return list(lint(obj, {}, around=Surroundings(files=at(*files, obj), cluster=cluster)).errors)


@pytest.mark.parametrize(
    ("obj", "files", "error"),
    [
        pytest.param(
            canary("second"),
            [canary(), workload(), STATEFUL],
            "spec.targetRef: Deployment shop/app is the target of Canary app as well; name another target, ",
            id="two Canaries with one target",
        ),
        pytest.param(
            canary("second", "other", apex="app"),
            [canary()],
            "spec.service.name: 'app', but Service shop/app is one of the Services of Canary app; name another",
            id="two Canaries with one Service",
        ),
        pytest.param(
            canary("second", "other", apex="app-canary"),
            [canary()],
            "spec.service.name: 'app-canary', but Service shop/app-canary is one of the Services of Canary app",
            id="a Service that another Canary makes",
        ),
        pytest.param(
            canary("second", "app-primary"),
            [canary()],
            "spec.targetRef: Deployment shop/app-primary is what Canary app makes of its target app; name the workload",
            id="the primary of another Canary as target",
        ),
        pytest.param(
            canary("second"),
            [canary("first", "app-primary")],
            "spec.targetRef: Deployment shop/app, whose primary is Deployment shop/app-primary, and that is the target",
            id="a primary that is another Canary's target",
        ),
        pytest.param(
            canary(),
            [workload("app", {"app": "app"}), workload("worker", {"app": "app", "tier": "back"})],
            "spec.targetRef: a Service for Deployment shop/app would lead to pods of Deployment shop/worker as well",
            id="labels that overlap",
        ),
        pytest.param(
            canary(),
            [workload(), STATEFUL],
            "spec.targetRef: a Service for Deployment shop/app would lead to pods of StatefulSet shop/database as well",
            id="labels of a StatefulSet that overlap",
        ),
        pytest.param(
            canary(),
            [workload("app", {"component": "app"})],
            "spec.targetRef: Deployment shop/app selects its pods by ['component']; spec.selector.matchLabels must",
            id="no accepted label",
        ),
        pytest.param(
            canary(),
            [workload(), service(selector={"app": "else"})],
            "spec.service.name: 'app', but Service shop/app, which is there already, selects {'app': 'else'}, and not",
            id="a Service that contradicts",
        ),
        pytest.param(
            canary(kind="DaemonSet"),
            [a_daemonset(updateStrategy={"type": "OnDelete"})],
            "spec.targetRef: DaemonSet shop/app must have RollingUpdate strategy but have OnDelete",
            id="a DaemonSet whose pods nobody replaces",
        ),
        pytest.param(
            canary("second"),
            [workload(), primary(ownerReferences=[{**OWNER, "uid": "u-2"}])],
            "spec.targetRef: Deployment shop/app belongs to Canary app already, whose primary app-primary is; ",
            id="a primary that another Canary has made",
        ),
    ],
)
def test_what_the_files_contradict_is_an_error(obj: dict[str, Any], files: list[dict[str, Any]], error: str) -> None:
    """One sentence says what is wrong, with the field, and both objects."""
    [said] = errors(obj, *files)
    assert said.startswith(error)


@pytest.mark.parametrize(
    ("obj", "files"),
    [
        pytest.param(canary(), [workload(), service(), workload("other")], id="an app beside another"),
        pytest.param(canary("second", "other"), [canary(), workload(), workload("other")], id="another Canary"),
        pytest.param(canary("second", kind="DaemonSet", apex="other"), [canary()], id="another kind of target"),
        pytest.param(
            canary(), [{**canary("bad"), "spec": {"targetRef": "no", "service": []}}], id="a Canary that is not valid"
        ),
        pytest.param(canary(), [named(canary("first"), "first", namespace="other")], id="in another namespace"),
        pytest.param(
            canary(),
            [workload(), named(workload("worker", {"app": "app"}), "worker", namespace="else")],
            id="pods elsewhere",
        ),
        pytest.param(
            canary(), [workload(), service(selector={"app": "app-primary"}, ownerReferences=[OWNER])], id="its own"
        ),
        pytest.param(canary(kind="Service"), [service()], id="a Service as the target"),
    ],
)
def test_what_goes_together_is_no_error(obj: dict[str, Any], files: list[dict[str, Any]]) -> None:
    """Nothing is said of what the handlers take."""
    assert errors(obj, *files) == []


def test_the_first_of_two_canaries_may_have_the_target() -> None:
    """It is said of the second in the files, and of the first nothing."""
    first, second = canary(), canary("second")
    around = Surroundings(files=at(first, second))
    assert lint(first, {}, around=around).errors == ()
    assert len(lint(second, {}, around=around).errors) == 1


@pytest.mark.parametrize(
    ("there", "error"),
    [
        pytest.param([canary("first")], "spec.targetRef: Deployment shop/app is the target of", id="another Canary"),
        pytest.param([STATEFUL], "spec.targetRef: a Service for", id="a stranger"),
        pytest.param(
            [moved("deployments/app|old"), workload("worker", {"app": "app"})],
            "spec.targetRef: a Service for Deployment shop/app would lead to pods of Deployment shop/worker as well",
            id="a stranger where it moves to",
        ),
        pytest.param(
            [moved("deployments/old|app"), service(selector={"app": "else"})],
            "spec.service.name: 'app', but Service shop/app, which is there already, selects",
            id="a Service that contradicts where it moves to",
        ),
        pytest.param(
            [moved("services/app|app")],
            "spec.targetRef: Deployment shop/app, and this Canary is about Service shop/app: traffic cannot move",
            id="a move that there is not",
        ),
        pytest.param(
            [named(canary(), "app", annotations={STATE: "{"})],
            "metadata.annotations[serinus.dev/state]: cannot be read",
            id="a state that cannot be read",
        ),
        pytest.param(
            [canary("first"), primary(annotations={KEEPER: "first"})],
            "spec.targetRef: Deployment shop/app belongs to Canary first already",
            id="a primary that another Canary has taken over",
        ),
    ],
)
def test_what_the_cluster_contradicts_is_an_error(there: list[dict[str, Any]], error: str) -> None:
    """The manifests are taken as if they were applied."""
    [said] = errors(canary(), workload(), cluster=at(*there))
    assert said.startswith(error)


OLD = moved("deployments/app|app")
STRANGE = service(selector={"app": "else"})


@pytest.mark.parametrize(
    "there",
    [
        pytest.param([OLD, primary(ownerReferences=[OWNER]), canary("late")], id="another Canary came later"),
        pytest.param([OLD, primary(annotations={KEEPER: "app"}), canary("late")], id="its primary was there before"),
        pytest.param([OLD, service(selector={"app": "else"}, annotations={KEEPER: "app"})], id="it has adopted that"),
        pytest.param(
            [{**canary("first"), "spec": {"targetRef": "no"}}, primary(annotations={KEEPER: "first"})],
            id="who has kept its primary names nothing",
        ),
        pytest.param([OLD, STRANGE], id="it is at rest, and puts that right"),
        pytest.param([{**canary(), "status": {"phase": "Succeeded"}}, STRANGE], id="Flagger has had it"),
        pytest.param(
            [moved("deployments/app|app", "Initializing"), primary(ownerReferences=[OWNER]), STRANGE],
            id="its primary is being made",
        ),
        pytest.param(
            [moved("deployments/old|app"), workload("old", {"app": "app", "v": "1"})], id="what it moves away from"
        ),
        pytest.param([moved("deployments/app|app", deletionTimestamp="2026-11-23T12:00:00Z"), STATEFUL], id="it goes"),
        pytest.param([workload("app", {"app": "app"}), moved("deployments/old|app")], id="it moves, and may"),
    ],
)
def test_what_the_cluster_allows_is_no_error(there: list[dict[str, Any]]) -> None:
    """What the Canary has already is its own, and what there is of it counts."""
    assert errors(canary(), workload(), cluster=at(*there)) == []


def test_where_a_canary_moves_to_has_to_be_there() -> None:
    """In a cluster it is an error if the new target is nowhere, and for a new Canary a warning; of files nothing."""
    missing = "spec.targetRef: Deployment shop/app"
    [said] = errors(canary(), cluster=at(moved("deployments/old|app")))
    assert said == f"{missing} does not exist; make it, or name another"
    new = lint(canary(), {}, around=Surroundings(cluster={}))
    assert (new.errors, new.warnings) == ((), (f"{missing} is not in these files or in the cluster",))
    assert lint(canary(), {}).warnings == ()
    assert errors(moved("deployments/old|app")) == []


def test_a_template_is_looked_for_in_the_cluster_too() -> None:
    """The warning says where it was looked for."""
    around = Surroundings(files=at(workload()), cluster={})
    [said] = lint(a_canary(analysis={"metrics": [ERRORS]}), {}, around=around).warnings
    assert "the MetricTemplate shop/errors is not in these files or in the cluster" in said


def test_an_applied_manifest_counts() -> None:
    """A workload that the files change is taken as they say, and not as it is in the cluster."""
    worker = workload("worker", {"app": "app"})
    assert errors(canary(), workload(), workload("worker"), cluster=at(worker)) == []
    assert len(errors(canary(), workload(), cluster=at(worker))) == 1


def test_the_accepted_labels_are_those_of_the_setting() -> None:
    """A target that has another one's label is refused, as by the handlers."""
    around = Surroundings(files=at(workload()), accepted=("tier",))
    [said] = lint(canary(), {}, around=around).errors
    assert "spec.selector.matchLabels must contain one of tier" in said
