"""Argo CD and a PingSource, as they send: the same requests, with the token of each."""

import hashlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import urllib3

from handlers.events.event import PING, SYNCED
from handlers.sandbox.demo.story import APP, IMAGE, NAMESPACE
from handlers.sandbox.process import http
from handlers.wiring import now

TICK_SECONDS = 10
"""Between two ticks, before it is scaled: the schedule of knative/default/ticks.yaml."""
TIMEOUT = 30
DONE = 204

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends events to the handlers with a token of its own; `note` is told of every answer but 204."""

    url: str
    token: str = field(repr=False)
    note: Note

    def send(self, what: str, headers: Mapping[str, str], body: bytes) -> None:
        """Send one event, once: what is lost is healed by the next tick."""
        signed = {**headers, "Authorization": f"Bearer {self.token}"}
        try:
            answer = http.request("POST", self.url, body=body, headers=signed, timeout=TIMEOUT)
        except urllib3.exceptions.HTTPError as error:
            self.note(f"{what}: {error}")
            return
        if answer.status != DONE:
            self.note(f"{what} answered {answer.status} {answer.data.decode(errors='replace').strip()[:80]}")


class Ticks:
    """A clock that sends a tick every so many seconds until it is stopped."""

    def __init__(self, sender: Sender, seconds: float) -> None:
        self._sender = sender
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticks", daemon=True)

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def stop(self) -> None:
        """Tick no more; returns when the tick under way is answered."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(TIMEOUT)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            self._sender.send("tick", *ping())
            due = max(due + self._seconds, time.monotonic())
            self._stop.wait(due - time.monotonic())


def ping() -> tuple[Mapping[str, str], bytes]:
    """A PingSource's request: a binary CloudEvent (knative.dev/eventing, cmd/mtping)."""
    headers = {
        "User-Agent": "Go-http-client/1.1",
        "Ce-Id": str(uuid.uuid4()),
        "Ce-Source": "/apis/v1/namespaces/serinus/pingsources/serinus",
        "Ce-Specversion": "1.0",
        "Ce-Time": now().isoformat().replace("+00:00", "Z"),
        "Ce-Type": PING,
        "Content-Type": "application/json",
    }
    return headers, b"{}"


def synced(tag: str, at: datetime) -> tuple[Mapping[str, str], bytes]:
    """Argo CD's notification as knative/argocd/notifications-cm.yaml makes it: a structured CloudEvent."""
    moment = at.isoformat(timespec="seconds").replace("+00:00", "Z")
    commit = hashlib.sha1(tag.encode(), usedforsecurity=False).hexdigest()
    data = {
        "revision": commit,
        "revisions": None,
        "images": [f"{IMAGE}:{tag}"],
        "resources": [_resource("apps", "v1", "Deployment", tag), _resource("flagger.app", "v1beta1", "Canary", tag)],
    }
    event = {
        "specversion": "1.0",
        "type": SYNCED,
        "source": f"/argocd/argocd/{APP}",
        "id": f"{uuid.uuid5(uuid.NAMESPACE_DNS, APP)}/{moment}",
        "subject": APP,
        "time": moment,
        "partitionkey": NAMESPACE,
        "datacontenttype": "application/json",
        "data": data,
    }
    headers = {"User-Agent": "Go-http-client/1.1", "Content-Type": "application/cloudevents+json"}
    return headers, json.dumps(event).encode()


def _resource(group: str, version: str, kind: str, tag: str) -> dict[str, Any]:
    found = {"group": group, "version": version, "kind": kind, "namespace": NAMESPACE, "name": APP, "status": "Synced"}
    return found | {"hookPhase": "Running", "syncPhase": "Sync"} | ({"images": [tag]} if kind == "Deployment" else {})


def write_tokens(directory: Path, tokens: Mapping[str, str]) -> None:
    """One file per sender, as a mounted Secret has them."""
    directory.mkdir()
    for sender, token in tokens.items():
        (directory / sender).write_text(f"{token}\n")
