"""The queries by which Flagger and Serinus ask for the built-in metrics, held against each other. Pure."""

import re
from collections.abc import Collection
from typing import Final

from handlers.providers.istio import BuiltinQueries, query
from handlers.providers.template import Model, render
from handlers.rollout.spec.analysis import DURATION, SUCCESS_RATE

COUNTED: Final = "requests-counted"
BECAUSE: Final = (
    "The built-in metrics are asked by other queries, for `rate()` leaves out what the first scrape of a series shows. "
    "With `SERINUS_BUILTIN_QUERIES=flagger` they are Flagger's."
)
_MODEL = Model(name="app", namespace="NS", target="app", service="app", ingress="", route="", interval="1m")


def plain(text: str, namespace: str) -> str:
    """A query without what two players cannot share: its namespace, lengths of time, and white space."""
    text = re.sub(rf'(?<="){re.escape(namespace)}(?=")', "NS", text)
    text = re.sub(r"\[\w+(:\w+)?\]", r"[TIME]", text)
    return re.sub(r"\s+", "", re.sub(r"offset \w+", "offset TIME", text))


def _of(queries: BuiltinQueries) -> tuple[str, ...]:
    return tuple(plain(render(query(name, "1m", queries), _MODEL), "NS") for name in (SUCCESS_RATE, DURATION))


FLAGGERS, OURS = _of(BuiltinQueries.FLAGGER), _of(BuiltinQueries.EXACT)
_COUNTED: Final = dict(zip(FLAGGERS, OURS, strict=True))


def differing(flagger: Collection[str], serinus: Collection[str]) -> tuple[tuple[str, ...], bool]:
    """The queries that only one of them has asked and nothing explains, and whether ours count what Flagger's miss.

    Serinus may ask for a metric more: it tells all that fail in a step, Flagger only the first.
    """
    wanted = {_COUNTED.get(text, text) if text not in serinus else text for text in flagger}
    missing = [f"- {text}" for text in sorted(wanted - set(serinus))]
    strange = [f"+ {text}" for text in sorted(set(serinus) - wanted - set(OURS) - set(FLAGGERS))]
    return (*missing, *strange), not wanted <= set(flagger)
