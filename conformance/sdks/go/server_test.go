package sdks

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"testing"
	"time"
)

const (
	secret = "the suites of the SDKs know this secret too"
	apiKey = "the suites of the SDKs"
)

type claims map[string]any

// token is one with these claims that is good for so long, which may be negative.
func token(ttl time.Duration, claims claims) string {
	claims["exp"] = time.Now().Add(ttl).Unix()
	payload, _ := json.Marshal(claims)
	inBase64 := base64.RawURLEncoding.EncodeToString
	signed := inBase64([]byte(`{"alg":"HS256"}`)) + "." + inBase64(payload)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + inBase64(mac.Sum(nil))
}

// A server is `trunkline serve` as a process of its own, with its data in a new directory.
type server struct {
	t       *testing.T
	data    string
	address string
	process *exec.Cmd
}

func newServer(t *testing.T) *server {
	s := &server{t: t, data: t.TempDir(), address: "127.0.0.1:0"}
	s.start()
	t.Cleanup(s.kill)
	return s
}

var listening = regexp.MustCompile(`^listening on +http://(127\.0\.0\.1:\d+)$`)

// start starts it, the second time on the port of the first.
func (s *server) start() {
	s.process = exec.Command(os.Getenv("TRUNKLINE"), "serve", "--config", os.Getenv("SERVER_CONFIG"),
		"--listen", s.address, "--set", "data.dir="+s.data)
	said, err := s.process.StdoutPipe()
	if err == nil {
		err = s.process.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			s.address = found[1]
			return
		}
	}
	s.t.Fatal("the server has not started")
}

// kill ends it at once, as kill -9 does.
func (s *server) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

// api is a request of a backend.
func (s *server) api(method string, params map[string]any) {
	s.t.Helper()
	body, _ := json.Marshal(params)
	request, _ := http.NewRequest("POST", fmt.Sprintf("http://%s/api/%s", s.address, method), bytes.NewReader(body))
	request.Header = http.Header{"X-API-Key": {apiKey}, "Content-Type": {"application/json"}}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ Error any }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Error != nil {
		s.t.Fatalf("%s: %v %v", method, err, answer.Error)
	}
}

func (s *server) publish(channel string, data any) {
	s.t.Helper()
	s.api("publish", map[string]any{"channel": channel, "data": data})
}

// A line is where the connections of a client go through; it can be cut below the SDK.
type line struct {
	sync.Mutex
	open []*net.TCPConn
}

func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, address)
	if err == nil {
		l.Lock()
		defer l.Unlock()
		l.open = append(l.open, conn.(*net.TCPConn))
	}
	return conn, err
}

// cut resets what is open: neither end gets to say goodbye.
func (l *line) cut() {
	l.Lock()
	defer l.Unlock()
	for _, conn := range l.open {
		_ = conn.SetLinger(0)
		_ = conn.Close()
	}
	l.open = nil
}
