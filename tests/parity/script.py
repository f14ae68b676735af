"""One server on loopback that plays Prometheus and all webhooks: it answers by script, and keeps what it was asked."""

import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.adapters import loopback
from tests.adapters.loopback import Answer, Asked
from tests.conformance.rows import Row, hook_row
from tests.parity.queries import plain
from tests.parity.scenarios import Scenario

_NAMESPACE = re.compile(r'destination_workload_namespace="([^"]+)"')
_PARTS = {"success": "istio_requests_total", "duration": "istio_request_duration_milliseconds"}
CLOSE = {"Connection": "close", "Content-Type": "application/json"}
"""A connection that is kept may be closed by us just when the next call is sent on it."""


class Script:
    """What each namespace is answered, in order, the last answer for ever; and what it has called."""

    def __init__(self) -> None:
        self.url = ""
        self.hooks: dict[str, list[Row]] = defaultdict(list)
        """Webhook calls of each namespace, as rows."""
        self.answers: dict[str, list[int]] = defaultdict(list)
        """What each of these calls was answered."""
        self.told: dict[str, list[str]] = defaultdict(list)
        """What the webhook for all Canaries' events has heard: `TYPE MESSAGE`."""
        self.queries: dict[str, set[str]] = defaultdict(set)
        """The queries about each namespace, as `queries.plain` writes them."""
        self._answers: dict[tuple[str, str], list[Any]] = {}
        self._lock = threading.Lock()

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """The server, started."""
        script = cls()
        with contextmanager(loopback.serve)() as serve:
            script.url = serve(script.answer).url
            yield script

    @property
    def hooks_url(self) -> str:
        """Below it are the webhooks: `NAMESPACE/NAME`."""
        return f"{self.url}/hooks"

    @property
    def events_url(self) -> str:
        """The webhook for all Canaries' events."""
        return f"{self.url}/events"

    def expect(self, namespace: str, scenario: Scenario) -> None:
        """Answer this namespace as the scenario says."""
        for given in ("metrics", "webhook answers"):
            if isinstance(answers := scenario.given[given], Mapping):
                self._answers |= {(namespace, name): list(values) for name, values in answers.items()}

    def answer(self, asked: Asked) -> Answer:
        """The answer to a request."""
        path = urlsplit(asked.path).path
        with self._lock:
            if path.startswith("/hooks/"):
                return self._hook(*path.split("/")[2:4], body=json.loads(asked.body))
            if path == "/events":
                body = json.loads(asked.body)
                said = body["metadata"]
                self.told[body["namespace"]].append(f"{said['eventType']} {said['eventMessage']}")
                return Answer(headers=CLOSE)
            query = parse_qs(urlsplit(asked.path).query or asked.body.decode()).get("query", [""])[0]
            return self._measure(query)

    def _hook(self, namespace: str, name: str, *, body: Mapping[str, Any]) -> Answer:
        self.hooks[namespace].append(hook_row(name, body))
        status: int = self._next(namespace, name, 200)
        self.answers[namespace].append(status)
        return Answer(status=status, headers=CLOSE)

    def _measure(self, query: str) -> Answer:
        found = _NAMESPACE.search(query)
        namespace = found[1] if found else ""
        if found:
            self.queries[namespace].add(plain(query, namespace))
        value: Any = 1
        for name, part in _PARTS.items():
            if part in query:
                value = self._next(namespace, name, {"success": 100, "duration": 50}[name])
        if value == "500":
            failed = {"status": "error", "errorType": "internal", "error": "boom"}
            return Answer(json.dumps(failed).encode(), status=500, headers=CLOSE)
        result = [] if value is None else [{"metric": {}, "value": [0, str(value)]}]
        data = {"status": "success", "data": {"resultType": "vector", "result": result}}
        return Answer(json.dumps(data).encode(), headers=CLOSE)

    def _next(self, namespace: str, name: str, otherwise: Any) -> Any:
        answers = self._answers.get((namespace, name))
        if not answers:
            return otherwise
        return answers.pop(0) if len(answers) > 1 else answers[0]
