"""One try at one step of one canary: plan, claim, ask, recheck, decide, act, commit, tell.

The order of claims, fences and writes is the protocol: docs/protocol.md names its rules, and each has a test.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from handlers.errors import BadCanary, Conflict, Held
from handlers.rollout import history, state
from handlers.rollout.announcement import announcement
from handlers.rollout.checks import Check, HookCheck
from handlers.rollout.decision import Decision, settle
from handlers.rollout.facts import live, mine
from handlers.rollout.identity import Identity, formers
from handlers.rollout.objects import Object, annotations, finalizers, resource_version, revision
from handlers.rollout.objects.configs import references
from handlers.rollout.projection import project
from handlers.rollout.refusal import REFUSED, shown
from handlers.rollout.runs import counted
from handlers.rollout.stage import Stage
from handlers.rollout.stages import stage_of
from handlers.rollout.state import Claim, Intent, Message, State
from handlers.rollout.table import TABLE, checks, decide
from handlers.step import tell
from handlers.step.act import act
from handlers.step.ask import Asking, ask
from handlers.step.configs import read, with_contents, with_stale
from handlers.step.drift import seen
from handlers.step.ports import World
from handlers.step.report import Report
from handlers.step.scene import Scene
from handlers.step.wanted import made_for

log = logging.getLogger(__name__)

FENCE = "serinus.dev/step"
MARGIN = timedelta(seconds=20)
LONGEST = timedelta(minutes=4)
"""The most that the questions of one step may take; Knative Serving ends a request after five minutes by default."""

_QUIET = (Stage.AT_REST, Stage.NOT_DUE, Stage.BUSY, Stage.ALERT_PASSED_OVER, Stage.ALERT_ENDED)


class Attempt:
    """One try at one step. `scene` follows what is written, so that each guard is the newest version that we made."""

    def __init__(self, world: World, scene: Scene, nonce: str) -> None:
        self.world = world
        self.scene = scene
        self.nonce = nonce
        self.stage = stage_of(scene.snapshot)
        self.known = scene.snapshot.known

    def make(self) -> Report:
        """All of it."""
        if self._copies():
            self.scene = with_contents(self.world, self.scene)
        elif self.stage in (Stage.ADRIFT, Stage.ASTRAY):
            self.scene = with_stale(self.world, self.scene)
        asked = checks(self.scene.snapshot, self.stage)
        decision = self._asked(asked) if asked else self._unasked()
        if decision.actions:
            self._act(decision)
        self._commit(decision)
        if decision.release:
            self._release()
        return Report(
            stage=self.stage.value,
            told=decision.told,
            phase=decision.state.phase.value,
            weight=decision.state.weight,
            revision=decision.state.revision,
            target="" if self.stage in _QUIET else self.scene.canary.target_name,
        )

    def _act(self, decision: Decision) -> None:
        try:
            self.scene = act(self.world, self.scene, decision.actions, decision.state)
        except BadCanary:
            # the API server refuses a write: nobody has to wait for this step, but a rollback goes on
            standing = state.load(annotations(self.scene.raw))
            if standing and standing.claim and standing.claim.intent is not Intent.ROLLBACK:
                self._swap(replace(standing, claim=None), {})
            raise

    def _copies(self) -> bool:
        """Whether configs may be copied in this step."""
        if not self.scene.configs.digests or self.scene.configs.unread:
            return False
        primary = self.scene.snapshot.primary
        made = self.stage is Stage.BOOTSTRAP and primary is not None and bool(primary.promoted)
        made = made or self.stage is Stage.COPIED
        return TABLE[self.stage].intent in (Intent.PROMOTE, Intent.BOOTSTRAP) and not made

    def _unasked(self) -> Decision:
        decision = decide(self.scene.snapshot, self.stage, ())
        if decision.refused:
            self._tell_held(decision)
            raise Held(decision.refused)
        if decision.state.claim != self.known.claim or decision.actions:
            self._fence()
        if decision.actions:
            self._intend(decision, self._until(()))
        return decision

    def _tell_held(self, decision: Decision) -> None:
        """Once; a step that is under way may end the wait, and needs the version of the Canary that it has read."""
        if live(self.scene.snapshot):
            return
        if decision.state.claim != self.known.claim:
            self._fence()
        self._commit(decision)

    def _asked(self, asked: Sequence[Check]) -> Decision:
        self._fence()
        until = self._until(asked)
        intent = TABLE[self.stage].intent
        self._claim(intent, self.known, until)
        snapshot = self.scene.snapshot
        subject = snapshot.target.revision if snapshot.target else self.known.revision
        findings = ask(Asking(self.world, self.scene, subject, until - MARGIN), asked)
        self._recheck(subject)
        decision = decide(snapshot, self.stage, findings)
        if decision.refused:
            self._commit(decision)
            raise Held(decision.refused)
        if decision.intent is Intent.ROLLBACK or decision.meanwhile:
            # the rollback's intent stands before anything is lowered (protocol rule 6)
            self._intend(decision, until)
        return decision

    def _intend(self, decision: Decision, until: datetime) -> None:
        standing = decision.meanwhile or self.known
        said = self._said(decision)
        reasons = said[: len(decision.reasons)]
        if decision.intent is Intent.ROLLBACK:
            changed = [message for message in said if message.transition]
            reasons = (*reasons, *tell.to_others(self.world, self.scene.canary, tuple(changed)))
        self._claim(decision.intent, replace(standing, outbox=_kept(standing.outbox, reasons)), until)

    def _said(self, decision: Decision) -> tuple[Message, ...]:
        changed = announcement(self.scene.snapshot, decision)
        said = (*decision.reasons, *decision.messages, *((changed,) if changed else ()))
        return tell.with_ids(decision.state, self.nonce, said)

    def _until(self, asked: Sequence[Check]) -> datetime:
        """When a claim runs out: the time that its questions may take, and a margin for the writes."""
        hooks = [check.hook for check in asked if isinstance(check, HookCheck)]
        takes = sum((hook.timeout * (hook.retries + 1) for hook in hooks), start=timedelta(seconds=10))
        return self.scene.snapshot.now + min(takes, LONGEST) + MARGIN

    def _fence(self) -> None:
        """Make every older guard stale on what a claim may write that is not ours, before it is replaced (rule 4)."""
        claim = self.known.claim
        if claim is None or mine(self.scene.snapshot, claim):
            return
        canary = self.scene.canary
        refs = [canary.route_ref]
        if claim.intent in (Intent.PROMOTE, Intent.BOOTSTRAP):
            configs = self.scene.configs
            refs += [ref for config in configs.all_copies for ref in configs.copy_refs(canary.namespace, config)]
            refs.append(canary.primary)
        if claim.intent is Intent.REMOVE:
            refs += [ref for one in formers(canary, self.known) for ref in made_for(one, self.scene.router)]
        for ref in dict.fromkeys(refs):
            if old := self.scene.found(ref):
                patch = {"metadata": {"annotations": {FENCE: self.nonce}}}
                self.scene = self.scene.having(ref, self.world.cluster.patch(ref, patch, resource_version(old)))

    def _claim(self, intent: Intent, standing: State, until: datetime) -> None:
        snapshot = self.scene.snapshot
        about = snapshot.target.revision if snapshot.target and intent is not Intent.ROLLBACK else self.known.revision
        claim = Claim(nonce=self.nonce, intent=intent, revision=about, until=until)
        self._swap(replace(standing, claim=claim), {})

    def _recheck(self, subject: str) -> None:
        """Answers about another template than the target's now are worth nothing (protocol rule 9)."""
        scene, known = self.scene, self.known
        target = self.world.cluster.get(scene.canary.target)
        if target is not None:
            configs = scene.configs
            if references(target) and not configs.unread and scene.snapshot.options.config_tracking:
                looked = replace(known, observed=seen(scene, known))
                configs, _ = read(self.world, scene.canary, target, None, looked)
            if revision.of_target(target, configs.digests, known.baseline) == subject:
                return
        self._swap(settle(self.scene.snapshot), {})
        raise Conflict(f"{self.scene.canary.target}: changed while the step was asking")

    def _swap(self, new: State, others: Object) -> None:
        """Compare-and-swap on the Canary, then `.status` after it."""
        ref, raw = self.scene.canary.ref, self.scene.raw
        if not self.scene.configs.unread:
            new = replace(new, configs=self.scene.configs.digests)
        new = replace(new, identity=new.identity or str(Identity.of(self.scene.canary)))
        written: dict[str, str | None] = {state.STATE: state.dump(new), **others}
        if self._refused() != annotations(raw).get(REFUSED, ""):
            written[REFUSED] = self._refused() or None
        patch = {"metadata": {"annotations": written, **finalizers.changed(self.scene.canary, raw)}}
        raw = self.world.cluster.patch(ref, patch, resource_version(raw))
        self.scene = replace(self.scene, raw=raw)
        self._show(new)

    def _release(self) -> None:
        """Let the Canary be deleted. What we made goes with it."""
        patch = {"metadata": {"finalizers": finalizers.others(self.scene.raw)}}
        self.world.cluster.patch(self.scene.canary.ref, patch, resource_version(self.scene.raw))

    def _show(self, standing: State) -> None:
        """Bring `.status` up to a state that stands."""
        ref, raw = self.scene.canary.ref, self.scene.raw
        if status := project(standing, raw, self.scene.snapshot.now):
            raw = self.world.cluster.patch_status(ref, {"status": status}, resource_version(raw))
            self.scene = replace(self.scene, raw=raw)

    def _commit(self, decision: Decision) -> None:
        if decision.untouched:
            self._tell_late()
            return
        said = self._said(decision)
        left = _kept(self.known.outbox, tell.to_others(self.world, self.scene.canary, said))
        after = self.scene.snapshot.now + tell.PATIENCE if left else None
        new = replace(
            decision.state,
            stepped=self._counts_from(decision.state),
            outbox=left,
            tell_after=after,
            observed=seen(self.scene, decision.state) if decision.looked else self.known.observed,
            runs=counted(self.scene.raw, self.known, decision.state, skipped=self.scene.canary.skip_analysis),
        )
        same = replace(new, tell_after=self.known.tell_after) == self.known and not self._claimed()
        if same and self._refused() == annotations(self.scene.raw).get(REFUSED, ""):
            self._show(self.known)  # a process may have died before it did
            self._tell_late()
            return
        if self._worth_history(decision):
            entry = history.entry(self.scene.snapshot, self.stage, decision)
            text = history.append(annotations(self.scene.raw), entry, state.dump(new))
            self._finish(new, {history.HISTORY: text})
        else:
            self._finish(new, {})
        self._tell(new, said)

    def _refused(self) -> str:
        """Why the canary goes on as it was, and not as its spec says."""
        return shown(self.scene.snapshot.mixed)

    def _counts_from(self, new: State) -> datetime | None:
        """A raise that took longer than an interval counts from its end, or the next one would follow at once."""
        now, snapshot = self.world.now(), self.scene.snapshot
        late = now - snapshot.now > self.scene.canary.analysis.interval
        return now if late and new.weight > self.known.weight else new.stepped

    def _claimed(self) -> bool:
        return state.load(annotations(self.scene.raw)) != self.known

    def _worth_history(self, decision: Decision) -> bool:
        return bool(decision.messages or decision.findings or decision.actions) or self.stage not in _QUIET

    def _finish(self, new: State, others: Object) -> None:
        """The commit. Once it stands, `.status` may be left to whoever has written since."""
        before = self.scene.raw
        try:
            self._swap(new, others)
        except Conflict:
            if self.scene.raw is before:
                raise
            log.info("%s: .status is left to the next step", self.scene.canary.ref)

    def _tell(self, new: State, said: Sequence[Message]) -> None:
        self._clear(new, tell.Teller(self.world, self.scene.canary).tell([*self.known.outbox, *said]))

    def _tell_late(self) -> None:
        """What a process that died, or a webhook that was down, has left untold."""
        after, now = self.known.tell_after, self.scene.snapshot.now
        if self.known.outbox and (after is None or now >= after) and not live(self.scene.snapshot):
            self._clear(self.known, tell.Teller(self.world, self.scene.canary).tell(self.known.outbox))

    def _clear(self, new: State, left: tuple[Message, ...]) -> None:
        if not new.outbox:
            return
        kept, after = tell.kept(new, left, self.scene.snapshot.now)
        try:
            self._swap(replace(new, outbox=kept, tell_after=after), {})
        except Conflict:
            # told twice is better than never: whoever wrote finds the outbox and the same ids
            log.info("%s: the outbox is left to the next step", self.scene.canary.ref)


def _kept(outbox: tuple[Message, ...], more: tuple[Message, ...]) -> tuple[Message, ...]:
    return (*outbox, *more)[-tell.OUTBOX_KEPT :]
