"""Starting and stopping the sandbox, whatever happens."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import urllib3

from handlers.sandbox.kube import PODS, SERVICES, ApiError, Kube
from handlers.sandbox.process import SandboxError, find_program, wait_for
from handlers.sandbox.sandbox import Options, Sandbox
from tests.sandbox.agents.place import Place

PROGRAM = (sys.executable, "-m", "handlers", "sandbox")


def alive(pid: int) -> bool:
    """Whether there is a process with this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


THREADS = ("api", "watch-", "Node", "Mesh", "Workloads", "Jobs", "pods")


def envoys() -> set[int]:
    """Process ids of all Envoys that we are the parent of."""
    pids = {int(pid) for tasks in Path("/proc/self/task").glob("*/children") for pid in tasks.read_text().split()}
    return {pid for pid in pids if b"bootstrap.json" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def test_stop_leaves_nothing(sandbox: Sandbox) -> None:
    """Every process has ended and the directory is gone, and a second stop does no harm."""
    threads = set(threading.enumerate())
    with Sandbox(Options(metrics=sandbox.options.metrics)) as other:
        Place(other).deployment("app", "1", replicas=2)
        pids, directory = other.pids(), other.kubeconfig.parent
        assert all(map(alive, pids))
        assert len(pids) == (5 if sandbox.options.metrics else 3)
    assert [pid for pid in pids if alive(pid)] == []
    assert not directory.exists()

    def left() -> list[str]:
        """Its threads. Those without a name of ours may answer for another sandbox of this process."""
        return [thread.name for thread in set(threading.enumerate()) - threads if thread.name.startswith(THREADS)]

    wait_for(lambda: not left(), "no thread of it is left", 30)
    other.stop()


def test_an_envoy_that_has_ended_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever starts a sandbox learns from its log that the mesh has stopped, and why."""
    with Sandbox(Options(metrics=False)) as sandbox:
        os.kill(sandbox.pids()[0], signal.SIGKILL)
        Place(sandbox).service("app", "app")
        wait_for(lambda: "Mesh has to stop: " in caplog.text, "it is told", 30)
    assert "ended with status -9" in caplog.text


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are listed by Linux only")
def test_a_start_that_fails_half_way_leaves_nothing(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without Prometheus on the PATH there is one clear error, and Envoy does not stay behind."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match="apt-get install prometheus"), Sandbox(Options(metrics=True)):
        pass
    assert envoys() == {sandbox.agents.envoy.pid}


def test_a_missing_program_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One message with the command to run."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match="prometheus is not on the PATH: apt-get install prometheus"):
        find_program("prometheus", package="prometheus")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command(number: signal.Signals) -> None:
    """`serinus sandbox --api` prints its addresses, and ends with status 0 and without its files."""
    with subprocess.Popen([*PROGRAM, "--api"], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own program
        assert process.stdout
        lines = dict(process.stdout.readline().split() for _ in range(2))
        kube = Kube.from_kubeconfig(lines["KUBECONFIG"])
        assert kube.list(PODS)["items"] == []
        process.send_signal(number)
        process.send_signal(signal.SIGTERM)  # an impatient second one does not disturb the end
        assert process.wait(timeout=20) == 0
    assert not Path(lines["KUBECONFIG"]).exists()


def test_the_api_alone_starts_no_process() -> None:
    """With `api_only` there is an API with all resource definitions, and nothing else."""
    with Sandbox(Options(api_only=True)) as api:
        canaries = f"{api.api_url}/apis/flagger.app/v1beta1/canaries"
        assert urllib3.request("GET", canaries).status == 200
        assert api.pids() == []


def test_applying_twice_changes_the_object() -> None:
    """The second time it is merged into what is there, and other errors are not swallowed."""
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "app", "namespace": "default"}}
    with Sandbox(Options(api_only=True)) as api:
        for app in ("one", "two"):
            api.apply(service | {"spec": {"selector": {"app": app}, "ports": [{"port": 80}]}})
        assert api.kube.get(SERVICES, "default", "app")["spec"]["selector"] == {"app": "two"}
        with pytest.raises(ApiError):
            api.apply({"apiVersion": "v1", "kind": "Nonsense", "metadata": {"name": "x", "namespace": "default"}})
