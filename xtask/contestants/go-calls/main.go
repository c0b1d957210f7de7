// The Go client of etcd's v2 API, told on its standard input what to ask, one line a call, for
// `cargo xtask faults`. Its first argument is how it is set: "go" as it comes, "go-tuned" with a limit for
// heads; the others are endpoints, of which the first is asked first.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"go.etcd.io/etcd/client"
)

type call struct {
	What  string `json:"what"`
	Key   string `json:"key"`
	Value string `json:"value"`
	Old   string `json:"old"`
	Index uint64 `json:"index"`
}

type answer struct {
	Value string `json:"value,omitempty"`
	Index uint64 `json:"index,omitempty"`
	Name  string `json:"name,omitempty"`
	// What the server refused it with.
	Code int `json:"code,omitempty"`
	// Anything else that went wrong.
	Unavailable bool   `json:"unavailable,omitempty"`
	Error       string `json:"error,omitempty"`
}

func main() {
	config, deadline := client.Config{Endpoints: os.Args[2:]}, 20*time.Second
	if os.Args[1] == "go-tuned" {
		config.HeaderTimeoutPerRequest, deadline = time.Second, 10*time.Second
	}
	keys := client.NewKeysAPI(pinned(config))
	lines := make(chan []byte)
	go func() {
		scanner := bufio.NewScanner(os.Stdin)
		for scanner.Scan() {
			lines <- append([]byte(nil), scanner.Bytes()...)
		}
		// Whoever told us what to ask is gone, and an answer is of no use any more.
		os.Exit(0)
	}()
	for line := range lines {
		var told call
		check(json.Unmarshal(line, &told))
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		response, err := ask(ctx, keys, told)
		cancel()
		text, err := json.Marshal(of(response, err))
		check(err)
		fmt.Println(string(text))
	}
}

// The client asks its endpoints in an order of its own, so it is made anew until that begins as it should.
func pinned(config client.Config) client.Client {
	for {
		made, err := client.New(config)
		check(err)
		if made.Endpoints()[0] == config.Endpoints[0] {
			return made
		}
	}
}

func ask(ctx context.Context, keys client.KeysAPI, told call) (*client.Response, error) {
	switch told.What {
	case "get":
		return keys.Get(ctx, told.Key, &client.GetOptions{Quorum: true})
	case "local-get":
		return keys.Get(ctx, told.Key, nil)
	case "push":
		return keys.CreateInOrder(ctx, told.Key, told.Value, nil)
	case "set":
		return keys.Set(ctx, told.Key, told.Value, nil)
	case "swap":
		return keys.Set(ctx, told.Key, told.Value, &client.SetOptions{PrevIndex: told.Index})
	case "swap-value":
		return keys.Set(ctx, told.Key, told.Value, &client.SetOptions{PrevValue: told.Old})
	case "create":
		return keys.Create(ctx, told.Key, told.Value)
	case "update":
		return keys.Update(ctx, told.Key, told.Value)
	case "delete":
		return keys.Delete(ctx, told.Key, nil)
	default:
		panic("nobody knows how to " + told.What)
	}
}

func of(response *client.Response, err error) answer {
	switch err := err.(type) {
	case nil:
		// As of a key that is gone, there may be no node.
		if response.Node == nil {
			return answer{}
		}
		node := response.Node
		return answer{Value: node.Value, Index: node.ModifiedIndex, Name: node.Key}
	case client.Error:
		return answer{Code: err.Code, Error: err.Error()}
	case *client.ClusterError:
		return answer{Unavailable: true, Error: err.Detail()}
	default:
		return answer{Error: err.Error()}
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
