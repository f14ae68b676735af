"""What Flagger has begun goes on: the first look writes down where it is, says so, and moves nothing."""

from handlers.rollout.checks import Findings
from handlers.rollout.decision import Decision, normal, stepped
from handlers.rollout.facts import revision
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.state import Message, Phase


def take_over(s: Snapshot, _: Findings) -> Decision:
    """A whole interval passes before anything is asked: nobody knows how long the weight has been what it is."""
    said = taken_over(s)
    return Decision(
        told=said.text,
        state=stepped(s, weight=s.known.weight, waiting=s.known.waiting),
        messages=(said,),
    )


def taken_over(s: Snapshot) -> Message:
    """What was found, and how it goes on."""
    state = s.known
    found = [state.phase.value]
    if state.weight:
        found.append(f"{state.weight}% of the {'matched requests' if state.matched else 'traffic'} to the canary")
    if state.mirrored:
        found.append("requests mirrored to the canary")
    if state.iterations:
        found.append(f"{state.iterations} iterations done")
    if state.failed:
        found.append(f"{state.failed} failed checks")
    return normal(state.phase, f"Taking over {s.name} in phase {', '.join(found)}: {_goes_on(s)}")


def _goes_on(s: Snapshot) -> str:
    match s.known.phase:
        case Phase.PROGRESSING | Phase.WAITING_PROMOTION if s.known.revision != revision(s):
            return _begins_again(s)
        case Phase.PROGRESSING:
            return "the analysis goes on from there"
        case Phase.WAITING_PROMOTION | Phase.WAITING:
            return "it goes on waiting for approval"
        case Phase.PROMOTING | Phase.FINALISING if s.promoted == s.known.revision:
            return f"{s.primary_text} runs what {s.target_text} shows, the promotion goes on"
        case Phase.FAILED if s.known.weight:
            return "the canary serves until the primary is ready"
        case Phase.FAILED if s.known.revision == revision(s):
            return "it stays so until there is another revision"
        case _:
            return (
                "it is at rest" if s.promoted == revision(s) else f"{s.target_text} shows another revision to roll out"
            )


def _begins_again(s: Snapshot) -> str:
    if s.promoted == revision(s):
        return f"{s.target_text} is back at the promoted revision, the rollout ends"
    return f"{s.target_text} may have changed since it was last looked at, the analysis begins again"
