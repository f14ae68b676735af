// Modules that are here for their CustomResourceDefinitions: nothing of them is built.
module serinus.dev/controlplane/crds

go 1.26.0

require (
	github.com/argoproj/argo-cd/v3 v3.5.1
	github.com/fluxcd/flagger v1.44.0
	github.com/kedacore/keda/v2 v2.18.0
	github.com/prometheus-operator/prometheus-operator v0.85.0
	istio.io/api v1.31.1
	knative.dev/eventing v0.50.0
	knative.dev/serving v0.50.0
	sigs.k8s.io/gateway-api v1.6.3
)
