"""What each service account may do, and a site where it is told what it asks for."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from handlers.sandbox.kube import Resource
from tests.adapters import loopback
from tests.controlplane.control_plane import ControlPlane, Object
from tests.e2e import account
from tests.e2e.town import App, Town

Right = tuple[str, str, str, str]
"""Who may, API group, resource with its subresource, verb."""


def granted(name: str) -> dict[Right, str]:
    """What an account may do, and the ClusterRole that says so."""
    documents = account.rights()
    bindings = [item for item in documents if item["kind"] == "ClusterRoleBinding"]
    mine = {item["roleRef"]["name"] for item in bindings if item["subjects"][0]["name"] == name}
    return {
        (name, group, resource, verb): item["metadata"]["name"]
        for item in documents
        if item["kind"] == "ClusterRole" and item["metadata"]["name"] in mine
        for rule in item["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


RIGHTS = granted(account.HANDLERS) | granted(account.RUN_JOB)


@dataclass(frozen=True, slots=True)
class Site:
    """A control plane with the handlers and what runs Jobs at work, each as its service account.

    `hooks`: Prometheus, a messenger, and the way to what runs Jobs.
    """

    plane: ControlPlane
    town: Town
    hooks: loopback.Server

    def used(self) -> set[Right]:
        """What the accounts have asked for so far."""
        return {_right(entry) for entry in self._asked()}

    def refusals(self) -> int:
        """How often an account was refused so far for want of a right."""
        return sum(entry["responseStatus"]["code"] == HTTPStatus.FORBIDDEN for entry in self._asked())

    def idles(self, app: App) -> None:
        """Wait until a tick reads no object of its own in the app's namespace: the lists show that all is at rest."""
        reads = [-1]

        def quiet() -> bool:
            mine = [entry["objectRef"] for entry in self._asked() if entry["verb"] == "get"]
            reads.append(sum(ref.get("namespace") == app.namespace for ref in mine))
            return reads[-1] == reads[-2]

        app.ticks_until(quiet, "a tick reads nothing")

    def _asked(self) -> Iterator[Object]:
        """The requests of all accounts, from the audit log."""
        return (entry for entry in self.plane.audit() if entry["user"]["username"].startswith(account.username("")))

    def allowed(self, right: Right) -> bool:
        """Whether the API server says that the account may."""
        who, group, resource, verb = right
        name, _, sub = resource.partition("/")
        asked = {"group": group, "resource": name, "subresource": sub, "verb": verb}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "metadata": {}}
        reviews = Resource("authorization.k8s.io/v1", "subjectaccessreviews")
        spec = {"user": account.username(who), "resourceAttributes": asked}
        answer = self.plane.kube.create(reviews, review | {"spec": spec})
        return bool(answer["status"]["allowed"])

    def rules(self, name: str, namespace: str = account.NAMESPACE) -> str:
        """All that an account may do anywhere, as a table of kubectl's."""
        user = account.username(name, namespace)
        return self.plane.kubectl("auth", "can-i", "--list", "--no-headers", f"--as={user}")


def _right(entry: Object) -> Right:
    ref, who = entry["objectRef"], entry["user"]["username"].removeprefix(account.username(""))
    resource = f"{ref['resource']}/{ref['subresource']}" if "subresource" in ref else ref["resource"]
    return who, ref.get("apiGroup", ""), resource, entry["verb"]
