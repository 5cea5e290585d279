package lane

import (
	"net/netip"
	"strings"
)

// Proxies are the networks of proxies whose X-Forwarded-For is believed.
type Proxies []netip.Prefix

// ParseProxies reads addresses ("10.0.0.5") and networks ("10.0.0.0/8"); what is neither is left out.
func ParseProxies(texts []string) Proxies {
	var proxies Proxies
	for _, text := range texts {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			proxies = append(proxies, unmapped(prefix.Masked()))
		} else if address, err := netip.ParseAddr(text); err == nil {
			address = address.Unmap().WithZone("")
			proxies = append(proxies, netip.PrefixFrom(address, address.BitLen()))
		}
	}
	return proxies
}

// unmapped returns a network of IPv4 addresses that is written as IPv6 ("::ffff:10.0.0.0/104") as what it means.
func unmapped(prefix netip.Prefix) netip.Prefix {
	if address := prefix.Addr(); address.Is4In6() && prefix.Bits() >= 96 {
		return netip.PrefixFrom(address.Unmap(), prefix.Bits()-96)
	}
	return prefix
}

// contain tells whether address is that of a proxy. It is as [plainAddress] returns it.
func (p Proxies) contain(address netip.Addr) bool {
	for _, network := range p {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// Client returns who the client of a request is, for the bounds on one address: the peer that the connection is from
// or, where that is a proxy, the right-most address of the X-Forwarded-For fields that is none. What cannot be read
// ends the walk at the address before it. peer is "<address>:<port>"; of any other form, as that of a Unix socket, it
// is nobody: the zero Addr. All addresses of a /64 network of IPv6 are one, its first, as a client has a whole network
// of that size; those that are translated from IPv4 (NAT64) are what they were.
func (p Proxies) Client(peer string, forwarded []string) netip.Addr {
	from, err := netip.ParseAddrPort(peer)
	if err != nil {
		return netip.Addr{}
	}
	client := plainAddress(from.Addr())
	for line := len(forwarded) - 1; line >= 0; line-- {
		for rest := forwarded[line]; rest != ""; {
			if !p.contain(client) {
				return oneOf(client)
			}
			var element string
			rest, element = cutLast(rest)
			if element == "" {
				continue // RFC 9110, section 5.6.1: an empty element is none
			}
			before, ok := forwardedAddress(element)
			if !ok {
				return oneOf(client)
			}
			client = before
		}
	}
	return oneOf(client)
}

// peerAddress is Client without any fields, for a peer of which it is also told whether it is a proxy.
func (p Proxies) peerAddress(peer string) (address netip.Addr, proxy bool) {
	from, err := netip.ParseAddrPort(peer)
	if err != nil {
		return netip.Addr{}, false
	}
	address = plainAddress(from.Addr())
	return oneOf(address), p.contain(address)
}

// cutLast cuts the last element off a list.
func cutLast(list string) (rest, element string) {
	comma := strings.LastIndexByte(list, ',')
	return list[:max(comma, 0)], strings.Trim(list[comma+1:], " \t")
}

// forwardedAddress reads an element of X-Forwarded-For: an address, to which some proxies add a port.
func forwardedAddress(element string) (address netip.Addr, ok bool) {
	if inner, bracketed := strings.CutPrefix(element, "["); bracketed && strings.HasSuffix(inner, "]") {
		element = inner[:len(inner)-1]
	}
	address, err := netip.ParseAddr(element)
	if err != nil {
		with, err := netip.ParseAddrPort(element)
		if err != nil {
			return netip.Addr{}, false
		}
		address = with.Addr()
	}
	return plainAddress(address), true
}

// plainAddress returns an address without its zone, and one of IPv4 as such.
func plainAddress(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }

// translated is the network of the addresses that IPv4 addresses are translated to (RFC 6052), in their last 4 bytes.
var translated = netip.MustParsePrefix("64:ff9b::/96")

// oneOf returns what stands for all addresses that are counted as one.
func oneOf(address netip.Addr) netip.Addr {
	if !address.Is6() {
		return address
	}
	if bytes := address.As16(); translated.Contains(address) {
		return netip.AddrFrom4([4]byte(bytes[12:]))
	}
	network, _ := address.Prefix(64)
	return network.Addr()
}
