"""Argo CD as far as it tells of syncs: its notifications controller, and Applications whose status a test writes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import yaml

from handlers.sandbox.kube import SECRETS, Object, Resource, timestamp
from handlers.sandbox.process import Program
from tests.controlplane.control_plane import ADMIN, GO_AT_ONCE
from tests.controlplane.programs import path_of
from tests.controlplane.senders.site import Site
from tests.manifests.files import objects

APPLICATIONS = Resource("argoproj.io/v1alpha1", "applications")
NAMESPACE = "argocd"
SECRET = "argocd-notifications-secret"


class ArgoCD:
    """With the configuration of knative/argocd, but for the URL."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.kube = site.plane.kube

    def prepare(self) -> None:
        """Its namespace, its ConfigMap with our service, template and trigger, and its Secret."""
        self.site.define("github.com/argoproj/argo-cd/v3", "Application")
        (config,) = (one for one in objects("ConfigMap") if one["metadata"]["name"] == "argocd-notifications-cm")
        service = yaml.safe_load(config["data"]["service.webhook.serinus"]) | {"url": f"{self.site.url}/"}
        config = deepcopy(config)
        config["data"]["service.webhook.serinus"] = yaml.safe_dump(service)
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET, "namespace": NAMESPACE}}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        self.site.sandbox.apply(namespace, config, secret)
        self.token(self.site.handlers.tokens["argocd"])

    def token(self, token: str) -> None:
        """What it says who it is by."""
        self.kube.patch(SECRETS, NAMESPACE, SECRET, {"stringData": {"serinus-token": token}})

    def subscribe(self, name: str) -> None:
        """An Application, subscribed as the example in knative/argocd is."""
        (example,) = objects("Application")
        self.kube.create(APPLICATIONS, {**example, "metadata": {**example["metadata"], "name": name}})

    def sync(self, name: str, *resources: Object) -> None:
        """Say of an Application that it has been synced, as Argo CD does: running, succeeded, reconciled."""
        began = timestamp()
        operation = {"operation": {"sync": {}}, "phase": "Running", "startedAt": began}
        self._status(name, {"operationState": operation})
        result = {"revision": "5b2d1f0c9a7e4c3db8f6a1e2d3c4b5a697887766", "resources": list(resources)}
        finished = {"phase": "Succeeded", "finishedAt": timestamp(), "syncResult": result}
        self._status(name, {"operationState": finished, "reconciledAt": timestamp(), "summary": {"images": ["app:2"]}})

    def touch(self, name: str) -> None:
        """Any other change of an Application."""
        self.kube.patch(APPLICATIONS, NAMESPACE, name, {"metadata": {"annotations": {"touched": timestamp()}}})

    def _status(self, name: str, status: Object) -> None:
        self.kube.patch(APPLICATIONS, NAMESPACE, name, {"status": status})


@contextmanager
def argocd_notifications(site: Site) -> Iterator[ArgoCD]:
    """The controller at work."""
    found = ArgoCD(site)
    found.prepare()
    environ = {**os.environ, "KUBECONFIG": str(site.plane.kubeconfig(ADMIN))}
    program = Program([str(path_of("argocd-notifications"))], site.directory / "argocd.log", environ)
    try:
        yield found
    finally:
        program.stop(GO_AT_ONCE)


def resource(kind: str, namespace: str, name: str, group: str = "") -> Object:
    """One object that has been synced."""
    about = {"group": group, "version": "v1", "kind": kind, "namespace": namespace, "name": name}
    return about | {"status": "Synced", "hookPhase": "Running", "syncPhase": "Sync", "message": f"{name} configured"}
