"""`serinus why`, `get` and `watch` against an API server, and their errors."""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from handlers.cli import main
from handlers.commands.look import Looker, add, look
from handlers.errors import BadCanary, Forbidden, Unavailable
from handlers.rollout.freeze import FREEZE
from handlers.rollout.state import STATE
from handlers.sandbox.api.server import Server
from tests.lab import Lab, a_canary, at, new_lab


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A canary at 20 %, on an API server that KUBECONFIG names, with shop as the context's namespace."""
    found = at(new_lab(), "Progressing", 20)
    with Server(found.api) as server:
        monkeypatch.setenv("KUBECONFIG", str(server.write_kubeconfig(tmp_path / "config", namespace="shop")))
        yield found


def test_why_reads_the_namespace_of_the_context(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """`serinus why app` prints the page and ends well."""
    assert main(["why", "app"]) == 0
    assert capsys.readouterr().out.startswith("Canary shop/app (Deployment app)\n\n  phase     Progressing, 20 %")
    assert lab.phase == "Progressing"


def test_why_as_json(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """`--output json` is what scripts read."""
    assert main(["why", "app", "-n", "shop", "--output", "json"]) == 0
    assert (
        json.loads(capsys.readouterr().out)["revision"]
        == json.loads(lab.canary["metadata"]["annotations"][STATE])["revision"]
    )


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("arguments", "out", "error", "status"),
    [
        (["get"], "NAME  PHASE", "", 0),
        (["get", "app"], "app   Progressing  20", "", 0),
        (["get", "-A"], "shop       app   Progressing", "", 0),
        (["get", "-n", "default"], "", "no Canaries in default", 0),
        (["get", "-n", "default", "-o", "json"], "[]", "", 0),
        (["get", "app", "-A"], "", "exclude each other", 1),
        (["why", "ap"], "", "there is no Canary shop/ap; there are: app", 1),
        (["why", "app", "-n", "default"], "", "there is no Canary default/app, nor any other", 1),
        (["why", "../x"], "", "is not a DNS-1123 name", 1),
        (["watch", "app", "--until", "Progressing"], "shop/app  Progressing 20 %", "", 0),
        (["watch", "--until", "Failed"], "", "needs the NAME", 1),
        (["watch", "app", "--timeout", "0"], "", "0 seconds are over", 1),
    ],
)
def test_answers(arguments: list[str], out: str, error: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command prints what it found to stdout, and what is wrong to stderr with status 1."""
    assert main(arguments) == status
    said = capsys.readouterr()
    assert out in said.out
    assert error in said.err
    assert bool(error) == bool(said.err)


def test_a_problem_is_shown_with_the_page_and_in_the_status(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """A state that cannot be read fails the command, which still shows what there is."""
    lab.edit("flagger.app/v1beta1/canaries/app", {"metadata": {"annotations": {STATE: "{"}}})
    assert main(["why", "app"]) == 1
    assert "  problem   metadata.annotations[serinus.dev/state]: cannot be read" in capsys.readouterr().out


def test_an_api_server_out_of_reach_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback: what was asked and why there is no answer, in one line."""
    with Server(new_lab().api) as server:
        monkeypatch.setenv("KUBECONFIG", str(server.write_kubeconfig(tmp_path / "config")))
    assert main(["why", "app"]) == 1
    error = capsys.readouterr().err
    assert error == (
        "serinus why: get canaries.flagger.app default/app: the API server cannot be asked, connection refused\n"
    )


@pytest.mark.parametrize("text", ["", "not: [a kubeconfig"])
def test_a_kubeconfig_that_is_none_is_named(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The namespace of the context is looked up in it as well, and must not fail first."""
    path = tmp_path / "config"
    path.write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(path))
    assert main(["get"]) == 1
    assert "expected a kubeconfig" in capsys.readouterr().err


@dataclass
class Watcher:
    """A watch on a lab in which, each time it sleeps, the next thing happens."""

    lab: Lab
    happens: list[Callable[[], None]]
    lines: list[str] = field(default_factory=list)

    def run(self, *arguments: str) -> int:
        """Watch; a test that sleeps more often than things happen presses Ctrl-C."""
        parser = argparse.ArgumentParser()
        add(parser.add_subparsers(dest="command"))
        looker = Looker(
            cluster=self.lab.cluster,
            namespace="shop",
            now=self.lab.clock,
            sleep=self._sleep,
            show=self.lines.append,
        )
        return look(parser.parse_args(["watch", *arguments]), looker)

    def _sleep(self, seconds: float) -> None:
        self.lab.clock.tick(seconds)
        if not self.happens:
            raise KeyboardInterrupt
        self.happens.pop(0)()


def test_watch_shows_each_step_until_ctrl_c() -> None:
    """One line for each change, none for a look that finds nothing new, and Ctrl-C is a good end."""
    lab = at(new_lab(), "Progressing", 20)
    watcher = Watcher(lab, [lab.tick, lambda: None, lab.tick])
    assert watcher.run() == 0
    assert [line.partition("tick: ")[2] for line in watcher.lines] == [
        "",
        "next step: advance from 20 to 40 % (Progressing 40 %)",
        "next step: advance from 40 to 60 % (Progressing 60 %)",
    ]


def test_watch_ends_at_the_phase_that_is_waited_for() -> None:
    """`--until Succeeded` ends with 0 when the rollout is over."""
    lab = at(new_lab(), "Progressing", 20)
    watcher = Watcher(lab, [lab.tick] * 9)
    assert watcher.run("app", "--until", "Succeeded") == 0
    assert "Succeeded" in watcher.lines[-1]


@pytest.mark.parametrize(("until", "status"), [("Succeeded", 1), ("Failed", 0)])
def test_watch_ends_when_the_canary_fails(until: str, status: int) -> None:
    """A rollout that failed will not succeed: whoever waits for that gets status 1."""
    lab = at(new_lab(), "Progressing", 20)
    lab.prometheus.values = {"istio_requests_total": [50]}
    assert Watcher(lab, [lab.tick] * 9).run("app", "--until", until) == status


def test_watch_gives_up_after_its_time() -> None:
    """`--timeout` is kept also when the interval is longer."""
    lab = at(new_lab(), "Progressing", 20)
    began = lab.clock()
    with pytest.raises(Unavailable, match="3 seconds are over"):
        Watcher(lab, [lambda: None] * 9).run("app", "--until", "Failed", "--timeout", "3")
    assert (lab.clock() - began).total_seconds() == 3


def test_watch_goes_on_after_an_outage(capsys: pytest.CaptureFixture[str]) -> None:
    """An API server that is away for a moment is told to stderr, and what came meanwhile is shown after it."""
    lab = at(new_lab(), "Progressing", 20)

    def away() -> None:
        lab.tick()
        lab.cluster.before = refuse

    def refuse(_verb: str, _path: str) -> None:
        raise Unavailable("the API server cannot be asked")

    def back() -> None:
        lab.cluster.before = lambda _verb, _path: None

    watcher = Watcher(lab, [away, back])
    assert watcher.run() == 0
    assert "advance from 20 to 40 %" in watcher.lines[-1]
    assert capsys.readouterr().err == "serinus watch: the API server cannot be asked\n"


def test_watch_as_json_is_one_object_a_line() -> None:
    """Scripts read one JSON object for each change, and of a canary that is gone that it is."""
    lab = at(new_lab(), "Progressing", 20)

    def gone() -> None:
        lab.api.call("DELETE", "/apis/flagger.app/v1beta1/namespaces/shop/canaries/app")

    watcher = Watcher(lab, [lab.tick, gone])
    watcher.run("-o", "json")
    assert [json.loads(line).get("weight", {}).get("canary") for line in watcher.lines] == [20, 40, None]
    assert json.loads(watcher.lines[-1]) == {"gone": "shop/app"}


def test_watching_one_canary_ends_when_it_is_gone() -> None:
    """Somebody deleted it: that is an error for whoever waits for it."""
    lab = at(new_lab(), "Progressing", 20)

    def gone() -> None:
        lab.api.call("DELETE", "/apis/flagger.app/v1beta1/namespaces/shop/canaries/app")

    with pytest.raises(BadCanary, match="there is no Canary shop/app"):
        Watcher(lab, [gone]).run("app")


def freeze(lab: Lab) -> None:
    """Freeze the namespace."""
    patch = {"metadata": {"annotations": {FREEZE: "2026-11-01T00:00Z/2099-12-01T00:00Z"}}}
    assert lab.api.call("PATCH", "/api/v1/namespaces/shop", patch).status == 200


@pytest.mark.parametrize("arguments", [["why", "app"], ["get"], ["get", "app"], ["get", "-A", "-o", "json"]])
def test_a_freeze_of_the_namespace_is_told(arguments: list[str], lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is looked at, by one request more; who has two namespaces to look at lists them."""
    freeze(lab)
    other = {**a_canary(), "metadata": {"name": "app", "namespace": "default"}}
    assert lab.api.call("POST", "/apis/flagger.app/v1beta1/namespaces/default/canaries", other).status == 201
    assert main(arguments) == 0
    assert "frozen until 2099-12-01T00:00:00Z by serin" in capsys.readouterr().out


def test_watch_tells_when_a_freeze_of_the_namespace_begins() -> None:
    """Though no step has met it yet."""
    lab = at(new_lab(), "Progressing", 20)
    watcher = Watcher(lab, [lambda: freeze(lab), lambda: None])
    assert watcher.run("app") == 0
    assert len(watcher.lines) == 2
    assert watcher.lines[1].endswith("by serinus.dev/freeze of Namespace shop")


@pytest.mark.parametrize("arguments", [["-A"], []])
def test_who_may_not_see_namespaces_sees_the_canaries(arguments: list[str]) -> None:
    """What is not known is no reason to show nothing."""
    lab = at(new_lab(), "Progressing", 20)
    lab.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": "more"}})
    other = {**a_canary(), "metadata": {"name": "app", "namespace": "more"}}
    assert lab.api.call("POST", "/apis/flagger.app/v1beta1/namespaces/more/canaries", other).status == 201

    def before(_verb: str, path: str) -> None:
        if path in ("/api/v1/namespaces", "/api/v1/namespaces/shop"):
            raise Forbidden("not allowed")

    lab.cluster.before = before
    watcher = Watcher(lab, [])
    assert watcher.run(*arguments, "-o", "json") == 0
    assert {json.loads(line)["unseen"].partition(": ")[2] for line in watcher.lines} == {"not allowed"}
