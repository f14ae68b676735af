"""The load tester runs what webhooks bring, ends what hangs, and lets in nobody without a token."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from flask.testing import FlaskClient

from handlers.auth import Authenticator
from handlers.errors import BadSetting
from handlers.events.hook import LIMIT
from handlers.load.command import TAIL, run
from handlers.load.runner import WAITED_FOR, Runner
from handlers.load.task import Task, Type
from handlers.loadtest import create_app, routed
from handlers.sandbox.process import wait_for
from handlers.settings import Settings
from tests.adapters import loopback
from tests.adapters.loopback import Answer, Serve
from tests.apps import NoReview

serve = pytest.fixture(loopback.serve)
TOKEN = "a-token-of-the-tests"
ABOUT = {"name": "app", "namespace": "shop", "phase": "Progressing", "checksum": "1-abc"}
ENVIRON = {"PATH": os.environ["PATH"]}


@pytest.fixture
def runner() -> Iterator[Runner]:
    """A runner whose commands all end after the test."""
    found = Runner(2, {**ENVIRON, "SERINUS_TOKENS_DIR": "/secret/place"})
    yield found
    found.stop()


@pytest.fixture
def client(runner: Runner) -> FlaskClient:
    """A client that need not say who it is."""
    settings = Settings.from_env({"SERINUS_NO_AUTH": "true", "SERINUS_LOADTEST_TIMEOUT": "20m"})
    return routed(settings, runner, Authenticator(settings, NoReview(), lambda: 0.0)).test_client()


def post(client: FlaskClient, **metadata: str) -> tuple[int, str]:
    """Send what a webhook sends; status and text."""
    answer = client.post("/", data=json.dumps({**ABOUT, "metadata": metadata}))
    return answer.status_code, answer.text


def test_a_command_that_passes_is_a_yes(client: FlaskClient) -> None:
    """A conformance test that passes is 200, with its output where that is asked for.

    Flagger's TestServer_HandleNewBashTaskCmdExitZero, TestServer_HandleNewBashTaskCmdExitZeroReturnCmdOutput.
    """
    assert post(client, type="bash", cmd="echo fine") == (200, "")
    assert post(client, type="bash", cmd="echo fine; echo 2 >&2", returnCmdOutput="true") == (200, "fine\n2\n")


def test_a_command_that_fails_is_a_no_with_its_output(client: FlaskClient) -> None:
    """A conformance test that fails is 500, with its exit status and the end of what it said.

    Flagger's TestServer_HandleNewBashTaskCmdExitNonZero.
    """
    assert post(client, type="bash", cmd="echo expected 200, got 500; exit 3") == (
        500,
        "command failed, exit status 3: expected 200, got 500",
    )


def test_a_command_that_hangs_is_ended_with_all_that_it_started(client: FlaskClient, tmp_path: Path) -> None:
    """At its timeout the whole process group goes, also what runs in the background and ignores SIGTERM."""
    children = tmp_path / "pids"
    hang = f"trap '' TERM; (trap '' TERM; echo $BASHPID >> {children}; sleep 600) & echo $$ >> {children}; sleep 600"
    status, text = post(client, type="bash", cmd=hang, timeout="500ms")
    assert status == 504
    assert text.startswith("command ended at its timeout of 500ms")
    pids = [int(line) for line in children.read_text().split()]
    assert len(pids) == 2
    wait_for(lambda: not any(alive(pid) for pid in pids), "both are gone", 30)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_a_command_leaves_behind_ends_with_it(client: FlaskClient, tmp_path: Path) -> None:
    """A command that ends does not leave a process in the background that holds its output."""
    file = tmp_path / "pid"
    assert post(client, type="bash", cmd=f"sleep 600 & echo $! > {file}")[0] == 200
    wait_for(lambda: not alive(int(file.read_text())), "it is gone", 30)


def test_a_command_that_closes_its_output_is_waited_for() -> None:
    """No output is no end."""
    ended = run(["sh", "-c", "exec >&- 2>&-; sleep 0.3; exit 4"], 20, ENVIRON, Event())
    assert (ended.status, ended.timed_out) == (4, False)


def test_output_is_kept_in_bounds() -> None:
    """Of an endless output only the end is kept."""
    ended = run(["sh", "-c", "yes 0123456 | head -c 1000000; echo end"], 20, ENVIRON, Event())
    assert len(ended.output) <= TAIL
    assert ended.output.endswith("end\n")
    assert ended.good


def test_a_command_in_the_background_is_answered_at_once(client: FlaskClient, tmp_path: Path) -> None:
    """`cmd`, the default, is 202 and runs on; the same once more is not started; a third of another kind is 503.

    Flagger's TestTaskRunner_Start.
    """
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    first = f"cat {gate} > {tmp_path}/out"
    assert post(client, cmd=first) == (202, "started")
    assert post(client, cmd=first) == (202, "the same is under way")
    assert post(client, type="cmd", cmd="sleep 600")[0] == 202
    status, text = post(client, cmd="sleep 601")
    assert (status, "2 are under way already" in text) == (503, True)
    gate.write_text("through")
    wait_for(lambda: (tmp_path / "out").read_text() == "through", "it has run", 30)
    wait_for(lambda: post(client, cmd="true")[0] == 202, "there is room again", 30)


def test_nothing_outlives_the_load_tester(
    client: FlaskClient, runner: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What runs in the background ends when the load tester does, which its log tells apart from a timeout."""
    file = tmp_path / "pid"
    post(client, cmd=f"echo $$ > {file}; sleep 600")
    wait_for(lambda: file.exists() and bool(file.read_text()), "it runs", 30)
    runner.stop()
    assert not alive(int(file.read_text()))
    assert "cmd for app.shop: ended with the load tester" in caplog.text


