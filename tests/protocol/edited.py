"""An edit in the middle of something: what happens at every write after it, and what the cluster is in the end."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from handlers.errors import SerinusError, Temporary
from handlers.rollout.objects import (
    DAEMONSET,
    merge_patch,
)
from handlers.rollout.refusal import REFUSED
from handlers.rollout.snapshot import Cause, CauseKind
from handlers.step.scene import UNLISTED
from handlers.step.step import step
from handlers.step.sweep import sweep
from tests.fakes import WRITES
from tests.lab import TICK, Lab
from tests.protocol.clients import Answer, Clients, objects
from tests.protocol.edits import Do, Edit
from tests.protocol.harness import AT_REST, Watcher, process, state_of
from tests.protocol.standings import Standing
from tests.protocol.undone import KINDS, WORKLOADS, restore, users

LATER = 4
"""Ticks after which a gate is opened, and the user does the second thing."""
LIMIT = 90
MENDED = 3
"""Ticks within which what a user has broken is right again."""
INTERVAL = 10
SYNC = Cause(kind=CauseKind.SYNC, id="sync")


@dataclass
class Story:
    """What was done to a lab, and what went wrong."""

    standing: Standing
    edit: Edit
    lab: Lab
    clients: Clients
    ticks: int = 0
    since: int = 0
    broken: dict[str, int] = field(default_factory=dict)
    mended: int = 0
    wrote: bool = False
    wrong: list[str] = field(default_factory=list)
    script: list[str] = field(default_factory=list)
    _last: dict[str, Answer] = field(default_factory=dict)

    def user(self, do: Do, what: str) -> None:
        """The user does something; pods follow, and what it breaks is his."""
        self.script.append(f"after tick {self.ticks}: {what}")
        do(self.lab)
        self.lab.kubelet.run()
        self.clients.noticed()
        self._last = self.clients.answers()
        self.broken = {host: self.ticks for host, answer in self._last.items() if answer.bad}
        self.since = self.ticks

    def tick(self) -> bool:
        """An interval passes and a process looks; whether it has written anything.

        It is told by a tick, and first by Argo CD, which says that something has changed and not what.
        """
        self.ticks += 1
        self.lab.clock.tick(INTERVAL)
        self.wrote = False
        world = process(self.lab, Watcher(after=self._after))
        with suppress(SerinusError):  # whoever sent the event is told
            if self.ticks == 1:
                step(world, self.lab.ref, SYNC, seen=UNLISTED)
            else:
                sweep(world, (), TICK)
        wrote = self.wrote
        self.lab.kubelet.run()
        self.clients.rolled()
        self._look("pods have followed their workloads")
        self.clients.noticed()
        self._last = self.clients.answers()
        for host in [host for host in self.broken if not self._last[host].bad]:
            self.mended = max(self.mended, self.ticks - self.broken.pop(host))
        return wrote

    def _after(self, verb: str, path: str) -> None:
        if verb in WRITES and "/events" not in path and "/canaries/" not in path:
            self.wrote = True
            self._look(f"{verb} {path.split('/namespaces/shop/')[1]}")

    def _look(self, at: str) -> None:
        now = self.clients.answers()
        for host, answer in now.items():
            before = self._last.get(host, Answer())
            if answer.worse(before) and self.clients.anybody:
                self.wrong.append(f"tick {self.ticks}, after {at}: {'; '.join(answer.why)}")
        self._last = now

    def to_rest(self) -> None:
        """Ticks until nothing moves any more."""
        quiet = 0
        for _ in range(LIMIT):
            before = state_of(self.lab)
            quiet = 0 if self.tick() else quiet + 1
            if (quiet > 8 and (refused(self.lab) or before.seq == state_of(self.lab).seq)) or (
                quiet > 2 and self.at_rest
            ):
                return
        self.wrong.append(f"tick {self.ticks}: it never ends: {state_of(self.lab)}")

    @property
    def at_rest(self) -> bool:
        """Whether the rollout is over."""
        state = state_of(self.lab)
        return state.phase.value in AT_REST and not state.claim

    def __str__(self) -> str:
        name = f"{self.standing.name}/{self.edit.name}"
        again = f"SWEEP=all pytest tests/protocol/test_edit_sweep.py -k '{name}]'"
        events = [f"event: {event}" for event in self.lab.events[-6:]]
        return "\n  ".join([f"{name} ({self.edit.why})", again, *self.script, *self.wrong, *events])


def play(standing: Standing, edit: Edit) -> Story:
    """The edit, and all that follows; where it is refused, its undoing as well."""
    lab = standing.lab()
    story = Story(standing, edit, lab, Clients(lab))
    before = users(lab)
    story.user(edit.do, edit.name)
    after = users(lab)
    for _ in range(LATER):
        story.tick()
    _go_on(story, edit, before, after)
    story.to_rest()
    why = refused(lab)
    if not why:
        _as_fresh(story, None if edit.undone else edit)
    else:
        if "spec." not in why and "metadata." not in why:
            story.wrong.append(f"refused in words that name no field: {why}")
        story.user(lambda lab: restore(lab, before, after), "undo")
        story.to_rest()
        _as_fresh(story, None)
    if story.mended > MENDED and not edit.slow:
        story.wrong.append(f"what the user had broken was mended after {story.mended} ticks")
    story.wrong += [f"{host}: never mended: {'; '.join(story.clients.answer(host).why)}" for host in story.broken]
    return story


def _go_on(story: Story, edit: Edit, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    if story.standing.gate:
        story.lab.webhooks.answers.clear()
    if edit.then:
        story.user(edit.then, "then")
    if edit.undone:
        story.user(lambda lab: restore(lab, before, after), "undone")


def _as_fresh(story: Story, edit: Edit | None) -> None:
    """The cluster is what a bootstrap of the same manifests gives."""
    lab = story.lab
    if not story.at_rest:
        story.wrong.append(f"tick {story.ticks}: nothing moves any more: {state_of(lab)}")
        return
    other = fresh(story, edit)
    if refused(other) or state_of(other).phase.value not in AT_REST:
        return  # what is there already goes on; it could not be made today
    wanted, got = picture(other), picture(lab)
    if "replicas" not in story.edit.once and pods_of_target(other) != pods_of_target(lab):
        story.wrong.append(f"in the end the target has {pods_of_target(lab)} pods, not {pods_of_target(other)}")
    apexes = {f"services/{name}" for name in state_of(lab).apexes}
    for name in sorted(wanted.keys() | got.keys()):
        if wanted.get(name) != got.get(name) and name not in apexes:
            once = story.edit.once
            if wanted.get(name) and got.get(name) and _less(wanted[name], once) == _less(got[name], once):
                continue
            story.wrong.append(f"in the end {name}: {difference(wanted.get(name), got.get(name))}")


def pods_of_target(lab: Lab) -> int:
    """How many ready pods the workload has that the Canary names."""
    named = lab.canary["spec"]["targetRef"]
    kind = {"DaemonSet": "daemonsets", "Service": "services"}.get(named.get("kind", ""), "deployments")
    status = objects(lab, kind).get(named["name"], {}).get("status") or {}
    return int(status.get("readyReplicas") or status.get("numberReady") or 0)


def _less(obj: Any, fields: tuple[str, ...]) -> Any:
    """An object without fields that are said only when it is made."""
    body = {key: value for key, value in (obj.get("spec") or {}).items() if key not in fields}
    if "selector" in fields and "template" in body:
        body = {**body, "template": {**body["template"], "metadata": {}}}
        obj = {**obj, "labels": {}}
    return {**{key: value for key, value in obj.items() if key not in fields}, "spec": body}


def fresh(story: Story, edit: Edit | None) -> Lab:
    """A bootstrap of the edited manifests, of the version that is promoted."""
    lab = story.standing.fresh()
    if edit and not edit.ours:
        edit.do(lab)
        if edit.then:
            edit.then(lab)
    named = story.lab.canary["spec"]["targetRef"]
    where = f"apps/v1/{'daemonsets' if named.get('kind') == DAEMONSET.name else 'deployments'}/{named['name']}"
    primary, target = story.lab.get(f"{where}-primary"), lab.get(where)
    if primary and target:
        image = primary["spec"]["template"]["spec"]["containers"][0]["image"]
        first = target["spec"]["template"]["spec"]["containers"][0]
        lab.edit(where, {"spec": {"template": {"spec": {"containers": [{**first, "image": image}]}}}})
    quiet = 0
    while quiet < 3:
        lab.kubelet.run()
        lab.clock.tick(INTERVAL)
        before = lab.api.store.revision
        with suppress(Temporary):
            sweep(lab.world, (), TICK)
        quiet = quiet + 1 if lab.api.store.revision == before else 0
    return lab


def picture(lab: Lab) -> dict[str, Any]:
    """All that is there, less what only tells how it came about."""
    found = {}
    for kind in KINDS:
        for name, obj in objects(lab, kind.plural).items():
            if name.endswith("-previous"):
                continue  # what a copy of a config said before
            meta = obj["metadata"]
            marks = {key: text for key, text in (meta.get("annotations") or {}).items() if "serinus.dev/" not in key}
            owners = [owner["name"] for owner in meta.get("ownerReferences") or ()]
            body = {key: obj[key] for key in ("spec", "data") if key in obj}
            if kind in WORKLOADS and not owners:
                continue  # a user's own, of which we write the replicas
            found[f"{kind.plural}/{name}"] = {
                **_plain(body),
                "labels": meta.get("labels") or {},
                "marks": marks,
                "owners": owners,
            }
    return found


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    spec = {
        key: value
        for key, value in (body.get("spec") or {}).items()
        if key not in ("clusterIP", "clusterIPs") or "None" in value
    }
    if "http" in spec:
        spec["http"] = [rule for rule in spec["http"] if "Max-Age=-1" not in str(rule.get("headers"))]
    return {**body, "spec": spec} if spec else body


def difference(wanted: Any, got: Any) -> str:
    """Only where they differ."""
    if wanted is None or got is None:
        return "is there, and should not be" if wanted is None else "is missing"
    return f"to be right it needs {merge_patch(got, wanted)}"


def refused(lab: Lab) -> str:
    """Why the Canary is refused, empty when it is not."""
    return str(((lab.canary or {}).get("metadata", {}).get("annotations") or {}).get(REFUSED, ""))
