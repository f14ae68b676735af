"""Objects of a mesh from and to weights: one file per mesh."""

from collections.abc import Mapping

from handlers.routers import istio
from handlers.routers.router import Router

ROUTERS: Mapping[str, Router] = {"istio": istio}
"""The routers by `spec.provider`."""
