"""`serinus why`, `get` and `watch`: what is known of canaries, read from the cluster and changing nothing."""

import argparse
import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handlers.errors import BadCanary, Unavailable
from handlers.explain.page import changes, gone, page, table
from handlers.explain.view import View, view
from handlers.rollout.freeze import Namespace
from handlers.rollout.objects import CANARY, Object, Ref, metadata
from handlers.rollout.state import Phase
from handlers.settings import Settings
from handlers.step.namespaces import read_namespace, read_namespaces
from handlers.step.ports import Cluster

Show = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looker:
    """What the commands need: a cluster, the namespace of its context, the clock, and the handlers' settings."""

    cluster: Cluster
    namespace: str
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    show: Show
    scale: float = 1
    provider: str = "istio"

    def view(self, obj: Object, namespace: Namespace) -> View:
        """A Canary as it stands in its namespace."""
        return view(obj, self.now(), scale=self.scale, provider=self.provider, namespace=namespace)

    def one(self, namespace: str, name: str) -> View:
        """The canary of that name. Raises BadCanary, with those that there are, when there is none."""
        obj = self.cluster.get(Ref(CANARY, namespace, name))
        if obj is None:
            others = [found.name for found in self.all(namespace)]
            hint = f"; there are: {', '.join(others[:10])}" if others else ", nor any other in this namespace"
            raise BadCanary(f"there is no Canary {namespace}/{name}{hint}")
        return self.view(obj, read_namespace(self.cluster, namespace))

    def all(self, namespace: str) -> Sequence[View]:
        """All canaries of a namespace, or (empty) of the cluster, by name."""
        listed = self.cluster.list(CANARY, namespace)
        namespaces = self._namespaces({str(metadata(obj).get("namespace", "")) for obj in listed})
        views = (self.view(obj, namespaces[str(metadata(obj).get("namespace", ""))]) for obj in listed)
        return sorted(views, key=lambda found: found.ref)

    def _namespaces(self, names: Collection[str]) -> Mapping[str, Namespace]:
        """These namespaces: one by its name, many by one list."""
        if len(names) == 1:
            return {name: read_namespace(self.cluster, name) for name in names}
        return read_namespaces(self.cluster, names) if names else {}


def add(commands: Any) -> None:
    """Tell argparse's sub-commands of these."""
    why = commands.add_parser("why", help="where a canary is, and why: its steps, checks and decisions")
    why.add_argument("name", help="of the Canary")
    get = commands.add_parser("get", help="canaries, one line each")
    get.add_argument("name", nargs="?", default="", help="of a Canary; all when there is none")
    watch = commands.add_parser("watch", help="a line for each step of a canary, or of all, until Ctrl-C")
    watch.add_argument("name", nargs="?", default="", help="of a Canary; all when there is none")
    phases = [phase.value for phase in Phase]
    watch.add_argument("--until", choices=phases, default="", metavar="PHASE", help="end when NAME is in this phase")
    watch.add_argument("--timeout", type=float, default=math.inf, metavar="SECONDS", help="give up after so long")
    watch.add_argument("--interval", type=float, default=2, metavar="SECONDS", help="between two looks, 2 by default")
    for command in (why, get, watch):
        command.add_argument("-n", "--namespace", default="", help="the context's by default")
        command.add_argument("-o", "--output", choices=["text", "json"], default="text")
    for command in (get, watch):
        command.add_argument("-A", "--all-namespaces", action="store_true")


def run(arguments: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> int:
    """Run one of them on the cluster that KUBECONFIG names; gives the exit status."""
    from handlers.adapters.context import namespace  # noqa: PLC0415  half a second that other commands do not wait
    from handlers.adapters.kubernetes import connect  # noqa: PLC0415  same
    from handlers.wiring import now  # noqa: PLC0415  same

    settings = Settings.from_env(environ)
    looker = Looker(
        cluster=connect(environ),
        namespace=namespace(environ),
        now=now,
        sleep=time.sleep,
        show=lambda text: print(text, flush=True),  # noqa: T201  it is a command line
        scale=settings.time_scale,
        provider=settings.mesh_provider,
    )
    return look(arguments, looker)


def look(arguments: argparse.Namespace, looker: Looker) -> int:
    """Run one of them; gives the exit status. Raises BadCanary and Unavailable."""
    match arguments.command:
        case "why":
            return _why(arguments, looker)
        case "get":
            return _get(arguments, looker)
        case _:
            with contextlib.suppress(KeyboardInterrupt):
                return _watch(arguments, looker)
            return 0


def _why(arguments: argparse.Namespace, looker: Looker) -> int:
    found = looker.one(arguments.namespace or looker.namespace, arguments.name)
    looker.show(_json(found.as_json()) if arguments.output == "json" else page(found, looker.now()))
    return 1 if found.problems else 0


def _get(arguments: argparse.Namespace, looker: Looker) -> int:
    found = _found(arguments, looker)
    if arguments.output == "json":
        looker.show(_json([item.as_json() for item in found]))
    elif found:
        looker.show(table(found, looker.now(), namespaces=arguments.all_namespaces))
    else:
        print(f"no Canaries in {_where(arguments, looker) or 'the cluster'}", file=sys.stderr)  # noqa: T201  a command line
    return 0


def _where(arguments: argparse.Namespace, looker: Looker) -> str:
    return "" if arguments.all_namespaces else arguments.namespace or looker.namespace


def _found(arguments: argparse.Namespace, looker: Looker) -> Sequence[View]:
    if not arguments.name:
        return looker.all(_where(arguments, looker))
    if arguments.all_namespaces:
        raise BadCanary("a NAME and --all-namespaces exclude each other")
    return [looker.one(_where(arguments, looker), arguments.name)]


def _watch(arguments: argparse.Namespace, looker: Looker) -> int:
    """Look again and again; 1 when it fails while another phase is waited for. Raises Unavailable when time is up."""
    if arguments.until and not arguments.name:
        raise BadCanary("--until needs the NAME of a Canary")
    began = looker.now()
    before = _shown(arguments, looker, {}, _found(arguments, looker))
    while not any(arguments.until == item.phase for item in before.values()):
        left = arguments.timeout - (looker.now() - began).total_seconds()
        if left <= 0:
            raise Unavailable(f"{arguments.timeout:g} seconds are over")
        looker.sleep(min(arguments.interval, left))
        try:
            found = _found(arguments, looker)
        except Unavailable as error:
            print(f"serinus watch: {error}", file=sys.stderr)  # noqa: T201  a command line; it may come back
            continue
        failed = bool(arguments.until) and _has_failed(before, found)
        before = _shown(arguments, looker, before, found)
        if failed:
            return int(arguments.until != Phase.FAILED.value)
    return 0


def _has_failed(before: Mapping[str, View], found: Sequence[View]) -> bool:
    failed = Phase.FAILED.value
    return any(item.phase == failed and item.ref in before and before[item.ref].phase != failed for item in found)


def _shown(
    arguments: argparse.Namespace, looker: Looker, before: Mapping[str, View], found: Sequence[View]
) -> dict[str, View]:
    """Show what has changed since; gives what is known now."""
    as_json = arguments.output == "json"
    for item in found:
        if lines := changes(before.get(item.ref), item, looker.now()):
            looker.show(json.dumps(item.as_json(), ensure_ascii=False) if as_json else "\n".join(lines))
    current = {item.ref: item for item in found}
    for ref in before.keys() - current.keys():
        looker.show(json.dumps({"gone": ref}) if as_json else gone(ref, looker.now()))
    return current


def _json(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)
