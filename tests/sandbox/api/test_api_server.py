"""Discovery, reviews, authentication, and the HTTP server itself."""

import http.client
import json
import socket
import threading
from pathlib import Path

import pytest
import yaml

from handlers.sandbox.api.cluster import Cluster
from handlers.sandbox.api.reviews import Identity
from handlers.sandbox.api.server import Server
from tests.sandbox.api.client import Api, Json, configmap

REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"


def review(api: Api, token: str, *audiences: str) -> Json:
    """The status of a TokenReview."""
    spec: Json = {"token": token} | ({"audiences": list(audiences)} if audiences else {})
    answer = api.post(REVIEWS, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec})
    assert answer.status == 201
    status: Json = answer.body["status"]
    return status


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/livez"])
def test_health(api: Api, path: str) -> None:
    """The health paths say ok."""
    assert (api.get(path).status, api.get(path).body) == (200, "ok")


def test_version_is_semantic(api: Api) -> None:
    """Clients compare the version of the server."""
    found = api.get("/version").body
    assert found["gitVersion"].startswith("v1.")
    assert all(isinstance(found[name], str) for name in ("major", "minor", "platform", "goVersion"))


def test_discovery_lists_groups_and_resources(api: Api, widget_group: str) -> None:
    """/api, /apis, /apis/GROUP and /apis/GROUP/VERSION fit together."""
    assert api.get("/api").body["versions"] == ["v1"]
    groups = {group["name"]: group for group in api.get("/apis").body["groups"]}
    assert {"apps", "batch", "flagger.app", "networking.istio.io", widget_group} <= set(groups)
    assert api.get("/apis/networking.istio.io").body["preferredVersion"]["version"] == "v1"
    rows = {row["name"]: row for row in api.get("/apis/apps/v1").body["resources"]}
    assert rows["deployments"]["shortNames"] == ["deploy"]
    assert rows["deployments/scale"]["kind"] == "Scale"
    assert rows["deployments/status"]["verbs"] == ["get", "patch", "update"]
    served = api.get(f"/apis/{widget_group}/v1").body["resources"]
    assert {row["name"] for row in served} == {"widgets", "widgets/status"}


def test_methods_that_are_not_there_are_405(api: Api, configmaps: str) -> None:
    """PUT to a collection, POST to an object."""
    for answer in (api.put(configmaps, configmap("a")), api.post(f"{configmaps}/a", configmap("a"))):
        assert (answer.status, answer.body["reason"]) == (405, "MethodNotAllowed")


def test_an_unknown_token_is_not_authenticated(api: Api) -> None:
    """TokenReview of nonsense says so in its status."""
    status = review(api, "nonsense", "serinus")
    assert "authenticated" not in status
    assert "invalid bearer token" in status["error"]


def test_a_token_is_reviewed_for_its_audiences(server: Server, api: Api, embedded: None) -> None:
    """A token is good for the audiences that both sides name, and for the API server if none is asked for."""
    del embedded
    server.cluster.tokens["t1"] = Identity(username="system:serviceaccount:a:b", audiences=("serinus", "other"))
    server.cluster.tokens["t2"] = Identity(username="admin")
    status = review(api, "t1", "serinus", "unknown")
    assert status["authenticated"] is True
    assert status["user"]["username"] == "system:serviceaccount:a:b"
    assert status["audiences"] == ["serinus"]
    assert "authenticated" not in review(api, "t1", "stranger")
    assert "authenticated" not in review(api, "t1")
    assert review(api, "t2")["authenticated"] is True


def test_a_requested_token_can_be_reviewed(api: Api, namespace: str, embedded: None) -> None:
    """TokenRequest makes a token of the service account for the audiences asked for."""
    del embedded
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    api.post(path, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "runner"}})
    made = api.post(f"{path}/runner/token", {"spec": {"audiences": ["serinus"]}})
    status = review(api, made.body["status"]["token"], "serinus")
    assert status["user"]["username"] == f"system:serviceaccount:{namespace}:runner"


def test_access_reviews_say_yes_to_an_administrator(api: Api) -> None:
    """kubectl auth can-i."""
    spec = {"resourceAttributes": {"verb": "get", "resource": "pods"}}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
    answer = api.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
    assert answer.body["status"]["allowed"] is True


def test_a_server_may_ask_for_tokens() -> None:
    """With `authenticate`, a request without a known token is 401."""
    cluster = Cluster()
    cluster.tokens["secret"] = Identity(username="admin")
    with Server(cluster, authenticate=True) as server:
        assert Api(server.url).get("/api/v1/namespaces").status == 401
        assert Api(server.url, "wrong").get("/api/v1/namespaces").status == 401
        assert Api(server.url, "secret").get("/api/v1/namespaces").status == 200


def test_a_kubeconfig_names_the_server(tmp_path: Path) -> None:
    """The file has one context, and is for its owner's eyes."""
    with Server(Cluster()) as server:
        path = server.write_kubeconfig(tmp_path / "config", token="secret", namespace="test")
    config = yaml.safe_load(path.read_text())
    assert config["clusters"][0]["cluster"]["server"] == server.url
    assert config["users"][0]["user"] == {"token": "secret"}
    assert config["contexts"][0]["context"]["namespace"] == "test"
    assert path.stat().st_mode & 0o077 == 0


def test_connections_are_kept_alive() -> None:
    """Many requests go through one connection, and a chunked body is read."""
    with Server(Cluster()) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
        connection.request("GET", "/version")
        assert connection.getresponse().read()
        first = connection.sock
        body = iter([json.dumps(configmap("a")).encode()])
        path = "/api/v1/namespaces/default/configmaps"
        connection.request("POST", path, body=body, headers={"Content-Type": "application/json"}, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, connection.sock) == (201, first)
        answer.read()
        connection.close()


def test_a_watch_sends_its_head_at_once() -> None:
    """Headers come before the first event, so that a quiet watch does not block its client."""
    with Server(Cluster()) as server, socket.create_connection((server.host, server.port), timeout=30) as client:
        client.sendall(b"GET /api/v1/pods?watch=true&resourceVersion=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")


def test_stopping_ends_open_watches() -> None:
    """A client that watches sees the end of the stream when the server stops."""
    server = Server(Cluster()).start()
    with socket.create_connection((server.host, server.port), timeout=30) as client:
        client.sendall(b"GET /api/v1/pods?watch=true&resourceVersion=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(4096)
        server.stop()
        rest = b""
        while part := client.recv(4096):
            rest += part
        assert rest in (b"", b"0\r\n\r\n")


def test_a_client_that_leaves_frees_its_watch() -> None:
    """The thread of a watch ends soon after its client has gone."""
    with Server(Cluster()) as server:
        before = set(threading.enumerate())
        client = socket.create_connection((server.host, server.port), timeout=30)
        client.sendall(b"GET /api/v1/pods?watch=true&resourceVersion=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(4096)
        (watching,) = set(threading.enumerate()) - before
        client.close()
        watching.join(timeout=30)
        assert not watching.is_alive()
