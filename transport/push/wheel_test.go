package push

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestWheelLooksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks []time.Duration
		began := time.Now()
		w := newWheel(time.Second, func(_ *Session, now time.Time) (time.Duration, bool) {
			looks = append(looks, now.Sub(began))
			return 5 * time.Second, len(looks) < 3
		}, func(time.Time) {})
		defer w.close()
		w.add(new(Session), time.Now(), 2*time.Second)
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := []time.Duration{2 * time.Second, 7 * time.Second, 12 * time.Second}; !slices.Equal(looks, want) {
			t.Errorf("looked at %v, want %v", looks, want)
		}
	})
}

// Who wants all sessions gets those too that are being looked at.
func TestWheelHasAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looking, resume := make(chan struct{}), make(chan struct{})
		w := newWheel(time.Second, func(*Session, time.Time) (time.Duration, bool) {
			looking <- struct{}{}
			<-resume
			return 5 * time.Second, true
		}, func(time.Time) {})
		defer w.close()
		for i := range 3 {
			w.add(new(Session), time.Now(), time.Duration(1+i/2)*time.Second)
		}
		for range 2 {
			<-looking
			if n := len(w.all()); n < 3 {
				t.Errorf("%d sessions while two are looked at, want 3", n)
			}
			resume <- struct{}{}
		}
		synctest.Wait()
		if n := len(w.all()); n != 3 {
			t.Errorf("%d sessions, want 3", n)
		}
		<-looking
		resume <- struct{}{}
	})
}
