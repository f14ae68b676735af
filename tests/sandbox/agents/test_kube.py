"""The agents' client, and their copies of the cluster's objects."""

import base64
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from handlers.sandbox.api.cluster import Cluster
from handlers.sandbox.api.server import Server
from handlers.sandbox.informer import Informer
from handlers.sandbox.kube import PODS, SERVICES, ApiError, Kube, Resource, resource_of
from handlers.sandbox.process import wait_for


def a_service(name: str) -> dict[str, Any]:
    """A Service in the default namespace."""
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"port": 80}]}}


def names(informer: Informer) -> list[str]:
    """What the informer knows."""
    return [thing["metadata"]["name"] for thing in informer.objects()]


def test_paths() -> None:
    """Core kinds live under /api, all others under /apis; a namespace and a subresource are optional."""
    assert PODS.path() == "/api/v1/pods"
    assert PODS.path("test", "app", "status") == "/api/v1/namespaces/test/pods/app/status"
    assert Resource("apps/v1", "deployments").path("test") == "/apis/apps/v1/namespaces/test/deployments"


@pytest.mark.parametrize(
    ("kind", "plural"), [("Pod", "pods"), ("Canary", "canaries"), ("Gateway", "gateways"), ("DaemonSet", "daemonsets")]
)
def test_kinds_have_plurals(kind: str, plural: str) -> None:
    """The usual rule of English does for all kinds here."""
    assert resource_of({"apiVersion": "v1", "kind": kind}) == Resource("v1", plural)


def test_an_informer_follows_changes() -> None:
    """What is created, changed and deleted is seen, and listeners are told."""
    with Server(Cluster()) as server:
        kube = Kube(server.url)
        informer, changed = Informer(kube, SERVICES), threading.Event()
        informer.notify(changed)
        informer.start()
        assert informer.synced(10)
        kube.create(SERVICES, a_service("one"))
        wait_for(lambda: names(informer) == ["one"], "the new object is seen", 30)
        assert changed.is_set()
        kube.delete(SERVICES, "default", "one")
        wait_for(lambda: names(informer) == [], "the deletion is seen", 30)
        informer.stop()


def test_an_informer_lists_anew_when_its_version_is_gone() -> None:
    """After a cut during which the server has forgotten its log (410 Gone), nothing is missed."""
    cluster = Cluster(log_size=2)
    with Server(cluster) as first:
        kube, port = Kube(first.url), first.port
        kube.create(SERVICES, a_service("old"))
        informer = Informer(kube, SERVICES)
        informer.start()
        wait_for(lambda: names(informer) == ["old"], "the first list", 30)
    cluster.call("DELETE", SERVICES.path("default", "old"))
    for number in range(5):
        cluster.call("POST", SERVICES.path("default"), a_service(f"new{number}"))
    with Server(cluster, port=port):
        with pytest.raises(ApiError) as error:
            list(kube.watch(SERVICES, "1", 1))
        assert error.value.status == 410
        wait_for(lambda: names(informer) == [f"new{number}" for number in range(5)], "the new list", 30)
        informer.stop()


def test_an_older_event_does_not_undo_our_own_write() -> None:
    """The answer to a write counts until something newer comes."""
    informer = Informer(Kube("http://127.0.0.1:1"), SERVICES)
    newer, older = a_service("one"), a_service("one")
    newer["metadata"]["resourceVersion"], older["metadata"]["resourceVersion"] = "7", "5"
    informer.put(newer)
    informer.put(older)
    assert informer.find("default", "one") is newer


def test_a_server_out_of_reach_is_an_api_error() -> None:
    """Agents wait and try again on this one kind of error."""
    with pytest.raises(ApiError) as error:
        Kube("http://127.0.0.1:1").list(PODS)
    assert error.value.status == 0


def test_a_kubeconfig_gives_server_and_token(tmp_path: Path) -> None:
    """The token of the current context's user is sent, and a wrong one is refused."""
    cluster = Cluster()
    with Server(cluster, authenticate=True) as server:
        path = server.write_kubeconfig(tmp_path / "kubeconfig", token="made-up")
        with pytest.raises(ApiError) as error:
            Kube.from_kubeconfig(path).list(PODS)
        assert error.value.status == 401


def test_a_kubeconfig_with_https_is_read(tmp_path: Path) -> None:
    """Skipping verification is taken over, and a CA that is none is an error at once."""
    entry = {"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": True}
    config = {
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "b"}}],
        "clusters": [{"name": "b", "cluster": entry}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(ApiError):
        Kube.from_kubeconfig(path).list(PODS)
    entry["certificate-authority-data"] = base64.b64encode(b"nonsense").decode()
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(ssl.SSLError):
        Kube.from_kubeconfig(path)
