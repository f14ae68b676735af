"""Read what namespaces say of freezing; one that cannot be read says so, and stands in no rollback's way."""

from collections.abc import Iterable, Mapping

from handlers.errors import Forbidden, Unavailable
from handlers.rollout.freeze import FREEZE, Namespace
from handlers.rollout.objects import NAMESPACE, Object, Ref, annotations, metadata
from handlers.step.ports import Cluster


def read_namespace(cluster: Cluster, name: str) -> Namespace:
    """One, by its name: who may do that in the namespace need not see others."""
    try:
        return _said(name, cluster.get(Ref(NAMESPACE, "", name)))
    except Unavailable as error:
        return _unread(name, error)


def read_namespaces(cluster: Cluster, names: Iterable[str]) -> Mapping[str, Namespace]:
    """Many, by one list."""
    try:
        listed = {str(metadata(item).get("name", "")): item for item in cluster.list_metadata(NAMESPACE)}
    except Unavailable as error:
        return {name: _unread(name, error) for name in names}
    return {name: _said(name, listed.get(name)) for name in names}


def _said(name: str, found: Object | None) -> Namespace:
    return Namespace(name=name, windows=annotations(found or {}).get(FREEZE, ""))


def _unread(name: str, error: Unavailable) -> Namespace:
    return Namespace(name=name, unread=str(error), forbidden=isinstance(error, Forbidden))
