package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/coder/websocket"
)

type coder struct{}

func (coder) accept(w http.ResponseWriter, r *http.Request, compression bool) (conn, error) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:    []string{"interop.v2", "interop.v1"},
		CompressionMode: mode(compression),
	})
	return limited(c, err)
}

func (coder) connect(url string, subprotocols []string, compression bool) (conn, error) {
	c, _, err := websocket.Dial(context.Background(), url, &websocket.DialOptions{
		Subprotocols:    subprotocols,
		CompressionMode: mode(compression),
	})
	return limited(c, err)
}

func limited(c *websocket.Conn, err error) (conn, error) {
	if err != nil {
		return nil, err
	}
	c.SetReadLimit(messageBytes)
	return &coderConn{Conn: c}, nil
}

func mode(compression bool) websocket.CompressionMode {
	if compression {
		return websocket.CompressionContextTakeover
	}
	return websocket.CompressionDisabled
}

type coderConn struct {
	*websocket.Conn
	// How this end closed the connection, if it did: then reading tells nothing of it.
	own websocket.CloseError
}

func kind(text bool) websocket.MessageType {
	if text {
		return websocket.MessageText
	}
	return websocket.MessageBinary
}

func (c *coderConn) read() (bool, []byte, error) {
	kind, data, err := c.Read(context.Background())
	return kind == websocket.MessageText, data, err
}

func (c *coderConn) write(text bool, data []byte) error {
	return c.Write(context.Background(), kind(text), data)
}

func (c *coderConn) fragments(parts [][]byte) error {
	w, err := c.Writer(context.Background(), websocket.MessageText)
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

// The pong is met by whoever reads, so this must not wait for it.
func (c *coderConn) ping(ponged func()) {
	go func() {
		if c.Ping(context.Background()) == nil {
			ponged()
		}
	}()
}

func (c *coderConn) negotiated() string { return c.Subprotocol() + "\n" }

func (c *coderConn) close(code int, reason string) {
	if code == 0 {
		code = int(websocket.StatusNoStatusRcvd)
	}
	if c.Close(websocket.StatusCode(code), reason) == nil {
		c.own = websocket.CloseError{Code: websocket.StatusCode(code), Reason: reason}
	}
}

func (c *coderConn) closed(err error) (int, string) {
	closed := c.own
	if closed.Code == 0 && !errors.As(err, &closed) {
		return 1006, err.Error()
	}
	return int(closed.Code), closed.Reason
}