def test_what_is_waited_for_leaves_room_to_answer(runner: Runner) -> None:
    """The same command is not run twice at once, and no more are waited for than leave threads for others."""
    for number in range(WAITED_FOR):
        task = Task(canary="app.shop", type=Type.BASH, timeout=runner_timeout(), command=f"sleep {number}")
        assert runner._enter(task, None, WAITED_FOR)
    with pytest.raises(Exception, match="4 are under way already"):
        runner.finish(Task(canary="app.shop", type=Type.BASH, timeout=runner_timeout(), command="true"))
    with pytest.raises(Exception, match="the same command is under way"):
        runner.finish(Task(canary="app.shop", type=Type.BASH, timeout=runner_timeout(), command="sleep 0"))


def runner_timeout() -> Any:
    """The longest there is."""
    return Settings.from_env({}).loadtest_timeout


def test_commands_see_no_settings(client: FlaskClient) -> None:
    """Where the tokens are is none of a command's business."""
    assert post(client, type="bash", cmd="env | grep -c SERINUS_; true", returnCmdOutput="true") == (200, "0\n")


def test_neither_commands_nor_their_output_are_logged_unasked(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A command may carry a credential; its output is logged when that is asked for, each line with its canary."""
    with caplog.at_level(logging.INFO):
        post(client, type="bash", cmd="echo hunter2; false")
        assert "hunter2" not in caplog.text
        assert "bash for app.shop: failed, exit status 1" in caplog.text
        post(client, type="bash", cmd="echo one; echo two", logCmdOutput="true")
    assert "bash for app.shop: one" in caplog.text
    assert "bash for app.shop: two" in caplog.text


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "metadata.cmd: is required"),
        ({"type": "bash", "cmd": " "}, "metadata.cmd: is required"),
        ({"cmd": "a\0b"}, "metadata.cmd: has a zero byte"),
        ({"type": "helm", "cmd": "test app"}, "metadata.type: 'helm' needs programs and rights"),
        ({"type": "helmv3", "cmd": "test app"}, "metadata.type: 'helmv3' needs"),
        ({"type": "kubectl", "cmd": "get pods"}, "metadata.type: 'kubectl' needs"),
        ({"type": "concord"}, "metadata.type: 'concord' needs"),
        ({"type": "ngrinder"}, "metadata.type: 'ngrinder' needs"),
        ({"type": "perl", "cmd": "1"}, "metadata.type: 'perl', expected cmd, bash or load"),
        ({"cmd": "true", "timeout": "soon"}, "metadata.timeout: 'soon', expected a duration of at most 20m0s"),
        ({"cmd": "true", "timeout": "2h"}, "metadata.timeout: '2h', expected"),
        ({"cmd": "true", "timeout": "0"}, "metadata.timeout: '0', expected"),
        ({"cmd": "true", "logCmdOutput": "maybe"}, "metadata.logCmdOutput: 'maybe', expected true or false"),
        ({"type": "load"}, "metadata.url: expected an http URL"),
        ({"type": "load", "url": "https://app/"}, "metadata.url: expected"),
        ({"type": "load", "url": "http://user:hunter2@app/"}, "metadata.url: expected"),
        ({"type": "load", "url": "http://app:x/"}, "metadata.url: expected"),
        ({"type": "load", "url": "http://app/a b"}, "metadata.url: expected"),
        ({"type": "load", "url": "http://app/\r\nX: y"}, "metadata.url: expected"),
        ({"type": "load", "url": "http://app/", "rate": "0"}, "metadata.rate: '0', expected a whole number from 1 to"),
        ({"type": "load", "url": "http://app/", "rate": "1e9"}, "metadata.rate: '1e9', expected"),
        ({"type": "load", "url": "http://app/", "connections": "101"}, "metadata.connections: '101', expected"),
        ({"type": "load", "url": "http://app/", "duration": "21m"}, "metadata.duration: '21m', expected"),
        ({"type": "load", "url": "http://app/", "method": "get it"}, "metadata.method: 'get it', expected"),
        ({"type": "load", "url": "http://app/", "host": "a\r\nb"}, "metadata.host: "),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mistake_is_named(client: FlaskClient, metadata: dict[str, str], message: str) -> None:
    """By its field, with 400, and without what may be a secret; nothing is run."""
    status, text = post(client, **metadata)
    assert status == 400
    assert text.startswith(message)
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("body", "status"),
    [("{", 400), ("[]", 400), ('{"name": "app"}', 400), (" " * (LIMIT + 2), 413), (" " * (LIMIT + 1), 413)],
    ids=["broken", "no object", "no namespace", "too large", "larger by one"],
)
def test_what_is_no_payload_is_refused(client: FlaskClient, body: str, status: int) -> None:
    """Only Flagger's payload is read, and only of a decent size."""
    assert client.post("/", data=body).status_code == status


def test_others_are_kept_out(tmp_path: Path) -> None:
    """A token is needed unless that is turned off by name; the health check needs none; OIDC needs a cluster.

    Flagger's TestServer_HandleHealthz.
    """
    (tmp_path / "serinus").write_text(TOKEN)
    client = create_app({**ENVIRON, "SERINUS_TOKENS_DIR": str(tmp_path)}).test_client()
    body = json.dumps({**ABOUT, "metadata": {"type": "bash", "cmd": "true"}})
    assert client.post("/", data=body).status_code == 401
    assert client.post("/", data=body, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert client.get("/healthz").status_code == 200
    assert client.get("/").status_code == 405
    with pytest.raises(BadSetting, match="SERINUS_TOKENS_DIR"):
        create_app(ENVIRON)
    oidc = {"SERINUS_OIDC_AUDIENCE": "serinus", "SERINUS_OIDC_SUBJECTS": "system:serviceaccount:a:b"}
    with pytest.raises(BadSetting, match="has no cluster to ask"):
        create_app({**ENVIRON, **oidc})


def test_a_load_test_runs_in_the_background(
    client: FlaskClient, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """It is answered at once, and its counts are in the log when it has ended."""
    server = serve(lambda _: Answer())
    with caplog.at_level(logging.INFO):
        assert post(client, type="load", url=server.url, rate="100", duration="200ms") == (202, "started")
        wait_for(lambda: "load for app.shop: " in caplog.text and "x 200" in caplog.text, "the report", 30)
