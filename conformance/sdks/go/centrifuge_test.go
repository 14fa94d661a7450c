// Package sdks has Centrifugo's SDK for Go against `trunkline serve`, in JSON and in Protobuf.
package sdks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/centrifugal/centrifuge-go"
)

const patience = 20 * time.Second

// What holds in both dialects.
var cases = []struct {
	name string
	test func(*world)
}{
	{"connects with a token", connects},
	{"a token of another secret ends the connection with 3500", wrongToken},
	{"an expired token is replaced by one that the SDK asks for", expiredToken},
	{"a connection outlives its token where the SDK brings another", connectionRenews},
	{"a subscription outlives its token where the SDK brings another", subscriptionRenews},
	{"publishes and reads its own publication", publishes},
	{"presence and its counts", presence},
	{"who leaves is told of", leaves},
	{"history forward, from a position, and backward", history},
	{"misses nothing when its line is cut", recoversAfterCut},
	{"misses nothing when the server is killed and starts again", recoversAfterKill},
	{"hears nothing after it has unsubscribed", unsubscribes},
	{"an unknown namespace is refused with 102", unknownNamespace},
	{"a channel that is not allowed is refused with 103", notAllowed},
	{"what a subscriber may not do is refused with 103", mute},
	{"what a channel does not have is refused with 108", bare},
	{"a call that nobody answers is refused with 108", call},
	{"the backend unsubscribes a user", backendUnsubscribes},
	{"the backend disconnects a user for good", backendDisconnects},
	{"the backend subscribes a user", backendSubscribes},
}

func TestJson(t *testing.T) { inDialect(t, centrifuge.NewJsonClient) }

func TestProtobuf(t *testing.T) {
	inDialect(t, centrifuge.NewProtobufClient)
	t.Run("bytes arrive as they are, also out of the history", func(t *testing.T) {
		binary(newWorld(t, centrifuge.NewProtobufClient))
	})
}

type dialect func(string, centrifuge.Config) *centrifuge.Client

func inDialect(t *testing.T, dialect dialect) {
	for _, it := range cases {
		t.Run(it.name, func(t *testing.T) { it.test(newWorld(t, dialect)) })
	}
}

// A world is a server, a line to it, and what clients speak.
type world struct {
	*testing.T
	*server
	line
	dialect dialect
}

func newWorld(t *testing.T, dialect dialect) *world {
	return &world{T: t, server: newServer(t), dialect: dialect}
}

// Events are what has happened, in order.
type events chan any

// next is the next event of its type; those before it are passed by.
func next[E any](w *world, events events) E {
	w.Helper()
	late := time.After(patience)
	for {
		select {
		case it := <-events:
			if event, ok := it.(E); ok {
				return event
			}
		case <-late:
			w.Fatalf("no %v", reflect.TypeFor[E]())
		}
	}
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) same(got, want any) {
	w.Helper()
	if !reflect.DeepEqual(got, want) {
		w.Fatalf("got %v, want %v", got, want)
	}
}

func (w *world) refused(code uint32, err error) {
	w.Helper()
	var refusal *centrifuge.Error
	if !errors.As(err, &refusal) || refusal.Code != code {
		w.Fatalf("got %v, want %d", err, code)
	}
}

func of(user string) claims { return claims{"sub": user} }

// client is one that is about to connect.
func (w *world) client(config centrifuge.Config) (*centrifuge.Client, events) {
	config.NetDialContext = w.line.dial
	config.ReadTimeout, config.HandshakeTimeout = patience, patience
	if config.MinReconnectDelay == 0 {
		config.MinReconnectDelay = 50 * time.Millisecond
	}
	config.MaxReconnectDelay = 500 * time.Millisecond
	client := w.dialect("ws://"+w.server.address+"/connection/websocket", config)
	events := make(events, 1000)
	client.OnConnecting(func(it centrifuge.ConnectingEvent) { events <- it })
	client.OnConnected(func(it centrifuge.ConnectedEvent) { events <- it })
	client.OnDisconnected(func(it centrifuge.DisconnectedEvent) { events <- it })
	client.OnSubscribed(func(it centrifuge.ServerSubscribedEvent) { events <- it })
	client.OnPublication(func(it centrifuge.ServerPublicationEvent) { events <- it })
	w.Cleanup(client.Close)
	w.ok(client.Connect())
	return client, events
}

