"""Serinus: canary deployments for Kubernetes in small stateless handlers.

sync tick alert       one small file per event that is answered
app settings cli      what holds them together
rollout               pure: what to do next with a canary
step                  one step of one canary, through ports
events                pure: bytes -> events
routers providers notifiers   pure: one file per mesh, metric provider, messenger
adapters              the only code that opens a connection
sandbox               an embedded cluster with real traffic, for the demo and the tests
"""
