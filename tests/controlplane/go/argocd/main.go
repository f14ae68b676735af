// Argo CD's notifications for Applications: its template, trigger and delivery code, without the rest of Argo CD,
// whose module cannot be built from elsewhere. Which variables templates have, and when an Application is looked at,
// is told after argo-cd/util/notification/settings and argo-cd/notification_controller.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/argoproj/notifications-engine/pkg/api"
	"github.com/argoproj/notifications-engine/pkg/controller"
	"github.com/argoproj/notifications-engine/pkg/services"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	namespace = "argocd"
	resync    = time.Minute
)

func variables(_ *api.Config, _ *corev1.ConfigMap, secret *corev1.Secret) (api.GetVars, error) {
	return func(app map[string]any, dest services.Destination) map[string]any {
		return map[string]any{"app": app, "secrets": secret.Data, "context": map[string]string{}}
	}, nil
}

// An Application whose status is older than its last sync tells of the one before.
func outOfDate(object metav1.Object) (bool, string) {
	app := object.(*unstructured.Unstructured)
	finished, found, _ := unstructured.NestedString(app.Object, "status", "operationState", "finishedAt")
	reconciled, _, _ := unstructured.NestedString(app.Object, "status", "reconciledAt")
	return found && reconciled < finished, "sync status out of date"
}

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	applications := schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}
	client := dynamic.NewForConfigOrDie(config)
	apps := dynamicinformer.NewFilteredDynamicSharedInformerFactory(client, resync, namespace, nil)
	core := informers.NewSharedInformerFactoryWithOptions(
		kubernetes.NewForConfigOrDie(config), resync, informers.WithNamespace(namespace))
	secrets, configMaps := core.Core().V1().Secrets().Informer(), core.Core().V1().ConfigMaps().Informer()
	settings := api.Settings{
		SecretName: "argocd-notifications-secret", ConfigMapName: "argocd-notifications-cm", InitGetVars: variables}
	sender := controller.NewController(client.Resource(applications), apps.ForResource(applications).Informer(),
		api.NewFactory(settings, namespace, secrets, configMaps), controller.WithSkipProcessing(outOfDate))

	core.Start(ctx.Done())
	apps.Start(ctx.Done())
	core.WaitForCacheSync(ctx.Done())
	apps.WaitForCacheSync(ctx.Done())
	sender.Run(1, ctx.Done())
}
