"""Plays the story: starts everything, pushes one version after the other, and waits for what becomes of it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from handlers.sandbox.demo import alerting, story
from handlers.sandbox.demo.model import Happening, Rescue, Seen, Tally, rescue
from handlers.sandbox.demo.recorder import Recorder
from handlers.sandbox.demo.senders import Sender, Ticks, synced
from handlers.sandbox.demo.served import Handlers
from handlers.sandbox.demo.story import ACTS, APP, HOST, NAMESPACE, RATE, SCALE, Act
from handlers.sandbox.process import SandboxError, free_port, http, wait_for
from handlers.sandbox.sandbox import Options, Sandbox
from handlers.sandbox.traffic import Traffic
from handlers.wiring import now

SCRAPE = 15 / SCALE
"""Seconds between scrapes: every 15 s, scaled."""
PAUSE = 3.0
"""Seconds between two acts, to look at what came of the one."""
REST = frozenset({"Initialized", "Succeeded", "Failed"})
SETTLED_SECONDS = 15

Tell = Callable[[Happening], None]


class Play:
    """The whole of it, as a context manager: entering starts everything, leaving stops it."""

    recorder: Recorder
    traffic: Traffic

    def __init__(self, tell: Tell) -> None:
        self.act = ACTS[0]
        self.seen: list[Seen] = []
        self.rescue: Rescue | None = None
        self.tally = Tally()
        self._tell = tell
        self._running = ExitStack()

    def __enter__(self) -> Self:
        """Start the cluster, 1.0.0, its client and the handlers; raises SandboxError, with nothing left running."""
        with ExitStack() as starting:
            directory = Path(
                starting.enter_context(TemporaryDirectory(prefix="serinus-demo-", ignore_cleanup_errors=True))
            )
            self.handlers = Handlers(directory, free_port())
            self.sandbox = Sandbox(self._options())
            starting.enter_context(self.sandbox)
            self.recorder = Recorder(self.sandbox, self._tell)
            starting.callback(self.recorder.stop)
            self.recorder.start()
            self._deploy()
            self.traffic = Traffic(self.sandbox.ingress_url, HOST, rate=RATE)
            self.recorder.traffic = starting.enter_context(self.traffic)
            self._start_handlers(starting)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def run(self) -> None:
        """Play all acts; stops after the first that does not end in time."""
        self.sandbox.prometheus.wait_for_value(f"sum(rate(istio_requests_total[{round(60 / SCALE)}s]))")
        for act in ACTS:
            self.act = act
            if not self._play(act):
                break
            time.sleep(PAUSE)
        with suppress(SandboxError):  # what has not ended is counted as it is
            wait_for(lambda: self.recorder.pods(APP) == 0, "the last canary is gone", SETTLED_SECONDS)
        answers = self.traffic.stop().answers
        self.tally.add(answers)
        client = self.recorder.seconds(self.traffic.began)
        found = [rescue(one, answers, self.recorder.began, client) for one in self.seen]
        self.rescue = next(filter(None, found), None)

    def _options(self) -> Options:
        credentials = self.handlers.tokens_dir / "alertmanager"
        config = alerting.alertmanager(alerting.read("alertmanager.yml"), self.handlers.url, credentials, SCALE)
        rules = alerting.rules(alerting.read("rules.yml"), SCALE)
        return Options(interval=SCRAPE, rules=rules, alertmanager=config)

    def _deploy(self) -> None:
        self.sandbox.apply(story.namespace(), story.deployment(ACTS[0].tag), story.service())
        self.sandbox.wait_rolled_out(NAMESPACE, APP)
        wait_for(self._serves, f"Envoy has a ready pod for {HOST}", SETTLED_SECONDS)  # it hears of it as late as others
        self.recorder.note("demo", f"Deployment and Service {APP} are there; a client sends {RATE} requests/s")

    def _serves(self) -> bool:
        return "x-version" in http.request("GET", self.sandbox.ingress_url, headers={"host": HOST}).headers

    def _start_handlers(self, starting: ExitStack) -> None:
        starting.callback(self.handlers.stop)
        with ThreadPoolExecutor(1) as worker:  # a signal must not come between a start and its record
            worker.submit(self.handlers.start, self.sandbox.kubeconfig, self.sandbox.prometheus.url).result()
        ticks = Ticks(self._sender("cron"))
        starting.callback(ticks.stop)
        ticks.start()
        self.recorder.note("demo", f"handlers run at {self.handlers.url}, a tick comes every 10 s / {SCALE}")

    def _sender(self, name: str) -> Sender:
        return Sender(f"{self.handlers.url}/", self.handlers.tokens[name], partial(self.recorder.note, name))

    def _play(self, act: Act) -> bool:
        recorder = self.recorder
        began, steps, routed = recorder.seconds(), len(recorder.steps), len(recorder.routed)
        self._push(act)

        def over() -> bool:
            ended = any(step.get("phase") in REST for step in recorder.steps[steps:])
            return ended and recorder.phase in REST and recorder.weight == 0

        ended = True
        try:
            wait_for(over, f"{act.version} comes to an end", act.seconds, pause=0.05)
        except SandboxError as error:
            recorder.note("demo", str(error))
            ended = False
        self.seen.append(
            Seen(
                act=act,
                seconds=recorder.seconds() - began,
                steps=tuple(recorder.steps[steps:]),
                routed=tuple(recorder.routed[max(0, routed - 1) :]),
                primary=recorder.runs(f"{APP}-primary"),
            )
        )
        return ended

    def _push(self, act: Act) -> None:
        if act is ACTS[0]:
            self.recorder.note("demo", f"a Canary for {APP} is created")
            self.sandbox.apply(story.metric_template(self.sandbox.prometheus.url), story.canary())
        else:
            self.recorder.note("argocd", f"{act.version} is synced ({act.tag})")
            self.sandbox.apply(story.deployment(act.tag))
        self._sender("argocd").send("sync", *synced(act.tag, now()))
