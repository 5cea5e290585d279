package load

// Dialect says how one kind of server is spoken to over one transport. The engine calls it from its one goroutine, so it
// needs no locks and must not block. It must not keep the slices that it is given: they are used again.
type Dialect interface {
	// Open appends to dst the first request of c: a poll, the GET of an event stream, or the upgrade to WebSocket
	// ([AppendUpgrade]). It is also called when a visit of [Churn] begins; c is fresh then.
	Open(dst []byte, c *Client) []byte

	// Hear takes one whole thing that the server sent to c, and says through r what it means and what follows:
	//   - long-poll: each answer, whatever its status;
	//   - SSE: the head of the answer (status 200, no data), then each event that has data;
	//   - WebSocket: the answer that the upgrade worked (status 101, no data), then each text or binary message.
	// Another status on SSE and WebSocket is an error that the engine counts. Pings are answered, comments dropped.
	Hear(c *Client, in *Input, r *Reply)

	// Publish appends to dst the request that publishes text at path, to be sent on a keep-alive connection.
	Publish(dst []byte, path string, text []byte) []byte

	// Published tells whether in, the answer to a request of Publish or of [Reply.Control], means success.
	Published(in *Input) bool
}

// Client is what a dialect knows of one client.
type Client struct {
	Index int    // 0 to Clients-1
	Path  string // what the client is to hear

	// State and Step are for the dialect: a cursor, a token, how far the set-up has come. State may be written over in
	// place; both are empty when a client opens.
	State []byte
	Step  int
}

// Input is one whole thing that a server sent.
type Input struct {
	Status int    // of an HTTP answer; 0 for an event or a message
	Head   []byte // fields of an HTTP answer, each line ending in CRLF; see [Input.Field]
	Event  []byte // name of an event; nil where it has none
	ID     []byte // id of an event; nil where it has none
	Retry  []byte // time after which to come back, of an event; nil where it has none
	Data   []byte // body of an answer, data of an event, payload of a message; nil in an event with nothing but Retry
}

// Field returns the value of the first field of this name in an answer's head, without white space around it; nil if
// there is none. Case does not count.
func (in *Input) Field(name string) []byte { return fieldOf(in.Head, name) }

// Reply is what a dialect makes of an [Input].
type Reply struct {
	// Send is what the client sends next. Append to it: on long-poll the bytes of the next request, on WebSocket the
	// payload of one text message. It is empty when Hear is called.
	Send []byte
	// Control is a request for the publish address, such as a back-end's connect. Append to it. It must be answered
	// with what [Dialect.Published] takes for success. It is empty when Hear is called.
	Control []byte

	ready   bool
	failure string
	texts   [][]byte
}

// Ready says that the client is subscribed: it will hear whatever is published from now on. To say it again does
// nothing.
func (r *Reply) Ready() { r.ready = true }

// Fail counts an error of this kind, a few words such as "gap" or "status 503". The client goes on if it is ready and
// has a next request.
func (r *Reply) Fail(kind string) { r.failure = kind }

// Message says that the client was given this text, as [Dialect.Publish] got it. Texts that the run has not published
// are ignored.
func (r *Reply) Message(text []byte) { r.texts = append(r.texts, text) }

// Messages says that the client was given every message that stands somewhere in data, in this order. A message is
// letters, digits, dots and underscores alone: no encoding (JSON, forms, URLs) changes it, so that data need not be
// decoded.
func (r *Reply) Messages(data []byte) {
	for {
		text, rest := nextText(data)
		if text == nil {
			return
		}
		r.texts = append(r.texts, text)
		data = rest
	}
}

func (r *Reply) reset() {
	*r = Reply{Send: r.Send[:0], Control: r.Control[:0], texts: r.texts[:0]}
}

// BrowserFields are fields of the size that a browser sends, about 600 bytes, each ending in CRLF, for requests of clients.
const BrowserFields = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n" +
	"Cache-Control: no-cache\r\n" +
	"Pragma: no-cache\r\n" +
	"Referer: https://shop.example.org/orders/overview?page=2\r\n" +
	"Cookie: sessionid=3k2f9c1m5t8z7x6v4b1n0q2w8e5r7t9y; csrftoken=Zx81Lq0Vn7Bc4Mw2Rt9Ys6Ku3Pd5Fh1J\r\n" +
	"Sec-Ch-Ua: \"Chromium\";v=\"131\", \"Not_A Brand\";v=\"24\"\r\n" +
	"Sec-Ch-Ua-Mobile: ?0\r\n" +
	"Sec-Ch-Ua-Platform: \"Linux\"\r\n" +
	"Sec-Fetch-Dest: empty\r\n" +
	"Sec-Fetch-Mode: cors\r\n" +
	"Sec-Fetch-Site: same-origin\r\n"

// AppendUpgrade appends a request that turns a connection to host into a WebSocket at target, "/" or "/ws?x=y". Fields
// may hold more of them, each ending in CRLF.
func AppendUpgrade(dst []byte, host, target, fields string) []byte {
	dst = append(dst, "GET "...)
	dst = append(dst, target...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, host...)
	dst = append(dst, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: bG9hZC1nZW5lcmF0b3ItMQ==\r\n"...)
	dst = append(dst, fields...)
	return append(dst, "\r\n"...)
}
