"""A real Kubernetes control plane on loopback, without any node: etcd, API server, controllers and scheduler."""

import csv
import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

import yaml

from handlers.sandbox.kube import ApiError, Kube, Resource
from handlers.sandbox.process import HOST, Program, SandboxError, free_port, wait_for
from tests.controlplane.programs import path_of

Object = dict[str, Any]

ADMIN = "admin"
START_SECONDS = 60
GO_AT_ONCE = 0.0
"""An API server that is told to end waits for all watches first; nothing of it is kept."""
TLS = Path(__file__).parents[1] / "samples" / "tls"
"""Its key signs the tokens of service accounts, by its certificate they are known."""
CRDS: Final = Resource("apiextensions.k8s.io/v1", "customresourcedefinitions")
CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "daemonset-controller",
    "job-controller",
    "cronjob-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "namespace-controller",
    "node-lifecycle-controller",
    "garbage-collector-controller",
    "horizontal-pod-autoscaler-controller",
    "endpointslice-controller",
    "ttl-after-finished-controller",
)


class ControlPlane:
    """`with ControlPlane(directory) as plane: ...`. It has an administrator, and other users who may do as much.

    Every request is in the audit log, with the name of who made it. `controllers=False`: nobody else writes anything.
    """

    def __init__(self, directory: Path, *users: str, controllers: bool = True) -> None:
        self.directory = directory
        self._controllers = controllers
        self.url = ""
        self.kube: Kube
        self._tokens = {name: secrets.token_hex(16) for name in (ADMIN, *users)}
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            etcd = self._start_etcd(starting)
            self._start_apiserver(starting, etcd)
            self.kube = Kube.from_kubeconfig(self.kubeconfig(ADMIN))
            if self._controllers:
                self._start_controllers(starting)
                wait_for(self._has_accounts, "service accounts are made", START_SECONDS)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def kubeconfig(self, user: str) -> Path:
        """A kubeconfig of one of the users."""
        path = self.directory / f"{user}.kubeconfig"
        cluster = {"server": self.url, "certificate-authority": str(self.directory / "certs" / "apiserver.crt")}
        context = {"cluster": "plane", "user": user, "namespace": "default"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "plane",
            "clusters": [{"name": "plane", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": self._tokens[user]}}],
            "contexts": [{"name": "plane", "context": context}],
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config))
        return path

    def install(self, *definitions: Object) -> None:
        """Create CustomResourceDefinitions, or put these in the place of older ones, and wait until they are served."""
        for definition in definitions:
            try:
                self.kube.create(CRDS, definition)
            except ApiError as error:
                if error.status != 409:
                    raise
                self.kube.patch(CRDS, "", definition["metadata"]["name"], definition)
        for definition in definitions:
            self._await_served(definition)

    def kubectl(self, *words: str, stdin: str = "", user: str = ADMIN) -> str:
        """What kubectl prints; raises SandboxError with its complaint when it fails."""
        command = [str(path_of("kubectl")), f"--kubeconfig={self.kubeconfig(user)}", *words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)  # noqa: S603  ours
        if done.returncode:
            raise SandboxError(f"kubectl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def audit(self) -> Iterator[Object]:
        """Every request that has been answered so far, oldest first, in the form of audit.k8s.io/v1."""
        with (self.directory / "audit.log").open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)

    def _await_served(self, definition: Object) -> None:
        spec = definition["spec"]
        version = next(version["name"] for version in spec["versions"] if version["served"])
        resource = Resource(f"{spec['group']}/{version}", spec["names"]["plural"])

        def served() -> bool:
            try:
                self.kube.list(resource)
            except ApiError:
                return False
            return True

        wait_for(served, f"{definition['metadata']['name']} is served", START_SECONDS)

    def _has_accounts(self) -> bool:
        found = self.kube.list(Resource("v1", "serviceaccounts"), "default")["items"]
        return any(account["metadata"]["name"] == "default" for account in found)

    def _start_etcd(self, starting: ExitStack) -> str:
        client, peer = (f"http://{HOST}:{free_port()}" for _ in range(2))
        flags = {
            "data-dir": self.directory / "etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "unsafe-no-fsync": "true",  # nothing of it is kept
            "log-level": "error",
        }
        self._start(starting, "etcd", flags)
        return client

    def _start_apiserver(self, starting: ExitStack, etcd: str) -> None:
        with (self.directory / "tokens.csv").open("w", encoding="utf-8") as file:
            writer = csv.writer(file)
            for name, token in self._tokens.items():
                writer.writerow([token, name, name, "system:masters"])
        rule = {"level": "Metadata", "omitStages": ["RequestReceived"]}
        policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [rule]}
        (self.directory / "audit.yaml").write_text(yaml.safe_dump(policy))
        port = free_port()
        self.url = f"https://{HOST}:{port}"
        flags = {
            "etcd-servers": etcd,
            "bind-address": HOST,
            "external-hostname": HOST,
            "secure-port": port,
            "cert-dir": self.directory / "certs",
            "token-auth-file": self.directory / "tokens.csv",
            "service-account-key-file": TLS / "cert.pem",
            "service-account-signing-key-file": TLS / "key.pem",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-cluster-ip-range": "10.96.0.0/16",
            "authorization-mode": "RBAC",
            "enable-admission-plugins": "OwnerReferencesPermissionEnforcement",  # as OpenShift has it
            "endpoint-reconciler-type": "none",
            "audit-policy-file": self.directory / "audit.yaml",
            "audit-log-path": self.directory / "audit.log",
            "audit-log-maxsize": 1024,  # MB; at 100, which is the default, it goes on in another file
        }
        program = self._start(starting, "kube-apiserver", flags)
        program.wait_for(self._ready, "is ready", START_SECONDS)

    def _ready(self) -> bool:
        if not (self.directory / "certs" / "apiserver.crt").exists():
            return False
        kube = Kube.from_kubeconfig(self.kubeconfig(ADMIN))
        try:
            kube.list(Resource("v1", "namespaces"))
            kube.get(Resource("v1", "namespaces"), "", "default")
        except ApiError:
            return False
        return True

    def _start_controllers(self, starting: ExitStack) -> None:
        flags = {
            "kubeconfig": self.kubeconfig(ADMIN),
            "controllers": ",".join(CONTROLLERS),
            "service-account-private-key-file": TLS / "key.pem",
            "leader-elect": "false",
            "bind-address": HOST,
            "secure-port": free_port(),
            "cert-dir": self.directory / "controllers",
        }
        self._start(starting, "kube-controller-manager", flags)
        shared = ("kubeconfig", "leader-elect", "bind-address")
        own = {"secure-port": free_port(), "cert-dir": self.directory / "scheduler"}
        self._start(starting, "kube-scheduler", {name: flags[name] for name in shared} | own)

    def _start(self, starting: ExitStack, name: str, flags: dict[str, object]) -> Program:
        command = [str(path_of(name)), *(f"--{flag}={value}" for flag, value in flags.items())]
        program = Program(command, self.directory / f"{name}.log")
        starting.callback(program.stop, GO_AT_ONCE)
        return program
