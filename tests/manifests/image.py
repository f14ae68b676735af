"""Does what the Dockerfile says, without a Docker engine and without a network, in a directory of its own.

Its instructions are read from the file and its commands run as they stand. What is different: the base image is this
machine with the Python that runs the tests, the two build arguments lead into the directory, and pip gets what it asks
for from what is installed here.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.manifests.files import ROOT

TEXT = (ROOT / "Dockerfile").read_text()
USER = 65532
_APP = "/opt/serinus"
_EXTRAS = ("", "otel")


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name, and the rest of it on one line."""

    name: str
    rest: str

    @property
    def words(self) -> list[str]:
        """The rest as JSON, if it is in that form, or else as a shell splits it."""
        found: list[str] = json.loads(self.rest) if self.rest.startswith("[") else shlex.split(self.rest)
        return found


def stages() -> dict[str, list[Instruction]]:
    """The instructions of each stage, by its name; those before the first are in the stage of no name."""
    joined = re.sub(r"\\\n", " ", "\n".join(line for line in TEXT.splitlines() if not line.lstrip().startswith("#")))
    found: dict[str, list[Instruction]] = {"": []}
    name = ""
    for line in joined.splitlines():
        if line.strip():
            made = Instruction(*line.strip().split(maxsplit=1))
            name = made.words[-1] if made.name == "FROM" else name
            found.setdefault(name, []).append(made)
    return found


def last(stage: str, name: str) -> Instruction:
    """The one of a name that counts."""
    return [made for made in stages()[stage] if made.name == name][-1]


def environ(stage: str) -> dict[str, str]:
    """The variables that a stage sets."""
    pairs = [word.partition("=") for made in stages()[stage] if made.name == "ENV" for word in made.words]
    return {name: value for name, _, value in pairs}


@dataclass(frozen=True)
class Image:
    """What was built: `app` is the directory of the apps, which the handlers' image has too, `root` its root."""

    app: Path
    root: Path

    def handlers(self, *arguments: str, **more: str) -> "subprocess.Popen[bytes]":
        """Start the entry point, or another program, as a container would: with its root, user and variables."""
        variables = {name: value.replace(_APP, str(self.app)) for name, value in environ("handlers").items()}
        command = arguments or [*last("handlers", "ENTRYPOINT").words, *last("handlers", "CMD").words]

        def enter() -> None:
            os.chroot(self.root)
            os.chdir("/")
            os.setgroups([])
            os.setgid(USER)
            os.setuid(USER)

        return subprocess.Popen(  # noqa: S603  what the Dockerfile says
            [f"{self.app}/bin/{command[0]}", *command[1:]],
            env={**variables, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=enter,  # noqa: PLW1509  nothing else happens in this process meanwhile
        )

    def loadtester(self, **more: str) -> "subprocess.Popen[bytes]":
        """Start the load tester's entry point; its image is the base image and the apps."""
        program, *rest = [*last("loadtester", "ENTRYPOINT").words, *last("loadtester", "CMD").words]
        path = f"{self.app}/bin:{os.environ['PATH']}"
        variables = {**environ("loadtester"), "PATH": path, **more}
        return subprocess.Popen([f"{self.app}/bin/{program}", *rest], env=variables)  # noqa: S603  same


def build(place: Path) -> Image:
    """Do all that the stage `build` says, unless it is done. Raises AssertionError with what a command printed."""
    image = Image(app=place / "opt" / "serinus", root=place / "root")
    if image.root.exists():
        return image
    (place / "bin").mkdir(parents=True)
    (place / "wheels").mkdir()
    wheels(place / "wheels")
    python = Path(os.path.realpath(sys._base_executable))  # type: ignore[attr-defined]  # venv uses it too
    (place / "bin" / "python").symlink_to(python)
    pip = place / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pip "$@"\n')
    pip.chmod(0o755)
    variables = {
        "PATH": f"{place / 'bin'}:{os.defpath}",
        "HOME": str(place),
        "APP": str(image.app),
        "ROOT": str(image.root),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(place / "wheels"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    work = place / "src"
    for made in stages()["build"]:
        match made.name:
            case "COPY":
                _copy(made.words, work)
            case "RUN":
                _run(made.rest, work, variables)
            case "FROM" | "ARG" | "WORKDIR":
                work.mkdir(exist_ok=True)
            case _:
                raise AssertionError(f"{made.name}: nobody has said what that does")
    for found in image.root.rglob("*/"):
        found.chmod(found.stat().st_mode | 0o555)  # Python may be in somebody's home here
    return image


def _copy(words: Sequence[str], work: Path) -> None:
    *sources, target = words
    for source in sources:
        if (ROOT / source).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")  # as .dockerignore says
            shutil.copytree(ROOT / source, work / target, ignore=ignored)
        else:
            shutil.copy(ROOT / source, work / target)


def _run(command: str, work: Path, variables: Mapping[str, str]) -> None:
    done = subprocess.run(  # noqa: S603  what the Dockerfile says
        ["/bin/sh", "-c", command],
        cwd=work,
        env=dict(variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def wheels(place: Path) -> None:
    """What is installed here and the image needs, as wheels: pip can install from these without a network."""
    for found in {item.name: item for item in (*_needed("serinus", _EXTRAS), distribution("setuptools"))}.values():
        if found.name != "serinus":
            _wheel(found, place)


def _needed(name: str, extras: Sequence[str]) -> Iterator[Distribution]:
    found = distribution(name)
    yield found
    for text in found.requires or ():
        wanted = Requirement(text)
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in extras):
            yield from _needed(wanted.name, ("", *wanted.extras))


def _wheel(found: Distribution, place: Path) -> None:
    tags = re.findall(r"^Tag: (\S+)$", found.read_text("WHEEL") or "", re.MULTILINE)
    name = re.sub(r"[-_.]+", "_", found.name)
    made = place / f"{name}-{found.version}-{tags[-1]}.whl"
    if made.exists():
        return
    own = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
    files = [
        path
        for path in found.files or ()
        if path.parts[0] != ".."
        and "__pycache__" not in path.parts
        and not (".dist-info" in str(path.parent) and path.name in own)
    ]
    info = next(path.parent for path in files if path.name == "METADATA" and ".dist-info" in str(path.parent))
    with zipfile.ZipFile(made, "w") as archive:
        for path in files:
            archive.write(found.locate_file(path), path.as_posix())  # type: ignore[arg-type]  # it is a path of files
        archive.writestr(f"{info}/RECORD", "".join(f"{path.as_posix()},,\n" for path in files) + f"{info}/RECORD,,\n")
