// Sends one CloudEvent as the Go SDK puts it on the wire, with the retries that Knative's sources and brokers make:
// ce-send [-structured] [-token T] [-retries N] URL ID TYPE SOURCE < DATA (JSON, or nothing)
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/protocol/http"
)

func main() {
	structured := flag.Bool("structured", false, "send the whole event as the body, and not its attributes as headers")
	token := flag.String("token", "", "bearer token")
	retries := flag.Int("retries", 0, "how often to try again, at first after 0.1 s and then after twice as long")
	partition := flag.String("partitionkey", "", "extension partitionkey")
	flag.Parse()

	event := cloudevents.NewEvent()
	event.SetID(flag.Arg(1))
	event.SetType(flag.Arg(2))
	event.SetSource(flag.Arg(3))
	if *partition != "" {
		event.SetExtension("partitionkey", *partition)
	}
	if data, err := io.ReadAll(os.Stdin); err != nil {
		panic(err)
	} else if len(data) > 0 {
		_ = event.SetData(cloudevents.ApplicationJSON, data)
	}

	options := []http.Option{cloudevents.WithTarget(flag.Arg(0))}
	if *token != "" {
		options = append(options, cloudevents.WithHeader("Authorization", "Bearer "+*token))
	}
	client, err := cloudevents.NewClientHTTP(options...)
	if err != nil {
		panic(err)
	}
	ctx := cloudevents.ContextWithRetriesExponentialBackoff(context.Background(), 100*time.Millisecond, *retries)
	if *structured {
		ctx = binding.WithForceStructured(ctx)
	} else {
		ctx = binding.WithForceBinary(ctx)
	}
	result := client.Send(ctx, event)
	fmt.Println(result)
	if cloudevents.IsUndelivered(result) || cloudevents.IsNACK(result) {
		os.Exit(1)
	}
}
