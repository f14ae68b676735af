"""The images as their recipe builds them: they serve an event, and nothing else is in there. Played by `make e2e`."""

import fcntl
import json
import os
import re
import signal
import stat

import pytest

from handlers.sandbox.api.server import Server as ApiServer
from handlers.sandbox.process import HOST, answers, free_port, http, wait_for
from tests.lab import new_lab
from tests.manifests.image import TEXT, Image, build, environ, last

TOKEN = "a-token-of-the-tests"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The images, built by the commands of the Dockerfile, once for all workers; /dev/shm is what a runtime adds."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "image"
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = build(place)
        shared = made.root / "dev" / "shm"
        shared.mkdir(parents=True, exist_ok=True)
        shared.chmod(0o1777)
    return made


def files(image: Image) -> dict[str, float]:
    """All files of the handlers' image with the times of their last changes, but for what is in memory."""
    found = (
        path for path in image.root.rglob("*") if path.is_file() and "dev" not in path.relative_to(image.root).parts[:1]
    )
    return {str(path.relative_to(image.root)): path.stat().st_mtime for path in found}


def test_no_program_is_in_the_handlers_image(image: Image) -> None:
    """Nothing can be run but the interpreter and the two scripts that it runs: no shell, no pip, no tool."""
    runs = [
        path.name
        for path in image.root.rglob("*")
        if path.is_file() and path.stat().st_mode & stat.S_IXUSR and not path.is_symlink()
    ]
    tools = {re.sub(r"python3[.]\d+", "python", name) for name in runs if ".so" not in name}
    assert tools == {"python", "gunicorn", "serinus"}
    assert not list(image.root.rglob("pip"))


def test_all_is_compiled(image: Image) -> None:
    """A start compiles nothing, for it could not write it down, and would do it again each time."""
    sources = {path for path in image.root.rglob("*.py") if "__pycache__" not in path.parts}
    compiled = {path.parent.parent / f"{path.name.partition('.')[0]}.py" for path in image.root.rglob("*.pyc")}
    assert [path for path in sources - compiled if "handlers" in path.parts or "encodings" in path.parts] == []
    assert len(sources - compiled) < len(sources) / 100


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to change the root directory and the user, as containers do")
def test_the_handlers_image_serves_an_event(image: Image) -> None:
    """Alone in its file system, as another user, nothing written: a tick sent by its own program steps a Canary."""
    lab = new_lab()
    (image.root / "tokens").mkdir()
    (image.root / "tokens" / "cron").write_text(TOKEN)
    with ApiServer(lab.api) as api:
        api.write_kubeconfig(image.root / "kubeconfig").chmod(0o644)
        port, before = free_port(), files(image)
        variables = {"KUBECONFIG": "/kubeconfig", "SERINUS_TOKENS_DIR": "/tokens", "PORT": str(port)}
        served = image.handlers(**variables)
        try:
            ready = f"http://{HOST}:{port}/healthz/ready"
            wait_for(lambda: served.poll() is not None or answers(ready), "it is ready", 30)
            tick = image.handlers("serinus", "tick", "--url", f"http://{HOST}:{port}/", "--token-file", "/tokens/cron")
            assert (tick.wait(60), tick.communicate()[0]) == (0, b"")
        finally:
            served.send_signal(signal.SIGTERM)
            log = served.communicate(timeout=60)[0].decode()
    assert served.returncode == 0, log
    assert lab.phase == "Initializing", log
    assert files(image) == before
    assert [json.loads(line)["sender"] for line in log.splitlines() if "sender" in line] == ["cron"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to change the root directory and the user, as containers do")
def test_the_check_of_the_recipe_passes(image: Image) -> None:
    """What the last stage runs finds all that it imports, and a context for TLS with somebody to trust."""
    check = last("handlers", "RUN").words
    more = "import handlers.adapters.http, ssl; assert ssl.create_default_context().get_ca_certs()"
    for code in (check[-1], more):
        done = image.handlers(*check[:-1], code)
        assert (done.wait(60), done.communicate()[0]) == (0, b"")


def test_what_is_deleted_is_not_imported(image: Image) -> None:
    """No part that runs there wants the half of the Kubernetes client that was taken out."""
    assert not list(image.root.rglob("aio"))
    assert "kubernetes/aio" in TEXT
    assert environ("handlers")["PATH"] == "/opt/serinus/bin"


def test_the_load_testers_image_runs_a_command(image: Image) -> None:
    """It has a shell."""
    port = free_port()
    served = image.loadtester(PORT=str(port), SERINUS_NO_AUTH="true")
    try:
        url = f"http://{HOST}:{port}"
        wait_for(lambda: served.poll() is not None or answers(f"{url}/healthz"), "it answers", 30)
        told = {"type": "bash", "cmd": "echo $((6 * 7))", "returnCmdOutput": "true"}
        body = json.dumps({"name": "app", "namespace": "shop", "metadata": told})
        assert http.request("POST", url, body=body.encode(), timeout=30.0).data == b"42\n"
    finally:
        served.terminate()
        assert served.wait(60) == 0
