package dispatch

import "unsafe"

// topic is one pattern and who is connected to it. Its text follows it in the same piece of memory, as there may be a
// million: see [newTopic]. Most have one subscriber, and it stands in the topic itself.
type topic struct {
	member *member // subscriber 0; nil if nobody is connected
	crowd  *crowd  // the others; nil if there are none
	slot   int32   // of subscriber 0
	length uint16  // of the text
	head   [2]byte // its beginning
}

// crowd is all subscribers of a topic but one, in order, in blocks that are full but for the last. With blocks nothing
// that is there has to be moved when another subscriber comes, which with a million takes tens of milliseconds.
type crowd struct {
	blocks []block
}

// block is up to blockSize subscribers. The components stand by themselves, close together, as they are what an update
// runs over.
type block struct {
	components []Component
	ends       []subscriber // of the same subscribers
}

// blockSize is for 8 KiB of each: 16 bytes a subscriber, and 8 that Go keeps with them.
const blockSize = 511

// subscriber is a topic's end of one connection.
type subscriber struct {
	member *member
	slot   int32 // which of the member's connections it is
}

// hash implements hashed, for the table of patterns without wildcards.
func (t *topic) hash() uint64 { return hashText(string(t.pattern())) }

// longTopic is a topic with room for more of its text.
type longTopic[Room any] struct {
	topic
	_ Room
}

func newLong[Room any]() *topic { return &new(longTopic[Room]).topic }

// newTopic makes the topic of pattern, with its own copy of the text.
func newTopic(pattern Pattern) *topic {
	t := allocateTopic(len(pattern) - len(topic{}.head))
	t.length = uint16(len(pattern))
	copy(unsafe.Slice(&t.head[0], len(pattern)), pattern)
	return t
}

// allocateTopic returns a topic with room for so many bytes behind it. The steps are those in which Go allocates.
func allocateTopic(more int) *topic {
	switch {
	case more <= 8:
		return newLong[[8]byte]()
	case more <= 24:
		return newLong[[24]byte]()
	case more <= 40:
		return newLong[[40]byte]()
	case more <= 56:
		return newLong[[56]byte]()
	case more <= 72:
		return newLong[[72]byte]()
	case more <= 104:
		return newLong[[104]byte]()
	case more <= 168:
		return newLong[[168]byte]()
	case more <= 296:
		return newLong[[296]byte]()
	case more <= 488:
		return newLong[[488]byte]()
	default:
		return newLong[[MaxPath]byte]()
	}
}

// pattern returns the topic's text, which never changes. It keeps the topic's memory alive, and is all that does once
// the topic is out of use.
func (t *topic) pattern() Pattern { return Pattern(unsafe.String(&t.head[0], int(t.length))) }

// count returns how many subscribers there are.
func (t *topic) count() int {
	switch {
	case t.member == nil:
		return 0
	case t.crowd == nil:
		return 1
	default:
		return 1 + t.crowd.count()
	}
}

// connected is count for a topic that may not be there: nil.
func (t *topic) connected() int {
	if t == nil {
		return 0
	}
	return t.count()
}

// at returns the i-th subscriber.
func (t *topic) at(i int) subscriber {
	if i == 0 {
		return subscriber{t.member, t.slot}
	}
	return t.crowd.blocks[(i-1)/blockSize].ends[(i-1)%blockSize]
}

// set makes s the i-th subscriber, in the place of another.
func (t *topic) set(i int, s subscriber) {
	if i == 0 {
		t.member, t.slot = s.member, s.slot
		return
	}
	b := &t.crowd.blocks[(i-1)/blockSize]
	b.components[(i-1)%blockSize], b.ends[(i-1)%blockSize] = s.member.component, s
}

// add makes s the last subscriber.
func (t *topic) add(s subscriber) {
	switch {
	case t.member == nil:
		t.member, t.slot = s.member, s.slot
		return
	case t.crowd == nil:
		t.crowd = &crowd{make([]block, 1)}
	}
	t.crowd.add(s)
}

// drop takes the last subscriber away.
func (t *topic) drop() {
	if t.crowd == nil {
		t.member = nil
		return
	}
	if t.crowd.drop(); len(t.crowd.blocks) == 0 {
		t.crowd = nil
	}
}

// stretch returns subscribers from the place on that stand together, at most n: there may be more after them.
func (t *topic) stretch(place, n int) ([]Component, []subscriber) {
	if place == 0 {
		return []Component{t.member.component}, []subscriber{{t.member, t.slot}}
	}
	b, from := t.crowd.blocks[(place-1)/blockSize], (place-1)%blockSize
	to := from + min(n, len(b.ends)-from)
	return b.components[from:to], b.ends[from:to]
}

// tell tells msg to every subscriber but the one at the place except, which is -1 for none.
func (t *topic) tell(except int, sender ID, path Path, msg *Message) {
	if except != 0 {
		t.member.component.Update(sender, path, msg)
	}
	if t.crowd == nil {
		return
	}
	except--
	for _, b := range t.crowd.blocks {
		for i, component := range b.components {
			if i != except {
				component.Update(sender, path, msg)
			}
		}
		except -= blockSize
	}
}

func tellAll(components []Component, sender ID, path Path, msg *Message) {
	for _, component := range components {
		component.Update(sender, path, msg)
	}
}

func (c *crowd) count() int {
	last := len(c.blocks) - 1
	return last*blockSize + len(c.blocks[last].ends)
}

func (c *crowd) add(s subscriber) {
	b := &c.blocks[len(c.blocks)-1]
	if len(b.ends) == blockSize {
		c.blocks = append(c.blocks, block{make([]Component, 0, blockSize), make([]subscriber, 0, blockSize)})
		b = &c.blocks[len(c.blocks)-1]
	}
	b.components, b.ends = append(b.components, s.member.component), append(b.ends, s)
}

// drop takes the last subscriber away, and its block if it was alone there.
func (c *crowd) drop() {
	b := &c.blocks[len(c.blocks)-1]
	last := len(b.ends) - 1
	b.components[last], b.ends[last] = nil, subscriber{}
	b.components, b.ends = b.components[:last], b.ends[:last]
	if last == 0 {
		*b = block{}
		c.blocks = c.blocks[:len(c.blocks)-1]
	}
}
