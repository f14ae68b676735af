"""The Go types of built-in objects, from the modules that `go/kubernetes` pins, as the embedded API server wants them.

`python -m tests.controlplane.go_types` writes `handlers/sandbox/api/types.json`: per type, its fields in their order,
each as `TYPE [FLAG...]`. A type is a name of the file, a kind of value, or one of these after `[]` (list), `{}` (map).
Flags: `*` a pointer, `?` left out when empty, `=VALUE` the default of a list's key; `key:NAME`, `set` and `atomic` say
how an apply merges it, `merge:NAME` how a strategic merge patch does; `#NUMBER` is its number in protobuf, `#2.1` that
of one in a message whose fields JSON has as its own.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.controlplane.programs import MODULES, go_command

FILE: Final = Path(__file__).parents[2] / "handlers" / "sandbox" / "api" / "types.json"
KINDS: Final = {
    "apiextensions/v1": "CustomResourceDefinition",
    "core/v1": "Namespace Pod Service Endpoints ConfigMap Secret Event ServiceAccount Node",
    "apps/v1": "Deployment ReplicaSet DaemonSet StatefulSet",
    "batch/v1": "Job CronJob",
    "autoscaling/v1": "Scale",
    "autoscaling/v2": "HorizontalPodAutoscaler",
    "discovery/v1": "EndpointSlice",
    "coordination/v1": "Lease",
    "networking/v1": "Ingress",
    "policy/v1": "PodDisruptionBudget Eviction",
    "authentication/v1": "TokenRequest TokenReview SelfSubjectReview",
    "authorization/v1": "SelfSubjectAccessReview SubjectAccessReview",
    "events/v1": "Event",
    "rbac/v1": "Role RoleBinding ClusterRole ClusterRoleBinding",
}
"""The kinds of the embedded server, and of what it is sent, by their packages in k8s.io/api."""
_META = "meta/v1"
_ELSEWHERE = {
    _META: ("k8s.io/apimachinery", "pkg/apis/meta/v1"),
    "apiextensions/v1": ("k8s.io/apiextensions-apiserver", "pkg/apis/apiextensions/v1"),
}
_KNOWN: Final = {
    f"{_META}.Time": "time",
    f"{_META}.MicroTime": "time",
    f"{_META}.Duration": "string",
    f"{_META}.FieldsV1": "any",
    "types.UID": "string",
    "intstr.IntOrString": "intstr",
    "resource.Quantity": "quantity",
    "runtime.RawExtension": "any",
    "[]byte": "bytes",
    "interface{}": "any",
    "apiextensions/v1.JSONSchemaProps": "any",
}
_SCALARS: Final = ("string", "bool", "int32", "int64", "float64")
_TYPE = re.compile(r"^type (\w+) (.+?)( \{)?$")
_FIELD = re.compile(r"^\t(?:(\w+) )?\s*([\w.*\[\]{}]+)\s+`json:\"([^\"]*)\"(.*)`")
_NUMBER = re.compile(r'protobuf:"\w+,(\d+)')
_MARKER = re.compile(r"^\s*// ?\+(\w+)(?:=(.*))?$")


@dataclass(slots=True)
class _Struct:
    """A struct, or what another type is an alias of; embedded ones are without a name."""

    atomic: bool = False
    alias: str = ""
    fields: list[tuple[str, str, str, str, dict[str, list[str]]]] = field(default_factory=list)
    """Name, type, JSON tag, number, markers."""


def made() -> str:
    """The text of the file."""
    types = _Types()
    for package, kinds in KINDS.items():
        for kind in kinds.split():
            types.need(f"{package}.{kind}")
    lines = [f"{json.dumps(name)}: {json.dumps(types.found[name])}" for name in sorted(types.found)]
    return "{\n" + ",\n".join(lines) + "\n}\n"


class _Types:
    def __init__(self) -> None:
        self.found: dict[str, dict[str, str]] = {}
        self._packages: dict[str, dict[str, _Struct]] = {}

    def need(self, name: str) -> None:
        """Put a type into the file, with all that it is made of."""
        if name in self.found:
            return
        self.found[name] = {}
        self.found[name] = dict(self._fields(name))

    def _fields(self, name: str, within: str = "#") -> Iterator[tuple[str, str]]:
        package, _, _ = name.rpartition(".")
        for go_name, kind, tag, number, markers in self._struct(name).fields:
            label, *options = tag.split(",")
            if "inline" in options or (not go_name and not label):
                yield from self._fields(self._full(package, kind.lstrip("*")), f"{within}{number}." if number else "")
                continue
            value, atomic = self._value(package, kind.lstrip("*"))
            flags = ["*"] if kind.startswith("*") else []
            shown = value in self.found or value == "time"  # a struct has no empty value that Go would leave out
            flags += ["?"] if "omitzero" in options or ("omitempty" in options and not (shown and not flags)) else []
            flags += [f"{within}{number}"] if number and within else []
            yield label, " ".join([value, *flags, *_merging(markers, atomic=atomic)])

    def _value(self, package: str, kind: str) -> tuple[str, bool]:
        """A type as the file spells it, and whether an apply takes its values as a whole."""
        if kind in _SCALARS or kind in _KNOWN:
            return _KNOWN.get(kind, kind), False
        for start, sign in (("[]", "[]"), ("map[", "{}")):
            if kind.startswith(start):
                below, _ = self._value(package, kind.partition("]")[2].lstrip("*"))
                return sign + below, False
        full = self._full(package, kind)
        if full in _KNOWN:
            return _KNOWN[full], False
        struct = self._struct(full)
        if struct.alias:
            return self._value(full.rpartition(".")[0], struct.alias)
        self.need(full)
        return full, struct.atomic

    def _full(self, package: str, kind: str) -> str:
        if "." not in kind:
            return f"{package}.{kind}"
        short, _, name = kind.partition(".")
        return {"metav1": f"{_META}.{name}", "v1": f"core/v1.{name}", "corev1": f"core/v1.{name}"}.get(short, kind)

    def _struct(self, name: str) -> _Struct:
        package, _, kind = name.rpartition(".")
        if package not in self._packages:
            self._packages[package] = dict(_structs(_folder(package)))
        return self._packages[package][kind]


def _merging(markers: dict[str, list[str]], *, atomic: bool) -> Iterator[str]:
    """The flags of a field's markers."""
    if "default" in markers and markers["default"][0].startswith('"'):
        yield "=" + markers["default"][0].strip('"')
    if markers.get("listType") == ["map"]:
        yield from (f"key:{key}" for key in markers["listMapKey"])
    if markers.get("listType") == ["set"]:
        yield "set"
    if atomic or "atomic" in [*markers.get("mapType", ()), *markers.get("structType", ())]:
        yield "atomic"
    if any("merge" in strategy.split(",") for strategy in markers.get("patchStrategy", ())):
        yield "merge:" + markers.get("patchMergeKey", [""])[0]


