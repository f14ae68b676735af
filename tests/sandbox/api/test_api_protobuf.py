"""Objects that come as protobuf, as kubectl's typed commands send them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.sandbox.api import protobuf
from handlers.sandbox.api.cluster import Cluster
from handlers.sandbox.api.request import Reply, Request
from tests.sandbox.api.client import Json

SAMPLES = Path(__file__).parents[2] / "samples" / "kubectl"
JOB = (SAMPLES / "create-job.bin").read_bytes()
NEVER = b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09Namespace\x12\x0e\x0a\x0c\x42\x0a\x08" + b"\x80" * 8 + b"\x40"
"""A Namespace that was made 2^62 seconds after 1970."""
JOBS = "/apis/batch/v1/namespaces/shop/jobs"


def a_cluster() -> Cluster:
    """With the namespace of the samples."""
    cluster = Cluster()
    cluster.call("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    return cluster


def sent(cluster: Cluster, path: str, body: bytes) -> Reply:
    """The answer to a message."""
    return cluster.handle(Request(method="POST", path=path, body=body, content_type=protobuf.CONTENT_TYPE))


def test_what_comes_as_protobuf_is_what_would_have_come_as_json() -> None:
    """A Job that kubectl has made of a CronJob has its template: lists, maps, numbers, quantities, what is nested."""
    cluster = a_cluster()
    cron: Json = json.loads((SAMPLES / "cronjob.json").read_text())
    kept = cluster.call("POST", "/apis/batch/v1/namespaces/shop/cronjobs", cron).json()
    made = sent(cluster, JOBS, JOB)
    assert made.status == 201, made.body
    wanted, template = kept["spec"]["jobTemplate"]["spec"]["template"], made.json()["spec"]["template"]
    assert template["spec"] == wanted["spec"]
    assert wanted["metadata"]["labels"].items() <= template["metadata"]["labels"].items()
    assert template["metadata"]["annotations"] == wanted["metadata"]["annotations"]
    (owner,) = made.json()["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["controller"]) == ("CronJob", True)


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        pytest.param(JOBS, JOB[4:], "does not begin with k8s", id="no magic"),
        pytest.param(JOBS, JOB[:-1], "cut short", id="half of it"),
        pytest.param(JOBS, b"k8s\0" + b"\x0a\x04\x0a\x02v1", "no kind '' in version 'v1'", id="no kind"),
        pytest.param("/api/v1/namespaces", NEVER, "there is no such time", id="no time"),
        pytest.param("/api/v1/namespaces/shop/pods", JOB, "does not match the expected API version", id="elsewhere"),
    ],
)
def test_what_cannot_be_read_is_a_bad_request(path: str, body: bytes, says: str) -> None:
    """The answer says what is wrong with it."""
    reply = sent(a_cluster(), path, body)
    assert reply.status == 400
    assert says in reply.json()["message"]


@given(st.binary(max_size=64) | st.integers(5, len(JOB)).map(lambda end: JOB[4:end]), st.binary(max_size=4))
def test_no_message_is_more_than_refused(body: bytes, more: bytes) -> None:
    """Whatever bytes come: an object, or a ValueError."""
    try:
        found = protobuf.decoded(b"k8s\0" + body + more)
    except ValueError:
        return
    assert found["kind"]
