"""A Kubernetes API server in memory: what the demo runs on and what the tests talk to.

cluster                        one cluster: a request in, a reply out, no I/O
request status                 what goes in, what comes out when it is refused
routing discovery              which paths there are
resources builtin crds         which resources there are
store                          the objects, their revisions, and the log that watches read
reads watches selectors        get, list, watch
writes deletion scale reviews  create, update, delete, and the POSTs that store nothing
patches shapes                 JSON patch, merge patch, strategic merge
typed protobuf                 the Go types of built-in objects: decode, encode (types.json); what kubectl sends of them
fields managed apply           managedFields and server-side apply
schema validation              structural schemas of custom resources: prune, default, validate
defaults allocation            what the real server fills into built-in objects
rules                          what it refuses in them
pods autoscalers               both, for one kind
server kubeconfig              HTTP on loopback
"""
