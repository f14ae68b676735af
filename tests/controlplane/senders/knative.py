"""Knative as far as it sends: what ticks for a PingSource, and what delivers for a Trigger, as knative/ has them."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from handlers.sandbox.kube import Object, Resource
from handlers.sandbox.process import Program
from tests.controlplane.control_plane import ADMIN, GO_AT_ONCE
from tests.controlplane.programs import path_of
from tests.controlplane.senders.site import Site
from tests.manifests.files import objects

PING_SOURCES = Resource("sources.knative.dev/v1", "pingsources")
SYSTEM = "knative-eventing"
CONFIGS = ("config-logging", "config-observability")
EVERY_SECOND = "* * * * * *"
AUDIENCE = "serinus"
TICK_ACCOUNT = "serinus-tick-oidc-eventing.knative.dev-trigger"
"""Whose token Knative makes for the Trigger `serinus-tick`."""
LONGEST = 25
"""Seconds that a sender may take, with all that it tries again."""


class PingSource:
    """The PingSource of knative/, but for its schedule; it sends to the handlers in the place of the Broker."""

    def __init__(self, site: Site) -> None:
        (self._source,) = objects("PingSource")
        self.site = site

    def start(self) -> None:
        """Begin to tick: with the status that Knative's controller gives it when all it needs is there."""
        meta = self._source["metadata"]
        spec = {**self._source["spec"], "schedule": EVERY_SECOND}
        self.site.plane.kube.create(PING_SOURCES, {**self._source, "spec": spec})
        status = {
            "observedGeneration": 1,
            "sinkUri": f"{self.site.url}/",
            "sinkAudience": AUDIENCE,
            "auth": {"serviceAccountName": TICK_ACCOUNT},
            "conditions": [{"type": kind, "status": "True"} for kind in ("Ready", "SinkProvided", "Deployed")],
        }
        self.site.plane.kube.patch(PING_SOURCES, meta["namespace"], meta["name"], {"status": status}, "status")

    def stop(self) -> None:
        """Tick no more."""
        meta = self._source["metadata"]
        self.site.plane.kube.delete(PING_SOURCES, meta["namespace"], meta["name"])


@contextmanager
def ping_source_adapter(site: Site) -> Iterator[PingSource]:
    """The adapter that ticks for all PingSources, with its leader election."""
    site.define("knative.dev/eventing", "PingSource")
    site.sandbox.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
    for name in CONFIGS:
        site.sandbox.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": SYSTEM}})
    account(site, TICK_ACCOUNT)
    environ = {
        **os.environ,
        "KUBECONFIG": str(site.plane.kubeconfig(ADMIN)),
        "SYSTEM_NAMESPACE": SYSTEM,
        "NAMESPACE": SYSTEM,
        "POD_NAME": "pingsource-mt-adapter",
        "K_SINK_TIMEOUT": "-1",  # as it is deployed
        "PROFILING_PORT": "none",  # its profiles are off, but nothing else keeps their port closed
    }
    program = Program([str(path_of("mtping"))], site.directory / "mtping.log", environ)
    try:
        yield PingSource(site)
    finally:
        program.stop(GO_AT_ONCE)


def account(site: Site, name: str) -> None:
    """A service account in the namespace of the handlers."""
    meta = {"name": name, "namespace": "serinus"}
    site.sandbox.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})


def trigger_accounts(site: Site) -> None:
    """The service accounts that Knative makes for the Triggers of knative/ when OIDC is enabled."""
    for trigger in objects("Trigger"):
        account(site, account_of(trigger))


def trigger_for(kind: str) -> Object:
    """The Trigger of knative/ for events of a type."""
    (found,) = (one for one in objects("Trigger") if one["spec"]["filter"]["attributes"]["type"] == kind)
    return found


def account_of(trigger: Object) -> str:
    """The service account of a Trigger, as Knative names it (knative.dev/eventing, pkg/auth/serviceaccount.go)."""
    return f"{trigger['metadata']['name']}-oidc-eventing.knative.dev-trigger"


def deliver(site: Site, event: Mapping[str, Any], *, anonymous: bool = False) -> int:
    """Deliver an event as the Trigger for its type does, with its token and its retries; the last answer."""
    trigger = trigger_for(event["type"])
    flags = [f"-delivery={json.dumps(trigger['spec']['delivery'])}"]
    if not anonymous:
        meta, subscriber = trigger["metadata"], trigger["spec"]["subscriber"]
        flags += [f"-serviceaccount={meta['namespace']}/{account_of(trigger)}", f"-audience={subscriber['audience']}"]
    environ = {**os.environ, "KUBECONFIG": str(site.plane.kubeconfig(ADMIN))}
    command = [str(path_of("deliver")), *flags, f"{site.url}/"]
    return int(_run(command, json.dumps(event), environ))


def send(site: Site, event: Mapping[str, Any], *, token: str = "", structured: bool = False, retries: int = 0) -> None:
    """Send an event with the Go SDK for CloudEvents, whatever the answer is."""
    flags = [f"-retries={retries}"] + (["-structured"] if structured else []) + ([f"-token={token}"] if token else [])
    if "partitionkey" in event:
        flags.append(f"-partitionkey={event['partitionkey']}")
    command = [str(path_of("ce-send")), *flags, f"{site.url}/", event["id"], event["type"], event["source"]]
    _run(command, json.dumps(event["data"]), os.environ)


def _run(command: list[str], stdin: str, environ: Mapping[str, str]) -> str:
    done = subprocess.run(  # noqa: S603  a program of ours
        command, input=stdin, env=environ, capture_output=True, text=True, check=False, timeout=LONGEST
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout
