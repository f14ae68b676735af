// Delivers one CloudEvent as a Trigger does, with what Knative's brokers and channels dispatch by:
// deliver [-delivery SPEC] [-serviceaccount NAMESPACE/NAME -audience AUDIENCE] URL < EVENT (in structured mode)
// SPEC is a Trigger's spec.delivery as JSON. It prints the status of the last answer.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	eventingv1 "knative.dev/eventing/pkg/apis/duck/v1"
	"knative.dev/eventing/pkg/auth"
	"knative.dev/eventing/pkg/eventingtls"
	"knative.dev/eventing/pkg/kncloudevents"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	kubeclient "knative.dev/pkg/client/injection/kube/client"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	specification := flag.String("delivery", "{}", "how often to try again, and after how long")
	account := flag.String("serviceaccount", "", "whose token to bring along")
	audience := flag.String("audience", "", "whom the token is for")
	flag.Parse()

	var event cloudevents.Event
	var delivery eventingv1.DeliverySpec
	if err := json.NewDecoder(os.Stdin).Decode(&event); err != nil {
		panic(err)
	}
	if err := json.Unmarshal([]byte(*specification), &delivery); err != nil {
		panic(err)
	}
	retries := must(kncloudevents.RetryConfigFromDeliverySpec(delivery))
	options := []kncloudevents.SendOption{
		kncloudevents.WithRetryConfig(&retries), kncloudevents.WithEventFormat(delivery.Format)}
	destination := duckv1.Addressable{URL: must(apis.ParseURL(flag.Arg(0)))}
	if namespace, name, found := strings.Cut(*account, "/"); found {
		destination.Audience = audience
		options = append(options,
			kncloudevents.WithOIDCAuthentication(&types.NamespacedName{Namespace: namespace, Name: name}))
	}

	config := must(clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG")))
	ctx := context.WithValue(context.Background(), kubeclient.Key{}, kubernetes.NewForConfigOrDie(config))
	dispatcher := kncloudevents.NewDispatcher(eventingtls.NewDefaultClientConfig(), auth.NewOIDCTokenProvider(ctx))
	info, err := dispatcher.SendEvent(ctx, event, destination, options...)
	fmt.Println(info.ResponseCode)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
