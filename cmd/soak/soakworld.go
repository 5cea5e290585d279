//go:build linux

package main

import (
	"fmt"
	"time"
)

// soakWorld is what is published in a soak, and who wants what.
type soakWorld struct {
	world   *world
	own     []int32 // one for each client
	bulk    []int32 // likewise, for large updates
	latest  []int32 // one for every third client
	rooms   []int32 // one for fifty clients each
	grouped []int32 // topicsPerGroup for each group
	all     int32
	lease   time.Duration
}

const (
	roomSize       = 50
	topicsPerGroup = 8
)

func newSoakWorld(clients int, lease time.Duration) *soakWorld {
	s := &soakWorld{world: newWorld(), lease: lease}
	s.all = s.world.at("news/all")
	for i := range clients {
		s.own = append(s.own, s.world.at(fmt.Sprintf("user/%d", i)))
		s.bulk = append(s.bulk, s.world.at(fmt.Sprintf("report/%d", i)))
		if i%3 == 0 {
			path := s.world.at(fmt.Sprintf("progress/%d", i))
			s.world.paths[path].latest = true
			s.latest = append(s.latest, path)
		}
		if i%roomSize == 0 {
			s.rooms = append(s.rooms, s.world.at(fmt.Sprintf("room/%d", i/roomSize)))
			for t := range topicsPerGroup {
				s.grouped = append(s.grouped, s.world.at(fmt.Sprintf("group/%d/%d", i/roomSize, t)))
			}
		}
	}
	return s
}

// topics are what a client wants: its own paths, a room and the news; for some, a group by a pattern, with a lease.
func (s *soakWorld) topics(number int) []*topic {
	name := func(path int32) string { return s.world.paths[path].name }
	list := []*topic{{pattern: name(s.all), paths: []int32{s.all}}}
	for _, path := range []int32{s.own[number], s.bulk[number], s.rooms[number%len(s.rooms)]} {
		list = append(list, &topic{pattern: name(path), paths: []int32{path}})
	}
	if number%3 == 0 {
		path := s.latest[number/3]
		list = append(list, &topic{pattern: name(path), paths: []int32{path}})
	}
	if number%5 == 0 {
		group := number / 5 % len(s.rooms)
		list = append(list, &topic{pattern: fmt.Sprintf("group/%d/*", group), lease: s.lease,
			paths: s.grouped[group*topicsPerGroup : (group+1)*topicsPerGroup]})
	}
	return list
}

// batch returns own paths that one call may name: those of a client and of some after it.
func (s *soakWorld) batch(first, n int) (paths []int32) {
	for i := first; len(paths) < n && i < first+8*n*callersPerCrowd && i < len(s.own); i++ {
		if (s.own[i]-s.own[first])%callersPerCrowd == 0 {
			paths = append(paths, s.own[i])
		}
	}
	return paths
}
