"""The only code that opens connections: Kubernetes, HTTP, Prometheus."""
