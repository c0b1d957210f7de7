// The Go client of etcd's v2 API: "go" as it comes, "go-pooled" with as many idle connections as callers.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/etcd/client"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	contestant, workload, base := os.Args[1], os.Args[2], os.Args[3]
	requests, err := strconv.Atoi(os.Args[4])
	check(err)
	after, err := strconv.ParseUint(os.Args[5], 10, 64)
	check(err)
	config := client.Config{Endpoints: []string{base}}
	if contestant == "go-pooled" {
		config.Transport = &http.Transport{
			Dial:                (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).Dial,
			MaxIdleConnsPerHost: 1024,
		}
	}
	c, err := client.New(config)
	check(err)
	keys := client.NewKeysAPI(c)
	ask(keys, "get")
	switch workload {
	case "first":
		return
	case "get64":
		concurrently(keys, 640)
		begin(requests)
		concurrently(keys, requests)
	case "watch":
		watcher := keys.Watcher("/bench/key", &client.WatcherOptions{AfterIndex: after})
		begin(requests)
		for i := 0; i < requests; i++ {
			began := time.Now()
			_, err := watcher.Next(context.Background())
			check(err)
			lap(began)
		}
	case "idle":
		begin(0)
		for i := 0; i < requests; i++ {
			watcher := keys.Watcher("/idle", nil)
			go watcher.Next(context.Background())
		}
		time.Sleep(3 * time.Second)
	default:
		begin(requests)
		for i := 0; i < requests; i++ {
			began := time.Now()
			ask(keys, workload)
			lap(began)
		}
	}
	end()
}

func ask(keys client.KeysAPI, workload string) {
	var err error
	switch workload {
	case "set":
		_, err = keys.Set(context.Background(), "/bench/key", "some value", nil)
	case "list-10000", "list-100000":
		key := "/nodes-" + strings.TrimPrefix(workload, "list-")
		_, err = keys.Get(context.Background(), key, &client.GetOptions{Recursive: true})
	default:
		_, err = keys.Get(context.Background(), "/bench/key", nil)
	}
	check(err)
}

func concurrently(keys client.KeysAPI, requests int) {
	const workers = 64
	var group sync.WaitGroup
	var lock sync.Mutex
	for worker := 0; worker < workers; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			own := make([]time.Duration, 0, requests/workers+1)
			for i := 0; i < (requests+workers-1)/workers; i++ {
				began := time.Now()
				ask(keys, "get")
				own = append(own, time.Since(began))
			}
			lock.Lock()
			laps = append(laps, own...)
			lock.Unlock()
		}()
	}
	group.Wait()
}

var (
	laps    []time.Duration
	started time.Time
	cpuThen time.Duration
	memThen uint64
	heap    runtime.MemStats
)

func begin(requests int) {
	laps = make([]time.Duration, 0, requests+64)
	memThen = memory("VmRSS:")
	runtime.ReadMemStats(&heap)
	cpuThen = cpu()
	started = time.Now()
}

func lap(began time.Time) { laps = append(laps, time.Since(began)) }

func end() {
	wall, used := time.Since(started), cpu()-cpuThen
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	sort.Slice(laps, func(i, j int) bool { return laps[i] < laps[j] })
	at := func(percent int) float64 {
		if len(laps) == 0 {
			return 0
		}
		index := len(laps) * percent / 100
		if index >= len(laps) {
			index = len(laps) - 1
		}
		return float64(laps[index].Nanoseconds()) / 1000
	}
	report, err := json.Marshal(map[string]interface{}{
		"requests": len(laps), "wall_s": wall.Seconds(), "cpu_s": used.Seconds(),
		"p50_us": at(50), "p99_us": at(99),
		"allocations": now.Mallocs - heap.Mallocs, "bytes": now.TotalAlloc - heap.TotalAlloc,
		"growth_kib": less(memory("VmRSS:"), memThen), "peak_growth_kib": less(memory("VmHWM:"), memThen),
	})
	check(err)
	fmt.Println(string(report))
}

func less(a, b uint64) uint64 {
	if a < b {
		return 0
	}
	return a - b
}

func cpu() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func memory(name string) uint64 {
	status, err := os.ReadFile("/proc/self/status")
	check(err)
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, name) {
			number, err := strconv.ParseUint(strings.Fields(line)[1], 10, 64)
			check(err)
			return number
		}
	}
	return 0
}
