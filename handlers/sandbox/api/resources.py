"""What a resource is, and the built-in ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from handlers.sandbox.api.schema import Schema
from handlers.sandbox.api.shapes import LEAF, Shape
from handlers.sandbox.api.typed import Typed, type_of

Key = tuple[str, str]  # group, plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Where the replicas and the selector are that the scale subresource reads and writes."""

    spec: tuple[str, ...] = ("spec", "replicas")
    status: tuple[str, ...] = ("status", "replicas")
    selector: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version in which a resource is served: a custom one has a schema, a built-in one a type."""

    name: str
    schema: Schema | None = None
    type: Typed | None = None
    shape: Shape = LEAF
    status: bool = False
    scale: Scale | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A kind of object with its names; objects are stored in the version `storage`."""

    group: str
    plural: str
    kind: str
    namespaced: bool
    storage: str
    versions: Mapping[str, Version]
    list_kind: str = ""
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    custom: bool = False
    counts: bool = False  # whether metadata.generation is kept
    subresources: tuple[str, ...] = field(default=())  # beyond status and scale

    @property
    def key(self) -> Key:
        """What tells resources apart, whatever the version."""
        return self.group, self.plural

    def api_version(self, version: str) -> str:
        """The apiVersion of an object in one of the versions."""
        return f"{self.group}/{version}" if self.group else version


# group/version plural Kind short-names flags (cluster: no namespace, counts: keeps a generation, +: subresource)
_TABLE = """
v1 namespaces Namespace ns cluster status
v1 pods Pod po status counts +binding +eviction
v1 services Service svc status
v1 endpoints Endpoints ep
v1 configmaps ConfigMap cm
v1 secrets Secret -
v1 events Event ev
v1 serviceaccounts ServiceAccount sa +token
v1 nodes Node no cluster status
apps/v1 deployments Deployment deploy status counts scale
apps/v1 replicasets ReplicaSet rs status counts scale
apps/v1 daemonsets DaemonSet ds status counts
apps/v1 statefulsets StatefulSet sts status counts scale
batch/v1 jobs Job - status counts
batch/v1 cronjobs CronJob cj status counts
autoscaling/v2 horizontalpodautoscalers HorizontalPodAutoscaler hpa status
discovery.k8s.io/v1 endpointslices EndpointSlice - counts
coordination.k8s.io/v1 leases Lease -
networking.k8s.io/v1 ingresses Ingress ing status counts
policy/v1 poddisruptionbudgets PodDisruptionBudget pdb status counts
events.k8s.io/v1 events Event ev
rbac.authorization.k8s.io/v1 roles Role -
rbac.authorization.k8s.io/v1 rolebindings RoleBinding -
rbac.authorization.k8s.io/v1 clusterroles ClusterRole - cluster
rbac.authorization.k8s.io/v1 clusterrolebindings ClusterRoleBinding - cluster
apiextensions.k8s.io/v1 customresourcedefinitions CustomResourceDefinition crd cluster status counts
"""
_ALL = {"pods", "services", "deployments", "replicasets", "daemonsets", "statefulsets", "jobs", "cronjobs"}
NAMESPACES: Key = ("", "namespaces")
CRDS: Key = ("apiextensions.k8s.io", "customresourcedefinitions")


def builtins() -> dict[Key, Resource]:
    """The resources that every cluster serves."""
    return {resource.key: resource for resource in map(_row, _TABLE.strip().splitlines())}


def _row(line: str) -> Resource:
    place, plural, kind, short, *flags = line.split()
    group, _, version = place.rpartition("/")
    scale = Scale(selector=("spec", "selector")) if "scale" in flags else None
    typed = type_of(place, kind)
    served = Version(name=version, type=typed, shape=typed or LEAF, status="status" in flags, scale=scale)
    return Resource(
        group=group,
        plural=plural,
        kind=kind,
        list_kind=f"{kind}List",
        singular=kind.lower(),
        short_names=() if short == "-" else (short,),
        categories=("all",) if plural in _ALL else (),
        namespaced="cluster" not in flags,
        storage=version,
        versions=MappingProxyType({version: served}),
        counts="counts" in flags,
        subresources=tuple(flag[1:] for flag in flags if flag.startswith("+")),
    )
