//! Who a request comes from: the peer, or the address that a trusted proxy names.
//!
//! A forwarding header counts only from a peer that the settings name. Its entries are read from
//! the right, where trusted proxies append: the last hop that is no trusted proxy is the client.
//! The rest is the client's own word and MUST NOT be used. Values are bounded and parsed as
//! addresses; behind a value that is none, the client is the proxy itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The hops that are read of a forwarding header.
const MOST_HOPS: usize = 16;

/// The longest text of one hop: an IPv6 address with zone, brackets, port and quotes.
const HOP_BYTES: usize = 100;

/// Headers by which proxies say that they forward.
const FORWARDING: [&str; 6] =
    ["forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"];

/// What limits count as one client: an IPv4 address, or the /64 of an IPv6 address, because one
/// household or one server has a /64 to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientNetwork(IpAddr);

impl From<IpAddr> for ClientNetwork {
    fn from(address: IpAddr) -> Self {
        Self(masked(address.to_canonical(), if address.to_canonical().is_ipv4() { 32 } else { 64 }))
    }
}

/// The client of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client {
    /// The address that limits go by.
    pub(crate) address: IpAddr,
    pub(crate) route: Route,
}

/// How a request reached the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// Straight from the peer.
    Direct,
    /// Through a trusted proxy.
    TrustedProxy,
    /// From a peer that forwards for others and that no setting names.
    UnnamedProxy,
}

impl Client {
    /// Returns whether a program on this machine asks, for itself.
    pub(crate) fn is_local(&self) -> bool {
        self.route == Route::Direct && self.address.is_loopback()
    }
}

/// Why the settings about proxies do not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// The header's name is none.
    #[error("`{0}` is not the name of a header")]
    Header(String),
    /// An entry is neither an address nor a range.
    #[error("`{0}` is neither an address nor a range such as 10.0.0.0/8")]
    Range(String),
    /// Only one of the two settings is there.
    #[error("a proxy's header needs the proxies that it is trusted from, and they need the header")]
    Incomplete,
}

/// The proxies whose header is believed; none by default.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    header: Option<HeaderName>,
    ranges: Vec<AddressRange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct AddressRange {
    network: IpAddr,
    bits: u8,
}

impl TrustedProxies {
    /// Takes the header's name and the proxies' addresses or ranges; both or neither.
    pub fn new(header: &str, proxies: &[String]) -> Result<Self, ProxyError> {
        let name = match header {
            "" => None,
            text => {
                Some(HeaderName::from_str(text).map_err(|_| ProxyError::Header(text.to_owned()))?)
            }
        };
        if name.is_some() == proxies.is_empty() {
            return Err(ProxyError::Incomplete);
        }
        let ranges = proxies.iter().map(|text| {
            text.trim().parse().map_err(|InvalidRange| ProxyError::Range(text.clone()))
        });
        Ok(Self { header: name, ranges: ranges.collect::<Result<_, _>>()? })
    }

    /// Returns whether `peer` is a proxy that is believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(peer.to_canonical()))
    }

    /// Returns the client of a request that `peer` sent.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        let peer = peer.to_canonical();
        if self.trusts(peer) {
            let address = self.last_untrusted_hop(headers).unwrap_or(peer);
            return Client { address, route: Route::TrustedProxy };
        }
        let forwards = headers.keys().any(|name| self.tells_of_forwarding(name));
        let route = if forwards { Route::UnnamedProxy } else { Route::Direct };
        Client { address: peer, route }
    }

    fn tells_of_forwarding(&self, name: &HeaderName) -> bool {
        let text = name.as_str();
        text.starts_with("x-forwarded")
            || FORWARDING.contains(&text)
            || self.header.as_ref() == Some(name)
    }

    /// Returns the last hop that no trusted proxy is, or the first one if all are; `None` if there
    /// is none or one on the way is no address.
    fn last_untrusted_hop(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let name = self.header.as_ref()?;
        let values: Vec<&HeaderValue> = headers.get_all(name).iter().collect();
        let texts = values.into_iter().rev().map(|value| value.to_str().unwrap_or_default());
        let mut first = None;
        for hop in texts.flat_map(|text| text.rsplit(',')).take(MOST_HOPS) {
            let address = hop_address(hop, name)?;
            if !self.trusts(address) {
                return Some(address);
            }
            first = Some(address);
        }
        first
    }
}

/// Returns the address of one entry: plain, with a port, in brackets, or as `for=` of RFC 7239.
fn hop_address(hop: &str, name: &HeaderName) -> Option<IpAddr> {
    if hop.len() > HOP_BYTES {
        return None;
    }
    let text = if name.as_str() == "forwarded" {
        hop.split(';').find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            key.eq_ignore_ascii_case("for").then(|| value.trim_matches('"'))
        })?
    } else {
        hop.trim()
    };
    let address = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok().or_else(|| {
            let (host, port) = text.split_once(':')?;
            port.parse::<u16>().ok()?;
            host.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
        }),
    };
    address.map(|address| address.to_canonical())
}

struct InvalidRange;

impl FromStr for AddressRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidRange)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| InvalidRange)?;
        if bits > most {
            return Err(InvalidRange);
        }
        Ok(Self { network: masked(address, bits), bits })
    }
}

impl AddressRange {
    fn contains(&self, address: IpAddr) -> bool {
        self.network.is_ipv4() == address.is_ipv4() && masked(address, self.bits) == self.network
    }
}

/// Returns `address` with all but the first `bits` cleared.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    let keep = u32::from(bits);
    match address {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(keep)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & mask))
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(keep)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests;
