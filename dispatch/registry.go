package dispatch

import "sync"

// registry is who has which ID. It is divided by the IDs' hashes, so that one can be looked up without the Controller's
// lock and nearly without meeting anybody: what changes a shard holds the Controller's lock and the shard's, what reads
// it holds either.
type registry struct {
	shards [shardCount]shard
}

const shardCount = 64

// shard is a part of the registry.
type shard struct {
	mu      sync.RWMutex // guards members, against those who do not hold the Controller's lock
	members table[member, *member]
	_       [64]byte // so that no two shards share 128 bytes, which processors fetch together
}

// shard returns the one for this hash, by bits that its table makes no use of.
func (r *registry) shard(hash uint64) *shard { return &r.shards[hash>>32%shardCount] }

// find returns the member with this name, of this hash, or nil. It is called with the Controller's lock held, or the
// shard's.
func (s *shard) find(name string, hash uint64) *member {
	return s.members.find(hash, func(m *member) bool { return string(m.name[:m.length]) == name })
}

// add is called with the Controller's lock held.
func (r *registry) add(m *member) {
	s := r.shard(m.hash())
	s.mu.Lock()
	s.members.add(m)
	s.mu.Unlock()
}

// remove is called with the Controller's lock held.
func (r *registry) remove(m *member) {
	s := r.shard(m.hash())
	s.mu.Lock()
	s.members.remove(m)
	s.mu.Unlock()
}

// count returns how many members there are. It is called with the Controller's lock held.
func (r *registry) count() int {
	n := 0
	for i := range r.shards {
		n += r.shards[i].members.count
	}
	return n
}