func (w *world) connected(user string) (*centrifuge.Client, events) {
	w.Helper()
	client, events := w.client(centrifuge.Config{Token: token(time.Hour, of(user))})
	next[centrifuge.ConnectedEvent](w, events)
	return client, events
}

func (w *world) subscription(client *centrifuge.Client, channel string, config centrifuge.SubscriptionConfig) (*centrifuge.Subscription, events) {
	w.Helper()
	subscription, err := client.NewSubscription(channel, config)
	w.ok(err)
	events := make(events, 1000)
	subscription.OnSubscribing(func(it centrifuge.SubscribingEvent) { events <- it })
	subscription.OnSubscribed(func(it centrifuge.SubscribedEvent) { events <- it })
	subscription.OnUnsubscribed(func(it centrifuge.UnsubscribedEvent) { events <- it })
	subscription.OnPublication(func(it centrifuge.PublicationEvent) { events <- it })
	subscription.OnJoin(func(it centrifuge.JoinEvent) { events <- it })
	subscription.OnLeave(func(it centrifuge.LeaveEvent) { events <- it })
	w.ok(subscription.Subscribe())
	return subscription, events
}

func (w *world) subscribed(client *centrifuge.Client, channel string, config ...centrifuge.SubscriptionConfig) (*centrifuge.Subscription, events) {
	w.Helper()
	subscription, events := w.subscription(client, channel, append(config, centrifuge.SubscriptionConfig{})[0])
	next[centrifuge.SubscribedEvent](w, events)
	return subscription, events
}

// number is the next publication's.
func (w *world) number(events events) (n int) {
	w.Helper()
	w.ok(json.Unmarshal(next[centrifuge.PublicationEvent](w, events).Data, &n))
	return n
}

// shortLived brings tokens of two seconds each. That a third is asked for shows that the server took the second while
// it was needed.
func shortLived(claims claims) (bring func() string, third chan struct{}) {
	var asked atomic.Int32
	third = make(chan struct{})
	return func() string {
		ttl := 2 * time.Second
		if n := asked.Add(1); n >= 3 {
			ttl = time.Hour
			if n == 3 {
				close(third)
			}
		}
		return token(ttl, claims)
	}, third
}

func (w *world) wait(done chan struct{}) {
	w.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		w.Fatal("it has not come to that")
	}
}

func connects(w *world) {
	_, events := w.client(centrifuge.Config{Token: token(time.Hour, of("alice"))})
	if next[centrifuge.ConnectedEvent](w, events).ClientID == "" {
		w.Fatal("a client without an id")
	}
}

func wrongToken(w *world) {
	wrong := token(time.Hour, of("alice"))
	_, events := w.client(centrifuge.Config{Token: wrong[:len(wrong)-8] + "AAAAAAAA"})
	w.same(next[centrifuge.DisconnectedEvent](w, events).Code, uint32(3500))
}

func expiredToken(w *world) {
	var asked atomic.Int32
	bring := func(centrifuge.ConnectionTokenEvent) (string, error) {
		asked.Add(1)
		return token(time.Hour, of("alice")), nil
	}
	_, events := w.client(centrifuge.Config{Token: token(-time.Minute, of("alice")), GetToken: bring})
	next[centrifuge.ConnectedEvent](w, events)
	w.same(asked.Load(), int32(1))
}

func connectionRenews(w *world) {
	bring, third := shortLived(of("alice"))
	client, events := w.client(centrifuge.Config{
		GetToken: func(centrifuge.ConnectionTokenEvent) (string, error) { return bring(), nil },
	})
	next[centrifuge.ConnectedEvent](w, events)
	w.wait(third)
	w.ok(client.Disconnect())
	// Nothing was lost before that.
	w.same((<-events).(centrifuge.DisconnectedEvent).Code, uint32(0))
}

