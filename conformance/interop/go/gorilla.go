package main

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

type gorilla struct{}

// The size of its write buffer is the length of the frames that a message in parts is sent in.
const frameBytes = 100

func (gorilla) accept(w http.ResponseWriter, r *http.Request, compression bool) (conn, error) {
	upgrader := websocket.Upgrader{
		Subprotocols:      []string{"interop.v2", "interop.v1"},
		EnableCompression: compression,
		WriteBufferSize:   frameBytes,
	}
	c, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return nil, err
	}
	return &gorillaConn{Conn: c}, nil
}

func (gorilla) connect(url string, subprotocols []string, compression bool) (conn, error) {
	dialer := websocket.Dialer{
		Subprotocols:      subprotocols,
		EnableCompression: compression,
		WriteBufferSize:   frameBytes,
	}
	c, response, err := dialer.Dial(url, nil)
	if err != nil {
		return nil, err
	}
	return &gorillaConn{Conn: c, extensions: response.Header.Get("Sec-WebSocket-Extensions")}, nil
}

type gorillaConn struct {
	*websocket.Conn
	extensions string
}

func (c *gorillaConn) read() (bool, []byte, error) {
	kind, data, err := c.ReadMessage()
	return kind == websocket.TextMessage, data, err
}

func (c *gorillaConn) write(text bool, data []byte) error {
	kind := websocket.BinaryMessage
	if text {
		kind = websocket.TextMessage
	}
	return c.WriteMessage(kind, data)
}

func (c *gorillaConn) fragments(parts [][]byte) error {
	w, err := c.NextWriter(websocket.TextMessage)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return w.Close()
}

func (c *gorillaConn) ping(ponged func()) {
	c.SetPongHandler(func(string) error {
		ponged()
		return nil
	})
	c.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
}

func (c *gorillaConn) negotiated() string {
	return strings.Join([]string{c.Subprotocol(), c.extensions}, "\n")
}

func (c *gorillaConn) close(code int, reason string) {
	var frame []byte
	if code != 0 {
		frame = websocket.FormatCloseMessage(code, reason)
	}
	c.WriteControl(websocket.CloseMessage, frame, time.Now().Add(time.Second))
}

// Reading goes on after this end has closed, so that the other end's close frame is what is told in either case.
func (c *gorillaConn) closed(err error) (int, string) {
	c.Close()
	var closed *websocket.CloseError
	if !errors.As(err, &closed) {
		return 1006, err.Error()
	}
	return closed.Code, closed.Text
}
