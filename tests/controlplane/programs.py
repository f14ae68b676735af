"""The programs of a real control plane and of real senders: pinned by Go modules, built once, kept in a cache."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Final

MODULES: Final = Path(__file__).parent / "go"
KUBERNETES = "1.36.3"
GO = (1, 26)
"""The oldest Go that builds them."""

# without these `/version` answers what is no semantic version, and clients refuse to start
_VERSION = " ".join(
    f"-X k8s.io/component-base/version.{name}={value}"
    for name, value in (("gitVersion", f"v{KUBERNETES}"), ("gitMajor", "1"), ("gitMinor", KUBERNETES.split(".")[1]))
)


class BuildError(Exception):
    """A program cannot be built here, and why."""


@dataclass(frozen=True, slots=True)
class Program:
    """A Go program: the module that pins it (a folder below `go/`), and its package."""

    name: str
    module: str
    package: str
    ldflags: str = ""


_OF_KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
PROGRAMS: Final = (
    Program("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
    *(Program(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}", _VERSION) for name in _OF_KUBERNETES),
    Program("mtping", "knative", "./mtping"),
    Program("deliver", "knative", "./deliver"),
    Program("argocd-notifications", "argocd", "."),
    Program("ce-send", "cloudevents", "."),
    Program("flagger", "flagger", "github.com/fluxcd/flagger/cmd/flagger"),
)


def cache() -> Path:
    """Where built programs are kept: SERINUS_E2E_CACHE, or a folder in the user's cache."""
    base = os.environ.get("SERINUS_E2E_CACHE")
    return Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "serinus-e2e"


def path_with_kubectl() -> str:
    """PATH with the kubectl that is built here before any other."""
    return f"{path_of('kubectl').parent}{os.pathsep}{os.environ.get('PATH', '')}"


def path_of(name: str) -> Path:
    """The program, built from what its module says now; the file exists only once it is built."""
    program = next(program for program in PROGRAMS if program.name == name)
    digest = hashlib.sha256(program.ldflags.encode())
    for file in sorted((MODULES / program.module).rglob("*")):
        if file.is_file():
            digest.update(file.read_bytes())
    return cache() / digest.hexdigest()[:16] / name


def build() -> None:
    """Build what is missing, and say how far it is. Raises BuildError."""
    missing = [program for program in PROGRAMS if not path_of(program.name).exists()]
    for number, program in enumerate(missing, start=1):
        sys.stderr.write(f"building {program.name} ({number} of {len(missing)})\n")
        made = path_of(program.name)
        made.parent.mkdir(parents=True, exist_ok=True)
        fresh = made.with_name(f"{made.name}.{os.getpid()}")
        flags = ["-trimpath", "-buildvcs=false", f"-ldflags=-s -w {program.ldflags}", "-o", str(fresh)]
        go(program.module, "build", *flags, program.package)
        fresh.replace(made)


def go(module: str, *words: str) -> str:
    """The go command in one of the modules; gives back what it prints. Raises BuildError."""
    environ = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    done = subprocess.run(  # noqa: S603  the words are this file's own
        [go_command(), *words], cwd=MODULES / module, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(f"go {' '.join(words)} in {module}: {done.stderr.strip()}")
    return done.stdout


def go_command() -> str:
    """The go command on the PATH if it is new enough, or else the virtual environment's. Raises BuildError."""
    for found in filter(None, (which("go"), which("go", path=str(Path(sys.executable).parent)))):
        asked = [found, "env", "GOVERSION"]
        version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout  # noqa: S603
        if _numbers(version) >= GO:
            return found
    wanted = ".".join(str(number) for number in GO)
    raise BuildError(f"no Go {wanted} or newer on the PATH, nor in the virtual environment: pip install 'serinus[e2e]'")


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.strip().removeprefix("go").split(".")[:2]
    return tuple(int(part) for part in parts if part.isdigit())


def module_folders(module: str) -> Iterator[tuple[str, Path]]:
    """Each module that one of ours requires, by its path, and the folder with its files. Raises BuildError."""
    pinned = json.loads(go(module, "mod", "edit", "-json"))
    paths = [require["Path"] for require in pinned["Require"] if not require.get("Indirect")]
    decoder, text = json.JSONDecoder(), go(module, "mod", "download", "-json", *paths)
    while text := text.strip():
        found, end = decoder.raw_decode(text)
        yield found["Path"], Path(found["Dir"])
        text = text[end:]


def flagger_version() -> str:
    """The version of Flagger that its module pins, as `1.44.0`."""
    pinned = (MODULES / "flagger" / "go.mod").read_text(encoding="utf-8")
    return next(line.split()[1] for line in pinned.splitlines() if "fluxcd/flagger v" in line).removeprefix("v")


if __name__ == "__main__":
    try:
        build()
    except BuildError as error:
        sys.exit(str(error))
