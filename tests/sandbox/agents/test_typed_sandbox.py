"""What docs/sandbox.md tells to type, typed, with the addresses that the sandbox prints as variables."""

from collections.abc import Callable, Iterator

import pytest

from handlers.sandbox.sandbox import Sandbox, addresses
from tests.docs.accounts import typed_by
from tests.docs.shell import Shell, needs
from tests.sandbox.agents.place import Place

pytestmark = needs("kubectl", "curl")


@pytest.fixture
def types(sandbox: Sandbox) -> Iterator[Callable[[str], str]]:
    """A shell in which they are typed."""
    with Shell(dict(line.split() for line in addresses(sandbox).splitlines())) as shell:
        yield shell.types


def test_an_app_answers(types: Callable[[str], str]) -> None:
    """The app of the examples is applied, ready, and answers by the name of its Service."""
    *before, curl = typed_by("test_an_app_answers")
    for command in before:
        types(command)
    assert '"version":"6.9.0"' in types(f"until {curl} | grep version; do sleep 0.1; done")
    types("kubectl delete namespace shop")


def test_where_a_tcp_port_is(types: Callable[[str], str], place: Place) -> None:
    """The listener of a TCP port has the name that the page says."""
    spec = {"selector": {"app": "db"}, "ports": [{"name": "tcp-db", "port": 5432}]}
    place.sandbox.apply({"apiVersion": "v1", "kind": "Service", "metadata": place.meta("db"), "spec": spec})
    (command,) = typed_by("test_where_a_tcp_port_is")
    place.eventually(lambda: f"tcp/{place.namespace}/db/5432" in types(command), "it is listed")