def _structs(folder: Path) -> Iterator[tuple[str, _Struct]]:
    for file in sorted(folder.glob("*types*.go")):
        if not file.name.endswith("doc_generated.go"):
            yield from _structs_of(file.read_text(encoding="utf-8").splitlines())


def _structs_of(lines: list[str]) -> Iterator[tuple[str, _Struct]]:
    markers: dict[str, list[str]] = {}
    struct = _Struct()
    for line in lines:
        if marker := _MARKER.match(line):
            markers.setdefault(marker[1], []).append(marker[2] or "")
            continue
        if declared := _TYPE.match(line):
            alias = "" if declared[2] in ("struct", "struct{}") else declared[2].removeprefix("= ")
            struct = _Struct("atomic" in markers.get("structType", ()), alias)
            yield declared[1], struct
        elif member := _FIELD.match(line):
            for name in ("patchStrategy", "patchMergeKey"):
                if tag := re.search(rf'{name}:"([^"]*)"', member[4]):
                    markers[name] = [tag[1]]
            number = _NUMBER.search(member[4])
            struct.fields.append((member[1] or "", member[2], member[3], number[1] if number else "", markers))
        if line.strip() and not line.lstrip().startswith("//"):
            markers = {}


def _folder(package: str) -> Path:
    module, path = _ELSEWHERE.get(package, ("k8s.io/api", package))
    command = [go_command(), "list", "-m", "-f", "{{.Dir}}", module]
    done = subprocess.run(command, cwd=MODULES / "kubernetes", capture_output=True, text=True, check=True)  # noqa: S603  ours
    return Path(done.stdout.strip()) / path


if __name__ == "__main__":
    FILE.write_text(made(), encoding="utf-8")
