"""What can be said of the annotations with which a user steers Serinus, before they meet a cluster."""

from collections.abc import Iterator, Mapping

from handlers.errors import BadCanary
from handlers.rollout import commands, gates, state
from handlers.rollout.commands import PAUSE
from handlers.rollout.freeze import FREEZE, Namespace, unreadable, windows
from handlers.rollout.history import HISTORY
from handlers.rollout.objects import Object, annotations, metadata
from handlers.rollout.objects.ownership import PREFIX
from handlers.rollout.refusal import REFUSED
from handlers.rollout.spec.fields import Field
from handlers.rollout.spec.match import MATCH
from handlers.rollout.spec.strategy import THRESHOLD_COUNTS

_OF_USERS = (commands.ABORT, commands.PROMOTE, commands.RETRY, PAUSE, FREEZE, gates.GATES, MATCH, THRESHOLD_COUNTS)
_OURS = (state.STATE, HISTORY, REFUSED)


def check_texts(obj: Object) -> None:
    """Raise BadCanary for annotations that are no texts: YAML takes a bare true, or a number, for something else."""
    Field(metadata(obj).get("annotations"), "metadata.annotations").texts()


def canary_errors(written: Mapping[str, str]) -> Iterator[str]:
    """What the handlers would tell of the annotations of a Canary, in their words; the spec's are parsed with it."""
    if text := unreadable(written.get(FREEZE, "")):
        yield text
    if "expected" in (text := commands.pause({PAUSE: written.get(PAUSE, "")})):
        yield text
    for load in (gates.load, state.load):
        try:
            load(written)
        except BadCanary as error:
            yield str(error)


def canary_warnings(written: Mapping[str, str]) -> Iterator[str]:
    """What is surely unwanted."""
    if commands.pause(written):
        yield f"metadata.annotations[{PAUSE}]: {written[PAUSE]}: nothing is rolled out until it is false"
    for key in sorted(written):
        if key.startswith(PREFIX) and key not in (*_OF_USERS, *_OURS):
            yield f"metadata.annotations[{key}]: there is no such annotation, one of {', '.join(sorted(_OF_USERS))}"


def namespace_errors(obj: Object) -> Iterator[str]:
    """What the handlers would tell of the annotations of a Namespace."""
    try:
        check_texts(obj)
    except BadCanary as error:
        yield str(error)
        return
    found = namespace_of(obj)
    if text := unreadable(found.windows, found.place):
        yield text


def namespace_of(obj: Object) -> Namespace:
    """A Namespace's manifest, as the handlers see it."""
    return Namespace(name=str(metadata(obj).get("name", "")), windows=annotations(obj).get(FREEZE, ""))


def freezes(written: Mapping[str, str], namespace: Namespace) -> tuple[str, ...]:
    """The freeze windows that hold a canary, each with its place."""
    own, around = windows(written.get(FREEZE, "")), windows(namespace.windows)
    return (*(f"{window} ({FREEZE})" for window in own), *(f"{window} ({namespace.place})" for window in around))
