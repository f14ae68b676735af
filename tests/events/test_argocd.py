"""What Argo CD has synced, whatever it leaves empty."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import BadEvent
from handlers.events.argocd import Resource, Synced, synced
from handlers.events.event import SYNCED, Event

DEPLOYMENT = {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "podinfo"}


def event(data: Any, subject: str | None = "app") -> Event:
    """A sync with this data."""
    return Event(id="1", source="/argocd", type=SYNCED, subject=subject, data=data)


@pytest.mark.parametrize("data", [{}, {"revision": None, "revisions": None, "images": None, "resources": None}])
def test_nulls_are_empty(data: dict[str, Any]) -> None:
    """A template renders null for whatever an Application does not have."""
    assert synced(event(data, subject=None)) == Synced(app="", revision="", resources=())


@pytest.mark.parametrize(
    ("data", "revision"),
    [
        ({"revision": "abc", "revisions": ["x"]}, "abc"),
        ({"revision": "", "revisions": ["abc", "def"]}, "abc,def"),
        ({"revision": "a\nb"}, "a b"),
        ({"revision": "x" * 999}, "x" * 256),
    ],
)
def test_revision(data: dict[str, Any], revision: str) -> None:
    """An Application with several sources has several revisions; what is shown is one short line."""
    assert synced(event(data)).revision == revision


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../../secrets"},
        {"name": "a?b=c"},
        {"name": "system:viewer"},
        {"name": ""},
        {"name": None},
        {"name": "x" * 254},
        {"namespace": ""},
        {"namespace": "a.b"},
        {"namespace": "x" * 64},
        {"namespace": "shop\n"},
        {"kind": None},
        {"kind": "a/b"},
        {"group": "a/b"},
    ],
)
def test_names_that_cannot_be_are_dropped_and_the_rest_is_used(change: dict[str, Any]) -> None:
    """One odd resource does not lose the sync."""
    resources = synced(event({"resources": [DEPLOYMENT | change, DEPLOYMENT]})).resources
    assert resources == (Resource(group="apps", kind="Deployment", namespace="shop", name="podinfo"),)


@pytest.mark.parametrize("name", ["x" * 253, "my.app-2", "0"])
def test_every_legal_name_is_kept(name: str) -> None:
    """Objects may have dots in their names, and more than 63 characters."""
    assert [resource.name for resource in synced(event({"resources": [DEPLOYMENT | {"name": name}]})).resources] == [
        name
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "^data: None, expected a JSON object"),
        ({"revision": 5}, "^data.revision: 5, expected a string"),
        ({"revisions": "abc"}, "^data.revisions: 'abc', expected a JSON array"),
        ({"revisions": [5]}, "^data.revisions: 5, expected a string"),
        ({"resources": {}}, "^data.resources: {}, expected a JSON array"),
        ({"resources": [DEPLOYMENT, "x"]}, r"^data.resources\[1\]: 'x', expected a JSON object"),
        ({"resources": [{"kind": ["x"]}]}, r"^data.resources\[0\].kind: \['x'\], expected a string"),
    ],
)
def test_other_types_are_refused(data: Any, reason: str) -> None:
    """A field of another type means that somebody else's template is at work."""
    with pytest.raises(BadEvent, match=reason):
        synced(event(data))


JSON = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
RESOURCE = st.fixed_dictionaries({}, optional=dict.fromkeys(DEPLOYMENT, JSON))


@given(st.none() | st.fixed_dictionaries({"resources": st.lists(RESOURCE) | JSON, "revisions": JSON}))
def test_any_data_gives_a_sync_or_a_bad_event(data: Any) -> None:
    """Nothing that is sent raises anything else, and no path can be built from a name."""
    try:
        result = synced(event(data))
    except BadEvent:
        return
    assert all("/" not in resource.name + resource.namespace for resource in result.resources)
