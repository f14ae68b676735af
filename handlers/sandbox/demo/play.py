"""Plays the story: starts everything, pushes one version after the other, and waits for what becomes of it."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from handlers.sandbox.alertmanager import webhook_config
from handlers.sandbox.demo import alerting, measure, story
from handlers.sandbox.demo.model import SLOW_SECONDS, Happening, Rescue, Seen, Tally, rescue
from handlers.sandbox.demo.pace import PACES, Pace, candidates, plainly
from handlers.sandbox.demo.recorder import Recorder
from handlers.sandbox.demo.senders import TICK_SECONDS, Sender, Ticks, synced
from handlers.sandbox.demo.served import Handlers
from handlers.sandbox.demo.story import ACTS, APP, HOST, NAMESPACE, Act
from handlers.sandbox.process import Late, answers, free_port, wait_for
from handlers.sandbox.prometheus import configuration
from handlers.sandbox.sandbox import Options, Sandbox
from handlers.sandbox.traffic import Traffic
from handlers.wiring import now

SCRAPE = 15
"""Seconds between scrapes, before they are scaled."""
PAUSE = 3.0
"""Seconds between two acts, to look at what came of the one."""
REST = frozenset({"Initialized", "Succeeded", "Failed"})
SETTLED_SECONDS = 60

Tell = Callable[[Happening], None]


class Play:
    """The whole of it, as a context manager: entering starts everything, leaving stops it."""

    recorder: Recorder
    traffic: Traffic

    def __init__(self, tell: Tell, share: float) -> None:
        """`share` of a core is what the machine gives a program."""
        self.pace: Pace = PACES[0]
        self.acts: Sequence[Act] = ACTS
        self.act = ACTS[0]
        self.seen: list[Seen] = []
        self.rescue: Rescue | None = None
        self.tally = Tally()
        self._tell = tell
        self._share = share
        self._calm = 0.0
        self._running = ExitStack()

    def __enter__(self) -> Self:
        """Start the cluster, 1.0.0, its client and the handlers; raises SandboxError, with nothing left running.

        Between 1.0.0 and the rest the app is measured. Raises Busy when the machine cannot bear the story, and that at
        once where there is hardly anything of it for a program.
        """
        candidates(self._share)
        with ExitStack() as starting:
            directory = Path(
                starting.enter_context(TemporaryDirectory(prefix="serinus-demo-", ignore_cleanup_errors=True))
            )
            self.handlers = Handlers(directory, free_port())
            self.sandbox = Sandbox(Options(interval=SCRAPE / self.pace.scale, alertmanager=webhook_config("")))
            starting.enter_context(self.sandbox)
            self.recorder = Recorder(self.sandbox, self._tell)
            starting.callback(self.recorder.stop)
            self.recorder.start()
            self._deploy()
            self._measure()
            self._configure()
            timeout = 5 * SLOW_SECONDS * self.pace.patience
            self.traffic = Traffic(self.sandbox.ingress_url, HOST, rate=self.pace.rate, timeout=timeout)
            self.recorder.traffic = starting.enter_context(self.traffic)
            self.recorder.note("demo", f"a client sends {self.pace.rate:.0f} requests/s")
            self._start_handlers(starting)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def run(self) -> None:
        """Play all acts; stops after the first that does not end in time."""
        self.sandbox.prometheus.wait_for_value(f"sum(rate(istio_requests_total[{self.pace.window:.0f}s]))")
        time.sleep(max(0.0, self._calm - time.monotonic()))
        for act in self.acts:
            self.act = act
            if not self._play(act):
                break
            time.sleep(PAUSE)
        with suppress(Late):  # what has not ended is counted as it is
            wait_for(lambda: self.recorder.pods(APP) == 0, "the last canary is gone", SETTLED_SECONDS)
        found = self.traffic.stop().answers
        self.tally.add(found)
        client = self.recorder.seconds(self.traffic.began)
        rescues = [rescue(one, found, self.recorder.began, client) for one in self.seen]
        self.rescue = next(filter(None, rescues), None)

    def _deploy(self) -> None:
        self.sandbox.apply(story.namespace(), story.deployment(ACTS[0].tag), story.service())
        self.sandbox.wait_rolled_out(NAMESPACE, APP, SETTLED_SECONDS)
        # Envoy hears of it as late as others
        wait_for(self._serves, f"Envoy has a ready pod for {HOST}", SETTLED_SECONDS)
        self.recorder.note("demo", f"Deployment and Service {APP} are there")

    def _serves(self) -> bool:
        return answers(self.sandbox.ingress_url, host=HOST)

    def _measure(self) -> None:
        self.pace, found = measure.choose(self._share, self.sandbox.ingress_url, HOST)
        self.acts = story.acts(self.pace.patience)
        self.act = self.acts[0]
        self.tally.limit = self.recorder.tally.limit = SLOW_SECONDS * self.pace.patience
        self.handlers.scale = self.pace.scale
        self._calm = time.monotonic() + self.pace.window  # until then alert rules see the measurement as well
        self.recorder.note("demo", plainly(self._share, found, self.pace))

    def _configure(self) -> None:
        """Prometheus and Alertmanager at the pace that was chosen."""
        pace, metrics = self.pace, self.sandbox.prometheus
        credentials = self.handlers.tokens_dir / "alertmanager"
        shipped = alerting.read("alertmanager.yml")
        alertmanager = self.sandbox.alertmanager
        alertmanager.set_config(alerting.alertmanager(shipped, self.handlers.url, credentials, pace.scale))
        scraped = configuration(self.sandbox.envoy_url, alertmanager.url, interval=SCRAPE / pace.scale)
        metrics.set_config(scraped, alerting.rules(alerting.read("rules.yml"), pace.scale, pace.patience))

    def _start_handlers(self, starting: ExitStack) -> None:
        starting.callback(self.handlers.stop)
        with ThreadPoolExecutor(1) as worker:  # a signal must not come between a start and its record
            worker.submit(self.handlers.start, self.sandbox.kubeconfig, self.sandbox.prometheus.url).result()
        ticks = Ticks(self._sender("cron"), TICK_SECONDS / self.pace.scale)
        starting.callback(ticks.stop)
        ticks.start()
        self.recorder.note(
            "demo", f"handlers run at {self.handlers.url}, a tick comes every {TICK_SECONDS} s / {self.pace.scale:g}"
        )

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
            wait_for(over, f"{act.version} comes to an end", act.seconds * self.pace.stretch, pause=0.05)
        except Late as error:
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
        if act is self.acts[0]:
            self.recorder.note("demo", f"a Canary for {APP} is created")
            self.sandbox.apply(story.metric_template(self.sandbox.prometheus.url), story.canary(self.pace.patience))
        else:
            self.recorder.note("argocd", f"{act.version} is synced ({act.tag})")
            self.sandbox.apply(story.deployment(act.tag))
        self._sender("argocd").send("sync", *synced(act.tag, now()))
