"""`serinus lint --cluster`: manifests against what a cluster has, and of several objects in files."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handlers.cli import main
from handlers.commands.beside import in_cluster
from handlers.errors import Forbidden
from handlers.rollout.freeze import FREEZE
from handlers.rollout.objects import DEPLOYMENT, SERVICE, STATEFUL_SET, Ref
from handlers.sandbox.api.server import Server
from tests.commands.test_lint import written
from tests.explain.test_lint import ERRORS, TEMPLATE
from tests.lab import Lab, a_canary, a_deployment, at, new_lab

NAMESPACES = "/api/v1/namespaces"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A canary in the middle of a run, on an API server that KUBECONFIG names, whose context is in shop."""
    found = at(new_lab(), "Progressing", 20)
    with Server(found.api) as server:
        monkeypatch.setenv("KUBECONFIG", str(server.write_kubeconfig(tmp_path / "config", namespace="shop")))
        yield found


def another(name: str = "another", **spec: Any) -> dict[str, Any]:
    """A second Canary, whose manifest names no namespace."""
    return {**a_canary(**spec), "metadata": {"name": name}}


def a_workload(kind: str, name: str, **labels: str) -> dict[str, Any]:
    """A workload whose pods have these labels."""
    made = a_deployment()
    spec = {**made["spec"], "selector": {"matchLabels": labels}}
    spec["template"] = {**spec["template"], "metadata": {"labels": labels}}
    return {**made, "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec}


def test_what_runs_has_nothing_against_it(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The manifest of a Canary that the cluster has is taken with its state; nothing is written."""
    before = lab.api.store.revision
    assert main(["lint", "--cluster", "--quiet", written(tmp_path / "app.yaml", a_canary())]) == 0
    assert capsys.readouterr().out == ""
    assert lab.api.store.revision == before


def test_what_another_canary_has_is_refused(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second Canary of the target is refused as the handlers will, in the namespace of the context."""
    name = written(tmp_path / "another.yaml", another())
    assert main(["lint", "--cluster", name]) == 1
    error = f"{name}:1: error: spec.targetRef: Deployment shop/app belongs to Canary app already, whose primary"
    assert capsys.readouterr().out.startswith(error)
    assert main(["lint", name]) == 0
    assert lab.phase == "Progressing"


def test_strangers_and_services_of_the_cluster(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both are told in one go: pods that a Service would meet, and a Service that is somebody else's."""
    lab.create(DEPLOYMENT, a_workload("Deployment", "web", app="web"))
    lab.create(STATEFUL_SET, a_workload("StatefulSet", "web-db", app="web", tier="db"))
    ports = [{"port": 80, "targetPort": 9000}]
    body = {"spec": {"selector": {"app": "web"}, "ports": ports}, "metadata": {"name": "web", "namespace": "shop"}}
    lab.create(SERVICE, {"apiVersion": "v1", "kind": "Service", **body})
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    name = written(tmp_path / "web.yaml", another("web", targetRef=target))
    assert main(["lint", "--cluster", name]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert "spec.service.targetPort: 8080, but Service shop/web, which is there already, leads from port 80" in first
    assert "would lead to pods of StatefulSet shop/web-db as well" in second


def test_settings_are_those_of_the_handlers(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`SERINUS_SELECTOR_LABELS` says which label is accepted."""
    lab.create(DEPLOYMENT, a_workload("Deployment", "web", component="web"))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    name = written(tmp_path / "web.yaml", another("web", targetRef=target))
    assert main(["lint", "--cluster", name]) == 1
    assert "selects its pods by ['component']" in capsys.readouterr().out
    monkeypatch.setenv("SERINUS_SELECTOR_LABELS", "component")
    assert main(["lint", "--cluster", name]) == 0


def test_templates_and_freezes_of_the_cluster(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A query is checked that the cluster has, and a frozen namespace is shown."""
    templates = "/apis/flagger.app/v1beta1/namespaces/shop/metrictemplates"
    assert lab.api.call("POST", templates, TEMPLATE).status == 201
    windows = {"metadata": {"annotations": {FREEZE: "0 18 * * 5 62h"}}}
    assert lab.api.call("PATCH", f"{NAMESPACES}/shop", windows).status == 200
    name = written(tmp_path / "app.yaml", a_canary(analysis={"metrics": [ERRORS]}))
    assert main(["lint", "--cluster", name]) == 1
    assert f"{name}:1: error: spec.analysis.metrics[0]: MetricTemplate shop/errors: " in capsys.readouterr().out
    assert main(["lint", "--cluster", written(tmp_path / "app.yaml", a_canary())]) == 0
    assert "frozen in: 0 18 * * 5 62h (serinus.dev/freeze of Namespace shop)" in capsys.readouterr().out
    missing = {**ERRORS, "templateRef": {"name": "nothing"}}
    assert main(["lint", "--cluster", written(tmp_path / "app.yaml", a_canary(analysis={"metrics": [missing]}))]) == 0
    assert "shop/nothing is not in these files or in the cluster" in capsys.readouterr().out
    bad = a_canary(analysis={"threshold": "x"})
    assert main(["lint", "--cluster", written(tmp_path / "app.yaml", bad)]) == 1


def test_a_cluster_out_of_reach_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is an error of the command, for then nothing is known."""
    with Server(new_lab().api) as server:
        monkeypatch.setenv("KUBECONFIG", str(server.write_kubeconfig(tmp_path / "config")))
    assert main(["lint", "--cluster", written(tmp_path / "app.yaml", a_canary())]) == 1
    assert "the API server cannot be asked" in capsys.readouterr().err


def test_two_canaries_of_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What stands in other files counts as well, and it is said of the second."""
    first = written(tmp_path / "first.yaml", a_canary())
    second = written(tmp_path / "second.yaml", {**a_canary(), "metadata": {"name": "second", "namespace": "shop"}})
    assert main(["lint", "--quiet", first, second]) == 1
    assert capsys.readouterr().out.startswith(f"{second}:1: error: spec.targetRef: Deployment shop/app is the target")


def test_freezes_that_may_not_be_read_stop_nothing(lab: Lab) -> None:
    """Who may see what is in a namespace, and not the namespace, gets all the rest."""

    def before(verb: str, path: str) -> None:
        if (verb, path) == ("get", f"{NAMESPACES}/shop"):
            raise Forbidden("get namespaces shop: forbidden")

    found = in_cluster(replace(lab.cluster, before=before), [a_canary()], "istio")
    assert found.namespaces == {}
    assert Ref(DEPLOYMENT, "shop", "app-primary") in found.objects


META = {"name": "app", "namespace": "shop"}


@pytest.mark.parametrize(
    ("obj", "error"),
    [
        (
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": META, "spec": {"template": []}},
            "json: cannot unmarshal array into Go struct field",
        ),
        (
            {"apiVersion": "v1", "kind": "Service", "metadata": META, "spec": {"ports": [{"port": "http"}]}},
            "json: cannot unmarshal string into Go struct field",
        ),
        (
            {
                "apiVersion": "networking.istio.io/v1beta1",
                "kind": "VirtualService",
                "metadata": META,
                "spec": {"hosts": "app"},
            },
            "spec.hosts: ",
        ),
        (
            {
                "apiVersion": "flagger.app/v1beta1",
                "kind": "Canary",
                "metadata": {**META, "name": "bad"},
                "spec": "text",
            },
            "spec: ",
        ),
    ],
    ids=["Deployment", "Service", "VirtualService", "Canary"],
)
def test_an_object_of_another_form_is_told(
    obj: dict[str, Any], error: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An object beside the Canary that the API server would not take is an error, and its Canary is checked."""
    name = written(tmp_path / "app.yaml", obj, a_canary())
    assert main(["lint", "-o", "json", name]) == 1
    other, canary = json.loads(capsys.readouterr().out)
    assert (other["file"], other["name"].split()[-1]) == (f"{name}:1", f"shop/{obj['metadata']['name']}")
    assert error in other["errors"][-1]
    assert canary["errors"] == []
