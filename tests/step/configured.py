"""A lab whose target reads a ConfigMap and a Secret."""

from collections.abc import Mapping
from typing import Any

from tests.lab import Lab, a_canary, a_config, a_deployment, new_lab
from tests.protocol.harness import finish

MAP, SECRET = "v1/configmaps/app-config", "v1/secrets/app-secret"
HIDDEN = "aHVudGVyMg=="
READS = [{"configMapRef": {"name": "app-config"}}, {"secretRef": {"name": "app-secret"}}]


def configured(*reads: Mapping[str, Any], **made: Any) -> Lab:
    """A lab whose target reads configs; both of the usual ones are there."""
    deployment = a_deployment()
    deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"] = list(reads or READS)
    lab = new_lab(a_canary(), deployment)
    a_config(lab, "app-config", {"k": "a"}, **made)
    a_config(lab, "app-secret", {"k": HIDDEN}, "Secret")
    return lab


def at_rest(lab: Lab) -> Lab:
    """Initialized, and looked at once more."""
    lab.until("Initialized")
    finish(lab)
    return lab


def changed(lab: Lab, path: str = MAP, value: str = "b") -> Lab:
    """The user changes one of them."""
    lab.edit(path, {"data": {"k": value}})
    return lab


def reads(lab: Lab) -> list[str]:
    """The names that the primary's pods read."""
    container = lab.primary["spec"]["template"]["spec"]["containers"][0]
    return [source["name"] for item in container.get("envFrom", []) for source in item.values()]