func subscriptionRenews(w *world) {
	bring, third := shortLived(claims{"sub": "alice", "channel": "closed:room"})
	client, _ := w.connected("alice")
	_, events := w.subscribed(client, "closed:room", centrifuge.SubscriptionConfig{
		GetToken: func(centrifuge.SubscriptionTokenEvent) (string, error) { return bring(), nil },
	})
	w.wait(third)
	w.publish("closed:room", 1)
	// Nothing has happened before that.
	w.same(string((<-events).(centrifuge.PublicationEvent).Data), "1")
}

func publishes(w *world) {
	client, _ := w.connected("alice")
	subscription, events := w.subscribed(client, "open:publish")
	text := `{"text":"hällo"}`
	_, err := subscription.Publish(context.Background(), []byte(text))
	w.ok(err)
	heard := next[centrifuge.PublicationEvent](w, events)
	w.same(string(heard.Data), text)
	w.same(heard.Offset, uint64(1))
	w.same(heard.Info.User, "alice")
}

func presence(w *world) {
	client, _ := w.connected("alice")
	alice, events := w.subscribed(client, "open:presence")
	bob, _ := w.connected("bob")
	w.subscribed(bob, "open:presence")
	for next[centrifuge.JoinEvent](w, events).User != "bob" {
	}
	present, err := alice.Presence(context.Background())
	w.ok(err)
	var users []string
	for _, it := range present.Clients {
		users = append(users, it.User)
	}
	slices.Sort(users)
	w.same(users, []string{"alice", "bob"})
	stats, err := alice.PresenceStats(context.Background())
	w.ok(err)
	w.same([]int{stats.NumClients, stats.NumUsers}, []int{2, 2})
}

func leaves(w *world) {
	alice, _ := w.connected("alice")
	_, events := w.subscribed(alice, "open:leave")
	bob, _ := w.connected("bob")
	w.subscribed(bob, "open:leave")
	w.ok(bob.Disconnect())
	w.same(next[centrifuge.LeaveEvent](w, events).User, "bob")
}

func history(w *world) {
	client, _ := w.connected("alice")
	subscription, _ := w.subscribed(client, "open:history")
	for n := 1; n <= 3; n++ {
		w.publish("open:history", n)
	}
	read := func(options ...centrifuge.HistoryOption) (numbers string, epoch string) {
		result, err := subscription.History(context.Background(), options...)
		w.ok(err)
		for _, it := range result.Publications {
			numbers += string(it.Data)
		}
		return numbers, result.Epoch
	}
	numbers, epoch := read(centrifuge.WithHistoryLimit(1))
	w.same(numbers, "1")
	since := &centrifuge.StreamPosition{Offset: 1, Epoch: epoch}
	numbers, _ = read(centrifuge.WithHistoryLimit(10), centrifuge.WithHistorySince(since))
	w.same(numbers, "23")
	numbers, _ = read(centrifuge.WithHistoryLimit(2), centrifuge.WithHistoryReverse(true))
	w.same(numbers, "32")
}

func recoversAfterCut(w *world) {
	client, connection := w.client(centrifuge.Config{
		Token: token(time.Hour, of("alice")), MinReconnectDelay: 500 * time.Millisecond,
	})
	next[centrifuge.ConnectedEvent](w, connection)
	_, events := w.subscribed(client, "open:cut")
	w.publish("open:cut", 1)
	w.same(w.number(events), 1)
	w.cut()
	next[centrifuge.SubscribingEvent](w, events)
	w.publish("open:cut", 2)
	w.same(next[centrifuge.SubscribedEvent](w, events).Recovered, true)
	w.same(w.number(events), 2)
	w.publish("open:cut", 3)
	w.same(w.number(events), 3)
}

