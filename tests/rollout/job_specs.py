"""Specs of Jobs as webhooks bring them, and what is made of them."""

import base64
import json
from typing import Any

from handlers.rollout.jobs.job import Wanted, manifest, of_base64
from handlers.rollout.objects import Object
from handlers.rollout.spec import canary as canaries
from handlers.rollout.spec.canary import Canary
from tests.lab import a_canary

CONTAINER: dict[str, Any] = {"name": "migrate", "image": "ghcr.io/shop/migrate:2", "command": ["migrate", "expand"]}
ASKED = Wanted(name="expand", revision="1-abc", spec="unused", template="")
IMAGES = ("ghcr.io/shop",)


def a_job_spec(pod: dict[str, Any] | None = None, /, *, container: dict[str, Any] | None = None, **spec: Any) -> Object:
    """The spec of a Job with one container."""
    inside = {"containers": [{**CONTAINER, **(container or {})}], "restartPolicy": "OnFailure", **(pod or {})}
    return {"template": {"spec": inside}, **spec}


def encoded(document: Any) -> str:
    """As it stands in a Canary."""
    return base64.b64encode(json.dumps(document).encode()).decode()


def canary(uid: str = "uid-1", name: str = "app") -> Canary:
    """A Canary as read."""
    obj = a_canary()
    return canaries.parse({**obj, "metadata": {"namespace": "shop", "name": name, "uid": uid}})


def made(document: Any, images: tuple[str, ...] = IMAGES) -> Any:
    """The Job that comes of it."""
    job, rules = of_base64(encoded(document), "shop", images)
    return manifest(canary(), ASKED, job, rules)


SECRET_REF = {"secretKeyRef": {"name": "db", "key": "password"}}
