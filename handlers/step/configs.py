"""Read the ConfigMaps and Secrets that a target's pods read: metadata in bulk, contents only where they are needed."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from handlers.errors import BadCanary, Conflict
from handlers.rollout.objects import Kind, Object, Ref, metadata, resource_version
from handlers.rollout.objects.configs import (
    KINDS,
    MISSING,
    NONE,
    Configs,
    carried,
    copied,
    copy_name,
    copy_of,
    digest,
    opted_out,
    ref_of,
    references,
    same_contents,
    tracked,
)
from handlers.rollout.spec.canary import Canary
from handlers.rollout.state import State
from handlers.step.ports import World
from handlers.step.scene import Found, Scene, key, token


def unread(target: Object | None, known: State | None) -> Configs:
    """The configs as they were when they were last read."""
    if target is None or known is None:
        return replace(NONE, unread=True)
    digests = {config: known.configs[config] for config in references(target) if config in known.configs}
    return Configs(digests=digests, unread=True)


def read(world: World, canary: Canary, target: Object, primary: Object | None, known: State) -> tuple[Configs, Found]:
    """The configs as they are, and they and their copies by their metadata. Raises Unavailable.

    One list per kind, whatever the number of configs, and one more read of each that the state does not know as it is.
    """
    names, before = references(target), carried(primary)
    there = _listed(world, canary.namespace, {KINDS[name.partition("/")[0]] for name in (*names, *before)})
    objects: dict[Ref, Object | None] = {}
    wanted = [name for name in names if name in there and not opted_out(there[name])]
    new = [name for name in wanted if known.observed.get(key(ref_of("", name))) != token(there[name])]
    for name, obj in zip(new, world.read(ref_of(canary.namespace, name) for name in new), strict=True):
        if obj is None:
            del there[name]
        else:
            there[name] = obj
    digests: dict[str, str] = {}
    for name, needed in names.items():
        objects[ref_of(canary.namespace, name)] = there.get(name)
        if found := _digest(name, there.get(name), known, fresh=name in new, needed=needed):
            digests[name] = found
    copies = {name: copy_name(canary, name, there) for name in digests if name in there}
    left = {name: copy_name(canary, name, there) for name in before if name not in copies}
    missing = tuple(name for name, needed in names.items() if needed and name not in there)
    configs = Configs(digests=digests, copies=copies, left=left, missing=missing)
    for name in configs.all_copies:
        for ref in configs.copy_refs(canary.namespace, name):
            objects[ref] = there.get(f"{name.partition('/')[0]}/{ref.name}")
    return configs, objects


def _digest(name: str, obj: Object | None, known: State, *, fresh: bool, needed: bool) -> str:
    """Empty: it is not tracked. One that is gone says what it said, for pods that have read it run on with it."""
    if obj is None:
        return known.configs.get(name, MISSING) if needed else ""
    if not fresh:
        return "" if opted_out(obj) else known.configs.get(name, "")
    return digest(name, obj) if tracked(name, obj) else ""


def _listed(world: World, namespace: str, kinds: Iterable[Kind]) -> dict[str, Object]:
    """The metadata of all configs of these kinds, by config."""

    def reader(kind: str) -> Callable[[], dict[str, Object]]:
        def listed() -> dict[str, Object]:
            items = world.cluster.list_metadata(KINDS[kind], namespace)
            return {f"{kind}/{metadata(item).get('name', '')}": item for item in items}

        return listed

    found: dict[str, Object] = {}
    for some in world.together([reader(kind) for kind in KINDS if KINDS[kind] in kinds]):
        found |= some
    return found


def with_contents(world: World, scene: Scene) -> Scene:
    """The scene with all configs and copies in full, for a step that may copy them; before its claim (rules 2 and 8).

    Raises Conflict when one has changed meanwhile, BadCanary when one is missing.
    """
    namespace, configs = scene.canary.namespace, scene.configs
    if configs.missing:
        raise BadCanary(f"{missing_text(namespace, configs)}, so the primary cannot have a copy")
    return _in_full(world, scene, configs.copies, configs.copies)


def with_stale(world: World, scene: Scene) -> Scene:
    """The scene with what stale copies are put right from. Raises Conflict when one has changed meanwhile."""
    sources = [config for config, before in scene.stale_copies.items() if not before]
    return _in_full(world, scene, sources, scene.stale_copies)


def _in_full(world: World, scene: Scene, sources: Iterable[str], copies: Iterable[str]) -> Scene:
    namespace = scene.canary.namespace
    refs = [ref_of(namespace, config) for config in sources]
    refs += [ref for config in copies for ref in scene.configs.copy_refs(namespace, config)]
    wanted = [ref for ref in refs if scene.found(ref) is not None]
    full = dict(zip(wanted, world.read(wanted), strict=True))
    for ref, obj in full.items():
        if resource_version(obj or {}) != resource_version(scene.found(ref) or {}):
            raise Conflict(f"{ref}: changed while it was read")
    return replace(scene, objects={**scene.objects, **full})


def rendered(scene: Scene, config: str, *, before: bool = False) -> tuple[Ref, Object]:
    """A copy as it must be, or as it was before. Raises BadCanary when what is there cannot be made into it."""
    namespace, prefixes = scene.canary.namespace, scene.snapshot.options.include_label_prefixes
    ref, previous = scene.configs.copy_refs(namespace, config)
    source = scene.found(previous if before else ref_of(namespace, config))
    assert source is not None  # noqa: S101  only what exists has a copy
    said = copied(source) if before else digest(config, source)
    return ref, copy_of(scene.canary, said, source, ref, scene.found(ref), prefixes)


def _kept(scene: Scene, config: str) -> tuple[Ref, Object] | None:
    """What a copy says, kept under another name, if that is what the primary was made with (protocol rule 19)."""
    ref, previous = scene.configs.copy_refs(scene.canary.namespace, config)
    copy = scene.found(ref)
    wanted = carried(scene.found(scene.canary.primary)).get(config)
    if copy is None or wanted is None or copied(copy) != wanted or wanted == scene.configs.digests[config]:
        return None
    return previous, copy_of(scene.canary, wanted, copy, previous, scene.found(previous), ())


def all_rendered(scene: Scene) -> list[tuple[Ref, Object]]:
    """All copies as they must be, in the order of writing: what no pod reads yet goes first, and what one said before.

    Raises BadCanary when one of them cannot be written, so before any is.
    """
    there = {config: scene.copies[config] for config in scene.configs.copies}
    kept = [kept for config in sorted(there) if (kept := _kept(scene, config))]
    made = [rendered(scene, config) for config in sorted(there, key=lambda config: (there[config] is not None, config))]
    made = [*kept, *made]
    names = [ref for ref, _ in made]
    if len(set(names)) < len(names):
        raise BadCanary(f"{scene.canary.ref}: two copies would have one name: {', '.join(map(str, names))}")
    return made


def as_copied(scene: Scene) -> bool:
    """Whether all copies say what their sources say."""
    pairs = [(scene.found(ref_of(scene.canary.namespace, name)), scene.copies[name]) for name in scene.configs.copies]
    return all(source and copy and same_contents(source, copy) for source, copy in pairs)


def missing_text(namespace: str, configs: Configs) -> str:
    """Which configs are missing; empty when none is."""
    names = ", ".join(str(ref_of(namespace, name)) for name in configs.missing)
    return f"{names} does not exist, and the pods need it" if names else ""
