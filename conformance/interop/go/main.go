// Two peers in Go, each a server and a client: "peers coder server", "peers gorilla client".
package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

const messageBytes = 16 << 20

// A peer is a library that can accept and connect.
type peer interface {
	accept(w http.ResponseWriter, r *http.Request, compression bool) (conn, error)
	connect(url string, subprotocols []string, compression bool) (conn, error)
}

// A conn is one connection of whichever library.
type conn interface {
	// read gives the next message, or an error once the connection has ended.
	read() (text bool, data []byte, err error)
	write(text bool, data []byte) error
	fragments(parts [][]byte) error
	// ping sends a ping and calls ponged, at some time, when it has been answered.
	ping(ponged func())
	negotiated() string
	close(code int, reason string)
	// closed tells how the connection ended, after read gave err.
	closed(err error) (code int, reason string)
}

func main() {
	module, can := "", "bom,compression,deflates,negotiated,goes-without,fragments,ping,any-close"
	var library peer
	switch os.Args[1] {
	case "coder":
		// It takes contexts over if the other side does, and tells nobody what was negotiated.
		library, module, can = coder{}, "github.com/coder/websocket", can+",takeover,bare-close"
	case "gorilla":
		library, module, can = gorilla{}, "github.com/gorilla/websocket", can+",bare-close"
	}
	say("peer", fmt.Sprintf("%s %s", strings.TrimPrefix(module, "github.com/"), version(module)), can)
	if os.Args[2] == "server" {
		go listen(library, false)
		listen(library, true)
	} else {
		connectAsTold(library)
	}
}

func version(module string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dependency := range info.Deps {
			if dependency.Path == module {
				return dependency.Version
			}
		}
	}
	return "(unknown)"
}

// say writes one line for the program that runs this one, see ../README.md. One write, so that lines stay whole.
func say(words ...string) {
	fmt.Fprintln(os.Stdout, strings.Join(words, "\t"))
}

func listen(library peer, compression bool) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	mode := "off"
	if compression {
		mode = "on"
	}
	say("listening", mode, "ws://"+listener.Addr().String())
	panic(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := library.accept(w, r, compression)
		if err != nil {
			say("failed", r.URL.Path, err.Error())
			return
		}
		if strings.HasPrefix(r.URL.Path, "/early") {
			c.write(true, []byte("early"))
		}
		code, reason := obey(c)
		say("closed", r.URL.Path, strconv.Itoa(code), reason)
	})))
}

// connectAsTold runs a client for each connection that is asked for on standard input, one after the other.
func connectAsTold(library peer) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Split(lines.Text(), "\t")
		target, err := url.Parse(words[1])
		if err != nil {
			panic(err)
		}
		var subprotocols []string
		if words[2] != "" {
			subprotocols = strings.Split(words[2], ",")
		}
		c, err := library.connect(words[1], subprotocols, words[3] == "on")
		if err != nil {
			say("failed", target.Path, strings.Join(strings.Fields(err.Error()), " "))
			continue
		}
		code, reason := obey(c)
		say("closed", target.Path, strconv.Itoa(code), reason)
	}
}

// obey does what comes on the connection until it ends, and tells how.
func obey(c conn) (code int, reason string) {
	for {
		text, data, err := c.read()
		if err != nil {
			return c.closed(err)
		}
		if !text || len(data) == 0 || data[0] != '!' {
			if err := c.write(text, data); err != nil {
				return c.closed(err)
			}
			continue
		}
		command(c, string(data[1:]))
	}
}

func command(c conn, line string) {
	words := strings.SplitN(line, " ", 3)
	switch words[0] {
	case "burst":
		for n := range count(words) {
			c.write(true, []byte(strconv.Itoa(n)))
		}
	case "fragments":
		var parts [][]byte
		for n := range count(words) {
			parts = append(parts, fmt.Appendf(nil, "%0100d", n))
		}
		c.fragments(parts)
	case "ping":
		c.ping(func() { c.write(true, []byte("pong")) })
	case "negotiated":
		c.write(true, []byte(c.negotiated()))
	case "close":
		words = append(words, "", "")
		code, _ := strconv.Atoi(words[1])
		c.close(code, words[2])
	}
}

func count(words []string) int {
	n, err := strconv.Atoi(words[1])
	if err != nil {
		panic(err)
	}
	return n
}
