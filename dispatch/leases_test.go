package dispatch

import (
	"testing"
	"testing/synctest"
	"time"
)

// The timer may have fired just before Close has the lock, and its goroutine gets the lock after it.
func TestNothingLapsesAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewController("test")
		d := NewDispatcher(c)
		told := &counter{}
		id := c.Register(told)
		if err := d.Apply("", Command(PathConnect, id, "chat", time.Minute)); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		d.lapse()
		if info, _ := d.Client(id); len(info.Connected) != 1 || told.told != 1 {
			t.Errorf("connected to %v and told %d times, want chat and 1", info.Connected, told.told)
		}
	})
}
