"""What a mesh has to offer to be a router: weights to objects, and back."""

from collections.abc import Mapping
from typing import Any, Protocol

from handlers.rollout.objects import Object, Ref
from handlers.rollout.spec.canary import Canary
from handlers.rollout.weights import Cookies, Split, Weights


class Router(Protocol):
    """A mesh. Pure: objects in, whole objects as they must be out; `Canary.route_ref` is where the route lives."""

    def destination_refs(self, canary: Canary) -> tuple[Ref, ...]:
        """Where the objects live that a route rests on, in the order in which they are written."""
        ...

    def destinations(self, canary: Canary, existing: Mapping[Ref, Object]) -> tuple[tuple[Ref, dict[str, Any]], ...]:
        """The objects that a route rests on, in the order in which they are written."""
        ...

    def route(self, canary: Canary, split: Split, existing: Object | None) -> dict[str, Any]:
        """The route that splits the traffic like this."""
        ...

    def check_adoption(self, canary: Canary, existing: Object | None) -> None:
        """Raise BadCanary, naming each field, where a Canary contradicts a route that was there before it."""
        ...

    def restored(self, canary: Canary, existing: Mapping[Ref, Object]) -> tuple[tuple[Ref, dict[str, Any]], ...]:
        """Routes and what they rest on as they were before they were adopted; others lead to the apex Service."""
        ...

    def weights(self, canary: Canary, route: Object) -> Weights | None:
        """What a route does now; None when it does not lead to both."""
        ...

    def cookies(self, canary: Canary, route: Object) -> Cookies:
        """The session cookies that a route goes by now, whoever has written it."""
        ...
