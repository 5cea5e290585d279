package lane

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestClientAddress(t *testing.T) {
	proxies := ParseProxies([]string{
		"127.0.0.0/8", "::1", "10.0.0.5", "2001:db8:f::/48", "::ffff:192.0.2.0/120", "nonsense",
	})
	tests := []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy", "198.51.100.7:1", nil, "198.51.100.7"},
		{"whose word is not taken", "198.51.100.7:1", []string{"203.0.113.9"}, "198.51.100.7"},
		{"a proxy", "127.0.0.1:1", []string{"203.0.113.9"}, "203.0.113.9"},
		{"that says nothing", "127.0.0.1:1", nil, "127.0.0.1"},
		{"another proxy before it", "127.0.0.1:1", []string{"203.0.113.9, 10.0.0.5"}, "203.0.113.9"},
		{"what the client made up", "127.0.0.1:1", []string{"1.1.1.1, 203.0.113.9, 10.0.0.5"}, "203.0.113.9"},
		{"several lines", "[::1]:1", []string{"1.1.1.1", "203.0.113.9", "10.0.0.5 ,\t127.0.0.2"}, "203.0.113.9"},
		{"proxies alone", "127.0.0.1:1", []string{"10.0.0.5"}, "10.0.0.5"},
		{"garbage", "127.0.0.1:1", []string{"1.1.1.1, unknown, 10.0.0.5"}, "10.0.0.5"},
		{"garbage alone", "127.0.0.1:1", []string{"unknown"}, "127.0.0.1"},
		{"empty elements", "127.0.0.1:1", []string{"203.0.113.9,, ,"}, "203.0.113.9"},
		{"an empty line", "127.0.0.1:1", []string{"203.0.113.9", ""}, "203.0.113.9"},
		{"with a port", "127.0.0.1:1", []string{"203.0.113.9:4711"}, "203.0.113.9"},
		{"a network of IPv6", "[2001:db8:1:2:3:4:5:6]:1", nil, "2001:db8:1:2::"},
		{"in brackets", "127.0.0.1:1", []string{"[2001:db8:1:2::9]"}, "2001:db8:1:2::"},
		{"in brackets, with a port", "127.0.0.1:1", []string{"[2001:db8:1:2::9]:443"}, "2001:db8:1:2::"},
		{"a proxy of IPv6", "[2001:db8:f:1::2]:1", []string{"2001:db8:1:2::9"}, "2001:db8:1:2::"},
		{"IPv4 as IPv6", "[::ffff:198.51.100.7]:1", nil, "198.51.100.7"},
		{"a proxy of IPv4 as IPv6", "[::ffff:127.0.0.1]:1", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"a network that is written as IPv6", "192.0.2.1:1", []string{"203.0.113.9"}, "203.0.113.9"},
		{"IPv4 behind NAT64", "[64:ff9b::198.51.100.7]:1", nil, "198.51.100.7"},
		{"told of by a proxy", "127.0.0.1:1", []string{"64:ff9b::cb00:7109"}, "203.0.113.9"},
		{"not quite NAT64", "[64:ff9b::1:198.51.100.7]:1", nil, "64:ff9b::"},
		{"a zone", "[fe80::1%eth0]:1", nil, "fe80::"},
		{"a Unix socket", "@", []string{"203.0.113.9"}, "invalid IP"},
		{"a pipe", "pipe", nil, "invalid IP"},
	}
	for _, tt := range tests {
		if got := proxies.Client(tt.peer, tt.forwarded).String(); got != tt.want {
			t.Errorf("%s: %s with %q is %s, want %s", tt.name, tt.peer, tt.forwarded, got, tt.want)
		}
	}
}

// Without a proxy before it, a request of which the address is wanted costs nothing but reading the peer's.
func TestClientAddressAllocatesNothing(t *testing.T) {
	proxies, lines := ParseProxies([]string{"127.0.0.0/8"}), []string{"203.0.113.9, 127.0.0.2"}
	if n := testing.AllocsPerRun(100, func() { proxies.Client("127.0.0.1:80", lines) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzForwarded walks over X-Forwarded-For as a simpler walk over all elements at once does: whatever it says, the
// result is an address that a proxy has vouched for.
func FuzzForwarded(f *testing.F) {
	f.Add("127.0.0.1:1", "1.1.1.1, 203.0.113.9, 10.0.0.5", "127.0.0.2")
	f.Add("[::1]:1", "unknown, 10.0.0.5:80,, [2001:db8::1]", ",")
	f.Add("8.8.8.8:1", "", "[::1")
	proxies := ParseProxies([]string{"127.0.0.0/8", "::1", "10.0.0.0/8"})
	f.Fuzz(func(t *testing.T, peer, first, second string) {
		got := proxies.Client(peer, []string{first, second})
		if want := simpleClient(proxies, peer, first+","+second); got != want {
			t.Errorf("%q with %q and %q is %v, want %v", peer, first, second, got, want)
		}
		if got.IsValid() && (got.Zone() != "" || got.Is4In6()) {
			t.Errorf("%v is not plain", got)
		}
	})
}

func simpleClient(proxies Proxies, peer, list string) netip.Addr {
	from, err := netip.ParseAddrPort(peer)
	if err != nil {
		return netip.Addr{}
	}
	chain := []netip.Addr{from.Addr().Unmap().WithZone("")}
	elements := strings.Split(list, ",")
	slices.Reverse(elements)
	for _, element := range elements {
		if element = strings.Trim(element, " \t"); element == "" {
			continue
		}
		address, ok := forwardedAddress(element)
		if !ok {
			break
		}
		chain = append(chain, address)
	}
	i := slices.IndexFunc(chain, func(a netip.Addr) bool { return !proxies.contain(a) })
	if i < 0 {
		i = len(chain) - 1
	}
	return oneOf(chain[i])
}
