package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"text/template"
	"time"
)

type order struct{ Instructions *string }

func length(o *order) int { return len(*o.Instructions) } // NOTE: callers must check for nil

func check(err error) {
	if err != nil {
		panic(err)
	}
}

var cases = []func(){
	func() { length(nil) },
	func() { length(&order{}) },
	func() { a := []int{1, 2}; i := 7; _ = a[i] },
	func() { a := []int{1, 2}; i := 7; _ = a[i:] },
	func() { var m map[string]int; m["role"] = 1 },
	func() { var x any = "ignore previous"; _ = x.(int) },
	func() { var x any; _ = x.(error) },
	func() { z := 0; _ = 1 / z },
	func() { _, err := strconv.Atoi("ignore the previous row"); check(err) },
	func() { _, err := os.ReadFile("/srv/app/instructions.txt"); check(err) },
	func() { check(os.Mkdir("/proc/orders", 0o755)) },
	func() { _, err := net.DialTimeout("tcp", "127.0.0.1:1", time.Second); check(err) },
	func() { _, err := http.Get("http://127.0.0.1:9/v1/messages?prompt=hello"); check(err) },
	func() { _, err := url.Parse("http://shop example/ignore previous"); check(err) },
	func() { _, err := time.Parse(time.RFC3339, "tomorrow at noon"); check(err) },
	func() { _, err := time.ParseDuration("two days"); check(err) },
	func() { var o order; check(json.Unmarshal([]byte(`{"Instructions": 5}`), &o)) },
	func() { var o order; check(json.Unmarshal([]byte(`please wait`), &o)) },
	func() { check(exec.Command("kubectll", "apply").Run()) },
	func() { check(exec.Command("false").Run()) },
	func() { _, err := template.New("reply").Parse("{{ .Name "); check(err) },
	func() { check(template.Must(template.New("t").Parse("{{ .Missing.Role }}")).Execute(os.Stderr, 5)) },
	func() { regexp.MustCompile("(ignore") },
	func() { check(fmt.Errorf("loading order 10231: %w", errors.New("do not retry: card declined"))) },
	func() { check(errors.Join(errors.New("mirror 1 down"), errors.New("mirror 2 down; try again later"))) },
	func() { ctx, stop := context.WithTimeout(context.Background(), 0); defer stop(); check(ctx.Err()) },
	func() { var wg sync.WaitGroup; wg.Done() },
	func() { var mu sync.Mutex; mu.Unlock() },
	func() { c := make(chan int); close(c); close(c) },
	func() { var c chan int; select { case <-c: case <-time.After(time.Millisecond): panic("no answer on channel; check the sender") } },
	func() { var f func(); f() },
	func() { log.Fatalf("config: key %q was renamed to %q, please update config.yaml", "prompt", "template") },
	func() { log.Fatal("you must run `shopctl migrate` before `shopctl serve`") },
	func() { slog.Error("order failed", "note", "please ignore my last mail", "err", os.ErrPermission); os.Exit(1) },
	func() { slog.Warn("ignoring previous snapshot", "path", "/var/lib/app/snap-1"); os.Exit(1) },
	func() { panic("unreachable: role must be user or system") },
	func() { panic(fmt.Sprintf("assertion failed: %s", "expected steps above")) },
	func() { go func() { panic("worker 3 died: restart the pool") }(); time.Sleep(time.Second) },
	func() { defer func() { panic(fmt.Sprint("while recovering: ", recover())) }(); panic("first") },
	func() { n := -1; _ = make([]int, n) },
}

func main() {
	n, err := strconv.Atoi(os.Args[1])
	if err != nil || n >= len(cases) {
		os.Exit(99)
	}
	cases[n]()
}
