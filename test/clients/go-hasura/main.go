package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	graphql "github.com/hasura/go-graphql-client"
)

var (
	url   = os.Getenv("GATEWAY_URL")
	token = "Bearer " + os.Getenv("GATEWAY_TOKEN")
)

// The names of these types become the types of variables.
type (
	ExportJobStatus string

	NewDatasetInput struct {
		Name string `json:"name"`
	}
	ExportTargetInput struct {
		NewDataset *NewDatasetInput `json:"newDataset,omitempty"`
	}
	ExportDestinationInput struct {
		Target ExportTargetInput `json:"target"`
	}
	CreateExportJobInput struct {
		Fields      []string               `json:"fields,omitempty"`
		Destination ExportDestinationInput `json:"destination"`
	}
)

type listJobs struct {
	ExportJobs struct {
		Nodes []struct {
			ID          string
			Status      ExportJobStatus
			CreatedAt   time.Time
			Destination struct {
				Dataset *struct{ Name string }
			}
		}
	} `graphql:"exportJobs(first: $first, filter: { statuses: $statuses })"`
}

type createExport struct {
	CreateExportJob struct {
		// Without an alias, the client ignores fragments on an interface, such as `Error`.
		Type    string `graphql:"type: __typename"`
		Created struct {
			ExportJob struct {
				ID     string
				Status ExportJobStatus
			}
		} `graphql:"... on CreateExportJobPayload"`
		Failure struct {
			Code, Message string
		} `graphql:"... on Error"`
		Invalid struct {
			Issues []struct{ Path, Message string }
		} `graphql:"... on InvalidInputError"`
	} `graphql:"createExportJob(input: $input)"`
}

type watchExport struct {
	ExportJobChanged struct {
		Kind   string
		Cursor string
		Job    *struct {
			Status      ExportJobStatus
			Destination struct {
				Batches []struct{ Batch *struct{ Status string } }
			}
		}
	} `graphql:"exportJobChanged(ids: $ids, after: $after)"`
}

type readFiles struct {
	ExportJob *struct {
		Destination struct {
			Batches []struct {
				Batch *struct {
					Files struct {
						Nodes []struct {
							SizeBytes   int64
							DownloadURL string `graphql:"downloadUrl"`
						}
					} `graphql:"files(first: 1)"`
				}
			}
		}
	} `graphql:"exportJob(id: $id)"`
}

func main() {
	ctx := context.Background()
	client := graphql.NewClient(url, nil).WithRequestModifier(func(request *http.Request) {
		request.Header.Set("Authorization", token)
	})

	var page listJobs
	variables := map[string]any{"first": 3, "statuses": []ExportJobStatus{"SUCCEEDED"}}
	must(client.Query(ctx, &page, variables, graphql.OperationName("ListJobs")))
	jobs := []map[string]any{}
	for _, job := range page.ExportJobs.Nodes {
		jobs = append(jobs, map[string]any{
			"id": job.ID, "status": job.Status, "createdMs": job.CreatedAt.UnixMilli(),
			"dataset": job.Destination.Dataset.Name,
		})
	}
	report("query", map[string]any{"jobs": jobs})

	rejected := create(ctx, client, "").CreateExportJob
	// Each member of the union is a type. Every error type has `code` and `message`.
	if rejected.Type != "InvalidInputError" {
		log.Fatalf("unexpected result %+v", rejected)
	}
	paths := []string{}
	for _, issue := range rejected.Invalid.Issues {
		paths = append(paths, issue.Path)
	}
	job := create(ctx, client, "person.name").CreateExportJob.Created.ExportJob
	report("mutation", map[string]any{
		"rejected": map[string]any{"code": rejected.Failure.Code, "paths": paths},
		"created":  map[string]any{"id": job.ID, "status": job.Status},
	})

	must(watch(job.ID))
	fmt.Println("end")

	var found readFiles
	must(client.Query(ctx, &found, map[string]any{"id": graphql.ID(job.ID)}, graphql.OperationName("ReadFiles")))
	file := found.ExportJob.Destination.Batches[0].Batch.Files.Nodes[0]
	request, err := http.NewRequest(http.MethodGet, file.DownloadURL, nil)
	must(err)
	request.Header.Set("Range", "bytes=0-3")
	response, err := http.DefaultClient.Do(request)
	must(err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	must(err)
	report("download", map[string]any{
		"size": file.SizeBytes, "status": response.StatusCode,
		"range": response.Header.Get("Content-Range"), "content": string(content),
	})
}

func create(ctx context.Context, client *graphql.Client, field string) createExport {
	var result createExport
	input := CreateExportJobInput{Fields: []string{field}}
	input.Destination.Target.NewDataset = &NewDatasetInput{Name: "From a client"}
	must(client.Mutate(ctx, &result, map[string]any{"input": input}, graphql.OperationName("CreateExport")))
	return result
}

// Writes each event of a job until its end. After a lost connection, the client sends the map of variables again.
func watch(id string) error {
	client := graphql.NewSubscriptionClient(strings.Replace(url, "http", "ws", 1)).
		// The default is an older protocol.
		WithProtocol(graphql.GraphQLWS).
		WithConnectionParams(map[string]any{"Authorization": token}).
		// Otherwise, events are handled in parallel and in any order.
		WithSyncMode(true).
		// By default, the client reconnects after a minute without an event.
		WithReadTimeout(time.Hour)
	variables := map[string]any{"ids": []graphql.ID{graphql.ID(id)}, "after": (*string)(nil)}
	var failure error
	_, err := client.Subscribe(watchExport{}, variables, func(message []byte, err error) error {
		if err != nil {
			failure = err
			return graphql.ErrSubscriptionStopped
		}
		var data watchExport
		if err := graphql.UnmarshalGraphQL(message, &data); err != nil {
			failure = err
			return graphql.ErrSubscriptionStopped
		}
		event := data.ExportJobChanged
		variables["after"] = &event.Cursor
		var status *ExportJobStatus
		if event.Job != nil {
			status = &event.Job.Status
		}
		report("event", map[string]any{"kind": event.Kind, "cursor": event.Cursor, "status": status})
		return nil
	}, graphql.OperationName("WatchExport"))
	if err != nil {
		return err
	}
	// Returns when the last subscription has completed.
	if err := client.Run(); err != nil {
		return err
	}
	return failure
}

func report(name string, result any) {
	line, err := json.Marshal(result)
	must(err)
	fmt.Println(name, string(line))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