func recoversAfterKill(w *world) {
	staying, _ := w.connected("alice")
	away, _ := w.connected("alice")
	_, stayed := w.subscribed(staying, "open:kill")
	_, left := w.subscribed(away, "open:kill")
	w.ok(away.Disconnect())
	w.publish("open:kill", 1)
	w.same(w.number(stayed), 1)

	w.kill()
	w.start()
	w.same(next[centrifuge.SubscribedEvent](w, stayed).Recovered, true)
	w.publish("open:kill", 2)
	w.same(w.number(stayed), 2)

	w.ok(away.Connect())
	w.same(next[centrifuge.SubscribedEvent](w, left).Recovered, true)
	w.same([]int{w.number(left), w.number(left)}, []int{1, 2})
}

func unsubscribes(w *world) {
	client, _ := w.connected("alice")
	subscription, events := w.subscribed(client, "closed:left", centrifuge.SubscriptionConfig{
		Token: token(time.Hour, claims{"sub": "alice", "channel": "closed:left"}),
	})
	w.ok(subscription.Unsubscribe())
	w.same(next[centrifuge.UnsubscribedEvent](w, events).Code, uint32(0))
	w.publish("closed:left", 1)
	w.ok(subscription.Subscribe())
	next[centrifuge.SubscribedEvent](w, events)
	w.publish("closed:left", 2)
	w.same(w.number(events), 2)
}

func unknownNamespace(w *world) { w.notSubscribed(102, "nowhere:room") }

func notAllowed(w *world) { w.notSubscribed(103, "closed:room") }

func (w *world) notSubscribed(code uint32, channel string) {
	client, _ := w.connected("alice")
	_, events := w.subscription(client, channel, centrifuge.SubscriptionConfig{})
	w.same(next[centrifuge.UnsubscribedEvent](w, events).Code, code)
}

func (w *world) onClosed(channel string) *centrifuge.Subscription {
	client, _ := w.connected("alice")
	subscription, _ := w.subscribed(client, channel, centrifuge.SubscriptionConfig{
		Token: token(time.Hour, claims{"sub": "alice", "channel": channel}),
	})
	return subscription
}

func mute(w *world) {
	_, err := w.onClosed("closed:mute").Publish(context.Background(), []byte("{}"))
	w.refused(103, err)
}

func bare(w *world) {
	subscription := w.onClosed("closed:bare")
	_, err := subscription.History(context.Background(), centrifuge.WithHistoryLimit(1))
	w.refused(108, err)
	_, err = subscription.Presence(context.Background())
	w.refused(108, err)
}

func call(w *world) {
	client, _ := w.connected("alice")
	_, err := client.RPC(context.Background(), "anything", []byte("{}"))
	w.refused(108, err)
}

func backendUnsubscribes(w *world) {
	client, _ := w.connected("alice")
	_, events := w.subscribed(client, "open:ended")
	w.api("unsubscribe", map[string]any{"user": "alice", "channel": "open:ended"})
	w.same(next[centrifuge.UnsubscribedEvent](w, events).Code, uint32(2000))
}

func backendDisconnects(w *world) {
	_, events := w.connected("alice")
	w.api("disconnect", map[string]any{"user": "alice"})
	w.same(next[centrifuge.DisconnectedEvent](w, events).Code, uint32(3503))
}

func backendSubscribes(w *world) {
	_, events := w.connected("alice")
	w.api("subscribe", map[string]any{"user": "alice", "channel": "closed:inbox"})
	w.same(next[centrifuge.ServerSubscribedEvent](w, events).Channel, "closed:inbox")
	w.publish("closed:inbox", "hello")
	w.same(string(next[centrifuge.ServerPublicationEvent](w, events).Data), `"hello"`)
}

// In JSON there are no bytes.
func binary(w *world) {
	client, _ := w.connected("alice")
	subscription, events := w.subscribed(client, "open:bytes")
	var content []byte
	for n := range 1024 {
		content = append(content, byte(n))
	}
	_, err := subscription.Publish(context.Background(), content)
	w.ok(err)
	result, err := subscription.History(context.Background(), centrifuge.WithHistoryLimit(1))
	w.ok(err)
	for _, data := range [][]byte{next[centrifuge.PublicationEvent](w, events).Data, result.Publications[0].Data} {
		if !bytes.Equal(data, content) {
			w.Fatalf("got %x", data)
		}
	}
}
