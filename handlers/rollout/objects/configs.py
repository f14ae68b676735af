"""ConfigMaps and Secrets that a target's pods read: found, told from one another by their contents, and copied for the
primary. Rules from Flagger's canary/config_tracker.go.

A config is called as in Flagger's `.status.trackedConfigs`: `configmap/NAME` or `secret/NAME`.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from handlers.errors import BadCanary
from handlers.rollout.objects import CANARY, CONFIG_MAP, SECRET, Object, Ref, annotations, labels, metadata, spec
from handlers.rollout.objects.ownership import (
    PREFIX,
    ROLLOUT_MANAGERS,
    copied_labels,
    fields_of,
    generated,
    managed_fields,
    with_metadata,
)
from handlers.rollout.objects.parts import at, each
from handlers.rollout.spec.canary import Canary

CONFIGS = f"{PREFIX}configs"
"""Annotation of the primary's pod template: the configs that it was made with, and their digests, as JSON."""
COPIED = f"{PREFIX}copied"
"""Annotation of a copy: the digest of what it was copied from."""
MISSING = "missing"
"""Stands for the digest of a config that the pods need and that does not exist."""

KINDS = {"configmap": CONFIG_MAP, "secret": SECRET}
_OPT_OUT = ("flagger.app/config-tracking", f"{PREFIX}config-tracking")
# others, those of registries above all, belong to service accounts
_TYPES = frozenset({"Opaque", "kubernetes.io/basic-auth", "kubernetes.io/ssh-auth", "kubernetes.io/tls"})
_CONTENTS = ("data", "binaryData")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configs:
    """The tracked configs of a target: digests and the names of their copies, by config.

    `left`: copies of those that only the primary still reads. `missing`: configs that the pods need and that do not
    exist. `unread`: these are the digests of an earlier look.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    unread: bool = False

    @property
    def all_copies(self) -> Mapping[str, str]:
        """The names of all copies that primary or target have to do with, by config."""
        return {**self.left, **self.copies}

    def copy_refs(self, namespace: str, config: str) -> tuple[Ref, Ref]:
        """Where the copy of a config lives, and what that said before, until the primary has followed it."""
        name = self.all_copies[config]
        return ref_of(namespace, config, name), ref_of(namespace, config, f"{name}-previous")


NONE = Configs()


def ref_of(namespace: str, config: str, name: str = "") -> Ref:
    """Where a config lives, or the object of its kind with another name."""
    kind, _, own = config.partition("/")
    return Ref(KINDS[kind], namespace, name or own)


def references(workload: Object) -> Mapping[str, bool]:
    """The configs that a workload's pods read, and whether they need them: they do unless all say `optional`."""
    found: dict[str, bool] = {}

    def remember(config: str, optional: bool) -> str:
        found[config] = found.get(config, False) or not optional
        return config.partition("/")[2]

    _renamed(spec(spec(workload).get("template") or {}), remember)
    return dict(sorted(found.items()))


def with_copies(pod: Object, copies: Mapping[str, str]) -> dict[str, Any]:
    """A pod spec that reads the copies in place of the configs (ApplyPrimaryConfigs)."""
    return dict(_renamed(pod, lambda config, _: copies.get(config, config.partition("/")[2])))


def _renamed(pod: Object, name: Callable[[str, bool], str]) -> Object:
    def source(kind: str, key: str = "name") -> Callable[[Object], Object]:
        return lambda obj: at(obj, key, lambda own: name(f"{kind}/{own}", bool(obj.get("optional"))))

    def either(obj: Object, of_map: str, of_secret: str, key: str = "name") -> Object:
        return at(at(obj, of_map, source("configmap")), of_secret, source("secret", key))

    def variable(obj: Object) -> Object:
        return at(obj, "valueFrom", lambda value: either(value, "configMapKeyRef", "secretKeyRef"))

    def container(obj: Object) -> Object:
        obj = at(obj, "env", each(variable))
        return at(obj, "envFrom", each(lambda item: either(item, "configMapRef", "secretRef")))

    def volume(obj: Object) -> Object:
        obj = either(obj, "configMap", "secret", "secretName")
        every = each(lambda item: either(item, "configMap", "secret"))
        return at(obj, "projected", lambda projected: at(projected, "sources", every))

    pod = at(at(pod, "volumes", each(volume)), "containers", each(container))
    return at(pod, "initContainers", each(container))


def opted_out(config: Object) -> bool:
    """Whether its owner wants it left alone: pods of primary and canary read the same one."""
    return any(annotations(config).get(key, "").startswith("disable") for key in _OPT_OUT)


def tracked(config: str, obj: Object) -> bool:
    """Whether it is tracked at all; a Secret by its type."""
    return not opted_out(obj) and (config.startswith("configmap/") or obj.get("type", "Opaque") in _TYPES)


