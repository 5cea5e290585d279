package lane_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

func TestLoopServes(t *testing.T) {
	onBoth(t, func(s *stage) {
		c := s.dial()
		for range 3 {
			c.send(get("/now"))
			c.wants("200 now")
		}
		c.send(get("/inline/x"))
		c.wants("404 404 page not found")
		c.send(get("/park"))
		(<-s.parked).Wake()
		c.wants("200 woken")
		c.send(get("/park") + get("/now") + get("/now") + get("/other"))
		(<-s.parked).Wake()
		c.wants("200 woken", "200 now", "200 now", "200 net/http /other 0 <nil>")
		c.send(get("/now"))
		c.wants("200 net/http /now 0 <nil>")
	})
}

// However the bytes come, the answers are the same.
func TestLoopByteByByte(t *testing.T) {
	onBoth(t, func(s *stage) {
		c := s.dial()
		text := get("/now") + post("/echo", "some\r\n\r\nbody") + get("/inline/x") + get("/now")
		for i := range len(text) {
			c.send(text[i : i+1])
			s.settle()
		}
		c.wants("200 now", "200 some\r\n\r\nbody", "404 404 page not found", "200 now")
		for _, cut := range []int{1, 17, 40} {
			c.send(text[:cut])
			s.settle()
			c.send(text[cut:])
			c.wants("200 now", "200 some\r\n\r\nbody", "404 404 page not found", "200 now")
		}
	})
}

// Requests that come while one is parked wait, however many they are; then all are answered, in order.
func TestLoopPipelines(t *testing.T) {
	onBoth(t, func(s *stage) {
		const many = 6000 // more than is kept
		for _, parks := range []string{"/park", "/park/big"} {
			c, conn := s.park(parks)
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				for i := range many {
					c.send(post("/echo", fmt.Sprint(i)))
				}
			}()
			s.settle()
			conn.Wake()
			c.wants(map[string]string{"/park": "200 woken", "/park/big": "200 " + strings.TrimSpace(bigText)}[parks])
			for i := range many {
				c.wants(fmt.Sprint("200 ", i))
			}
			<-sent
			c.send(get("/now"))
			c.wants("200 now")
		}
	})
}

// A connection that is parked time and again, with all its requests sent at once.
func TestLoopPipelinedParks(t *testing.T) {
	onBoth(t, func(s *stage) {
		const many = 3000
		c := s.dial()
		go c.send(strings.Repeat(get("/park")+get("/now"), many))
		for range many {
			(<-s.parked).Wake()
			c.wants("200 woken", "200 now")
		}
	})
}

// What is on the wire of answers.
func TestLoopAnswers(t *testing.T) {
	const date = "Date: D\r\n"
	dates := regexp.MustCompile("Date: ..., .. ... .... ..:..:.. GMT\r\n")
	tests := []struct{ request, want string }{
		{get("/close"), "HTTP/1.1 200 OK\r\n" + date + "Connection: close\r\nContent-Length: 5\r\n\r\nclose"},
		{"GET /now HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
			"HTTP/1.1 200 OK\r\n" + date + "Connection: close\r\nContent-Length: 3\r\n\r\nnow"},
		{"GET /now HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n" + date + "Connection: close\r\nContent-Length: 3\r\n\r\nnow"},
		{"GET /now HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /now HTTP/1.0\r\n\r\n",
			"HTTP/1.0 200 OK\r\n" + date + "Connection: keep-alive\r\nContent-Length: 3\r\n\r\nnow" +
				"HTTP/1.0 200 OK\r\n" + date + "Connection: close\r\nContent-Length: 3\r\n\r\nnow"},
		{get("/echo?"+strings.Repeat("q", 3000)) + get("/close"), // a header larger than the room for it
			"HTTP/1.1 200 OK\r\nX-Query: " + strings.Repeat("q", 3000) + "\r\n" + date + "Content-Length: 0\r\n\r\n" +
				"HTTP/1.1 200 OK\r\n" + date + "Connection: close\r\nContent-Length: 5\r\n\r\nclose"},
		{get("/inline/odd") + get("/inline/close"), "HTTP/1.1 418 I'm a teapot\r\nContent-Length: 14\r\nVary: A\r\nVary: B\r\n" +
			"X-Line: a  Injected: b\xff\r\n" + date + "\r\nodd 127.0.0.1:" +
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + date + "Connection: close\r\n\r\n"},
		{get("/inline/204") + get("/inline/304") + get("/inline/close"), "HTTP/1.1 204 No Content\r\n" + date + "\r\n" +
			"HTTP/1.1 304 Not Modified\r\n" + date + "\r\n" +
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + date + "Connection: close\r\n\r\n"},
	}
	onBoth(t, func(s *stage) {
		for _, tt := range tests {
			if got := dates.ReplaceAllString(s.ask(tt.request).raw(), date); got != tt.want {
				s.Errorf("got\n%q\nwant\n%q", got, tt.want)
			}
		}
		s.allClosed(0)
	})
}

// A component that panics loses its connection and no other.
func TestLoopPanics(t *testing.T) {
	onBoth(t, func(s *stage) {
		_, other := s.park("/park")
		stays := s.ask(get("/now"))
		stays.wants("200 now")
		for _, path := range []string{"/panic", "/inline/panic", "/abort"} {
			s.ask(get(path)).wantsEnd()
		}
		c, conn := s.park("/park/panic")
		conn.Wake()
		c.wantsEnd()
		gone, _ := s.park("/park/gone")
		gone.reset()
		s.until("the parked ones are gone", func() bool { return len(s.gone) == 2 })
		stays.send(get("/now"))
		stays.wants("200 now")
		other.Wake()
		s.until("only two are left", func() bool { return s.limit.Open() == 2 })
		if n := strings.Count(s.log.String(), "request panicked"); n != 4 {
			s.Errorf("%d panics were logged, want 4:\n%s", n, s.log)
		}
	}, func(s *setting) { s.count = 1 })
}

// A connection that always has something to say, or to ask, does not keep others from being served.
func TestLoopIsFair(t *testing.T) {
	onBoth(t, func(s *stage) {
		_, restless := s.park("/park/restless")
		restless.Wake()
		greedy := s.dial()
		go func() {
			for range 1000 {
				greedy.send(strings.Repeat(get("/now"), 10))
			}
		}()
		c := s.dial()
		for range 10 {
			c.send(get("/now"))
			c.wants("200 now")
		}
		for range 10000 {
			greedy.wants("200 now")
		}
	}, func(s *setting) { s.count = 1 })
}

// A connection's pipelined requests take turns with those of others, and come in order all the same.
func TestLoopTakesTurns(t *testing.T) {
	inBubble(t, func(s *stage) {
		blocks, greedy, modest := s.ask(get("/block")), s.dial(), s.dial()
		synctest.Wait()
		for i := range 500 {
			greedy.send(get(fmt.Sprint("/mark?", i)))
		}
		modest.send(get("/mark?modest"))
		close(s.block)
		blocks.wants("200")
		greedy.wants(slices.Repeat([]string{"200"}, 500)...)
		modest.wants("200")
		next := 0
		for range 501 {
			if mark := <-s.marks; mark == "modest" {
				if next > 100 {
					s.Errorf("%d requests of another connection were served first", next)
				}
			} else if mark == fmt.Sprint(next) {
				next++
			} else {
				s.Fatalf("request %s was served in place of %d", mark, next)
			}
		}
	}, func(s *setting) { s.count = 1 })
}