def digest(config: str, obj: Object) -> str:
    """16 hex digits that tell its contents.

    Those of a Secret cannot be guessed from it: the key is its uid, which nobody knows who may not read Secrets. A
    Secret that was deleted and made again is thus another one; a ConfigMap is not.
    """
    key = str(metadata(obj).get("uid", "")) if config.startswith("secret/") else ""
    contents = _json({name: obj.get(name) or {} for name in _CONTENTS})
    return hmac.new(key.encode(), contents.encode(), hashlib.sha256).hexdigest()[:16]


def copy_name(canary: Canary, config: str, there: Mapping[str, Object]) -> str:
    """`NAME-primary`; `NAME-CANARY-primary` where that is somebody else's. `there`: metadata, by config."""
    kind, _, name = config.partition("/")
    first = f"{name}-primary"
    existing = there.get(f"{kind}/{first}")
    return first if existing is None or only_ours(existing, canary) else f"{name}-{canary.name}-primary"


def only_ours(obj: Object, canary: Canary) -> bool:
    """Whether it was made for this Canary and for no other; Flagger lets canaries share one copy."""
    owners = metadata(obj).get("ownerReferences") or ()
    return {owner.get("uid") for owner in owners if owner.get("kind") == CANARY.name} == {canary.uid}


def copy_of(  # noqa: PLR0913, PLR0917  what a copy is made of
    canary: Canary, said: str, source: Object, ref: Ref, existing: Object | None, prefixes: tuple[str, ...]
) -> dict[str, Any]:
    """The primary's copy of a config (CreatePrimaryConfigs). It is never immutable, for it follows its source.

    `said`: the digest of the config, also where the source is a copy itself. Raises BadCanary, with no value in it,
    when what is there cannot be made into it.
    """
    if existing is not None:
        _check_writable(canary, source, ref, existing)
    base = {key: value for key, value in generated(ref, canary, existing).items() if key not in _CONTENTS}
    new = with_metadata(
        base,
        labels={**labels(base), **copied_labels(labels(source), prefixes)},
        annotations={**annotations(base), COPIED: said},
    )
    carried = {key: source[key] for key in (*_CONTENTS, "type") if source.get(key)}
    return {**new, **carried}


def _check_writable(canary: Canary, source: Object, ref: Ref, existing: Object) -> None:
    if not only_ours(existing, canary):
        raise BadCanary(f"{ref}: is needed for a copy and was not made for Canary {canary.namespace}/{canary.name}")
    if existing.get("immutable") and not same_contents(source, existing):
        raise BadCanary(f"{ref}: is immutable and must follow what it is a copy of; delete it")
    if existing.get("type") != source.get("type"):
        raise BadCanary(f"{ref}: its type {existing.get('type')!r} cannot become {source.get('type')!r}; delete it")


def same_contents(one: Object, other: Object) -> bool:
    """Whether two configs say the same."""
    return all((one.get(key) or {}) == (other.get(key) or {}) for key in _CONTENTS)


def carried(primary: Object | None) -> Mapping[str, str]:
    """What a primary's pod template was made with: digests by config; empty when it has none, or not legibly."""
    template = spec(primary or {}).get("template") or {}
    try:
        found = json.loads(annotations(template).get(CONFIGS, "{}"))
    except ValueError:
        return {}
    found = found if isinstance(found, Mapping) else {}
    return {config: digest for config, digest in found.items() if config.partition("/")[0] in KINDS}


def said(configs: Configs) -> Mapping[str, str]:
    """The annotation that says so; with another content the pods are made anew."""
    digests = {config: configs.digests[config] for config in configs.copies}
    return {CONFIGS: _json(digests)} if digests else {}


def ahead(configs: Configs, copies: Mapping[str, Object | None], primary: Object | None) -> bool:
    """Whether a copy is newer than the primary's pod template: a promotion has begun and has to be finished."""
    before = carried(primary)
    return any(
        copied(copies.get(config)) == configs.digests[config] != before.get(config, configs.digests[config])
        for config in configs.copies
    )


def stale(
    configs: Configs, copies: Mapping[str, Object | None], previous: Mapping[str, Object | None], primary: Object | None
) -> Mapping[str, bool]:
    """The configs whose copy does not say what the primary was made with, if that is known still; and whether only
    from what the copy said before.
    """
    found: dict[str, bool] = {}
    for config, wanted in carried(primary).items():
        copy = copies.get(config)
        if config in configs.all_copies and (copied(copy) != wanted or _edited(copy)):
            if config in configs.copies and configs.digests[config] == wanted:
                found[config] = False
            elif copied(previous.get(config)) == wanted:
                found[config] = True
    return found


def _edited(copy: Object | None) -> bool:
    """Whether somebody else has written what a copy says: of a copy only the metadata are read."""
    others = (entry for entry in managed_fields(copy or {}) if entry.get("manager") not in ROLLOUT_MANAGERS)
    return any(fields_of(entry, f"f:{key}") is not None for entry in others for key in _CONTENTS)


def copied(copy: Object | None) -> str:
    """The digest of what a copy was copied from; empty for what is none."""
    return annotations(copy or {}).get(COPIED, "")


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
