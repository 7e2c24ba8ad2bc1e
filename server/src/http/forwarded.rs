//! What a request says about the host it was sent to and the address it came from.
//!
//! Anybody can send the headers that proxies set. They count only where the operator said that the proxy
//! overwrites them (`--trust-proxy`), and even then none of them says where Frappe is.

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

/// Set by bench's nginx: the name of the site's folder, where the host may be any of its domains.
const SITE_NAME: HeaderName = HeaderName::from_static("x-frappe-site-name");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(super) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// No host name of the internet is longer (RFC 1035), port included.
const HOST_BYTES: usize = 260;
/// What is quoted of a name that is none.
const QUOTED_CHARACTERS: usize = 80;

/// Whether the headers of a proxy are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProxyHeaders {
    /// Whoever asks may have written them.
    Ignored,
    /// The proxy overwrites them.
    Trusted,
}

/// Which site a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AskedSite {
    /// None in particular.
    Unsaid,
    /// This machine: one of its own names, or a bare address. In small letters.
    Machine(String),
    /// The site with this name. In small letters.
    Named(String),
    /// Something that cannot be a name; what there is to quote of it.
    Unreadable(String),
}

/// How the browser reached the first server on the way, as far as the request says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestScheme {
    /// In the clear, or nothing says otherwise.
    Http,
    /// Encrypted: cookies may be `Secure`.
    Https,
}

impl RequestScheme {
    /// Whether the way was encrypted.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Https)
    }
}

impl ProxyHeaders {
    /// As `--trust-proxy` says.
    pub(super) const fn trusted_if(trust_proxy: bool) -> Self {
        if trust_proxy { Self::Trusted } else { Self::Ignored }
    }

    /// The site that a request asks for. A header that is believed is the last word, also when it is wrong.
    pub(super) fn asked_site(self, headers: &HeaderMap) -> AskedSite {
        if let Some(site) = only(self.believed(headers, &SITE_NAME)) {
            let site = site.and_then(read_authority);
            return site.map_or_else(AskedSite::Unreadable, |site| AskedSite::Named(name_of(&site)));
        }
        match self.read_host(headers) {
            None => AskedSite::Unsaid,
            Some(Err(quoted)) => AskedSite::Unreadable(quoted),
            Some(Ok(host)) if is_this_machine(&host) => AskedSite::Machine(name_of(&host)),
            Some(Ok(host)) => AskedSite::Named(name_of(&host)),
        }
    }

    /// The host that a request was sent to; `None` where it names none, or none that can be read.
    pub(super) fn host(self, headers: &HeaderMap) -> Option<Authority> {
        self.read_host(headers)?.ok()
    }

    /// How the browser reached the first server: a proxy says it, or the browser itself with its `Origin`.
    pub(super) fn scheme(self, headers: &HeaderMap) -> RequestScheme {
        let proto = self.believed(headers, &FORWARDED_PROTO).next().and_then(|list| list.to_str().ok());
        // Some proxies say `wss` of a socket's handshake.
        let is_encrypted = |proto: &str| ["https", "wss"].iter().any(|word| proto.eq_ignore_ascii_case(word));
        if proto.map(first_of_list).is_some_and(is_encrypted) {
            return RequestScheme::Https;
        }
        let origin = only(headers.get_all(ORIGIN).iter()).and_then(|origin| origin.ok()?.parse::<Uri>().ok());
        let encrypted_origin = origin.filter(|origin| origin.scheme_str() == Some("https"));
        match encrypted_origin.zip(self.host(headers)) {
            Some((origin, host)) if is_origin_of(&origin, &host) => RequestScheme::Https,
            _ => RequestScheme::Http,
        }
    }

    /// The visitor's address: the one that the own proxy added last, else the peer's.
    pub(super) fn client_address(self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        self.forwarded_address(headers).unwrap_or_else(|| peer.to_canonical())
    }

    /// The same, where it says anything of the visitor: a peer on this machine may be a proxy whose word is not
    /// taken, with everybody behind it.
    pub(super) fn visitor_address(self, headers: &HeaderMap, peer: IpAddr) -> Option<IpAddr> {
        let peer = Some(peer.to_canonical()).filter(|peer| !peer.is_loopback());
        self.forwarded_address(headers).or(peer)
    }

    fn forwarded_address(self, headers: &HeaderMap) -> Option<IpAddr> {
        let last_list = self.believed(headers, &FORWARDED_FOR).next_back()?.to_str().ok()?;
        let last = last_list.rsplit(',').next()?;
        read_address(last.trim()).map(|address| address.to_canonical())
    }

    fn read_host(self, headers: &HeaderMap) -> Option<Result<Authority, String>> {
        match self.believed(headers, &FORWARDED_HOST).next() {
            Some(list) => Some(text_of(list).map(first_of_list).and_then(read_authority)),
            None => only(headers.get_all(HOST).iter()).map(|host| host.and_then(read_authority)),
        }
    }

    fn believed<'a>(
        self,
        headers: &'a HeaderMap,
        name: &HeaderName,
    ) -> impl DoubleEndedIterator<Item = &'a HeaderValue> + use<'a> {
        (self == Self::Trusted).then(|| headers.get_all(name)).into_iter().flatten()
    }
}

/// Whether a page of this origin is on this host.
pub(super) fn is_origin_of(origin: &Uri, host: &Authority) -> bool {
    let default_port = match origin.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    let Some(from) = origin.authority().filter(|from| is_plain(from)) else { return false };
    // A proxy may pass on the host without its port (nginx `$host`): then the names decide.
    let same_port = host.port_u16().is_none_or(|port| port == from.port_u16().unwrap_or(default_port));
    same_port && host.host().eq_ignore_ascii_case(from.host())
}

/// Whether a host is one of this machine's own names, or a bare address.
fn is_this_machine(host: &Authority) -> bool {
    let host = host.host();
    host.eq_ignore_ascii_case("localhost") || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

fn name_of(host: &Authority) -> String {
    host.host().to_ascii_lowercase()
}

/// The text of a header that must not stand twice. `None` where it does not stand at all.
fn only<'a>(mut values: impl Iterator<Item = &'a HeaderValue>) -> Option<Result<&'a str, String>> {
    let value = values.next()?;
    Some(text_of(value).and_then(|text| if values.next().is_none() { Ok(text) } else { Err(quote(text)) }))
}

fn text_of(value: &HeaderValue) -> Result<&str, String> {
    value.to_str().map_err(|_| quote(&String::from_utf8_lossy(value.as_bytes())))
}

fn first_of_list(list: &str) -> &str {
    list.split(',').next().unwrap_or_default().trim()
}

fn read_authority(text: &str) -> Result<Authority, String> {
    let authority = (text.len() <= HOST_BYTES).then(|| text.parse().ok()).flatten();
    authority.filter(is_plain).ok_or_else(|| quote(text))
}

/// A host and at most a port: the parser also takes users, passwords and ports that are no numbers.
fn is_plain(authority: &Authority) -> bool {
    let after_host = authority.as_str().strip_prefix(authority.host());
    let port = after_host.map(|rest| rest.strip_prefix(':').unwrap_or(rest));
    let is_number = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    port.is_some_and(|port| port.is_empty() || is_number(port))
}

/// An address as proxies write it: with a port or without, and IPv6 in brackets or without.
fn read_address(entry: &str) -> Option<IpAddr> {
    let with_port = || entry.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    entry.parse().ok().or_else(with_port).or_else(in_brackets)
}

fn quote(text: &str) -> String {
    text.chars().take(QUOTED_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::ProxyHeaders::{self, Ignored, Trusted};
    use super::{AskedSite, RequestScheme};

    fn headers(lines: &[(&'static str, &[u8])]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &[u8])| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value).expect("a value"))
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines.iter().map(line) {
            headers.append(name, value);
        }
        headers
    }

    fn asked(proxy: ProxyHeaders, lines: &[(&'static str, &[u8])]) -> AskedSite {
        proxy.asked_site(&headers(lines))
    }

    fn named(name: &str) -> AskedSite {
        AskedSite::Named(name.to_owned())
    }

    #[test]
    fn a_host_is_read_with_its_port_and_in_either_case() {
        let machine = |name: &str| AskedSite::Machine(name.to_owned());
        for (host, expected) in [
            ("a.example", named("a.example")),
            ("A.Example:80", named("a.example")),
            ("a.example:", named("a.example")),
            ("127.0.0.1.evil.example", named("127.0.0.1.evil.example")),
            ("localhost", machine("localhost")),
            ("LOCALHOST:3000", machine("localhost")),
            ("127.0.0.1:3000", machine("127.0.0.1")),
            ("[::1]:3000", machine("[::1]")),
            ("[2001:db8::1]", machine("[2001:db8::1]")),
            ("[2001:DB8::1]:443", machine("[2001:db8::1]")),
        ] {
            for proxy in [Ignored, Trusted] {
                assert_eq!(asked(proxy, &[("host", host.as_bytes())]), expected, "{host}");
            }
            let forwarded = [("host", b"proxy".as_slice()), ("x-forwarded-host", host.as_bytes())];
            assert_eq!(asked(Trusted, &forwarded), expected, "{host}");
        }
        assert_eq!(asked(Trusted, &[]), AskedSite::Unsaid);
    }

    #[test]
    fn what_is_no_host_names_no_site() {
        let long = "a".repeat(300);
        for host in [
            "",
            " ",
            "a.example/../b",
            "user@a.example",
            "user:password@a.example",
            "a:1@a:80",
            "a.example:port",
            "a.example:99999",
            "a.example:+80",
            "::1",
            "[::1",
            "http://a.example",
            "a.example b.example",
            "<script>",
            "m\u{fc}nchen.example",
            &long,
        ] {
            for name in ["host", "x-forwarded-host", "x-frappe-site-name"] {
                let AskedSite::Unreadable(quoted) = asked(Trusted, &[(name, host.as_bytes())]) else {
                    panic!("{name}: {host:?} is a host")
                };
                assert!(quoted.chars().count() <= 80);
            }
        }
    }

    #[test]
    fn a_proxys_headers_count_only_where_they_are_believed() {
        let lines: [(&str, &[u8]); 3] =
            [("host", b"a.example"), ("x-forwarded-host", b"b.example"), ("x-frappe-site-name", b"c.example")];
        assert_eq!(asked(Ignored, &lines), named("a.example"));
        assert_eq!(asked(Trusted, &lines), named("c.example"));
        assert_eq!(asked(Trusted, &lines[..2]), named("b.example"));
        assert_eq!(asked(Trusted, &lines[..1]), named("a.example"));
        let host = |proxy: ProxyHeaders| proxy.host(&headers(&lines)).map(|host| host.to_string());
        assert_eq!((host(Ignored), host(Trusted)), (Some("a.example".into()), Some("b.example".into())));
    }

    #[test]
    fn a_proxys_last_word_is_not_replaced_by_another_header() {
        let host: (&str, &[u8]) = ("host", b"a.example");
        // A folder's name, not a host: `localhost` there is a site called so.
        assert_eq!(asked(Trusted, &[host, ("x-frappe-site-name", b"localhost")]), named("localhost"));
        for lines in [
            [host, ("x-frappe-site-name", b""), ("x-forwarded-host", b"a.example")],
            [host, ("x-frappe-site-name", b"a.example, b.example"), ("x-forwarded-host", b"a.example")],
            [host, ("x-frappe-site-name", b"a.example"), ("x-frappe-site-name", b"a.example")],
            [host, ("x-forwarded-host", b", a.example"), ("x-forwarded-host", b"a.example")],
            [host, ("x-forwarded-host", b"\xff.example"), ("x-forwarded-host", b"a.example")],
        ] {
            assert!(matches!(asked(Trusted, &lines), AskedSite::Unreadable(_)), "{lines:?}");
            assert_eq!(asked(Ignored, &lines), named("a.example"));
        }
        let list = [host, ("x-forwarded-host", b"b.example , c.example")];
        assert_eq!(asked(Trusted, &list), named("b.example"));
        assert!(matches!(asked(Ignored, &[host, host]), AskedSite::Unreadable(_)), "two hosts");
    }

    #[test]
    fn the_visitors_address_is_the_one_that_the_own_proxy_added() {
        let peer: IpAddr = "10.0.0.1".parse().expect("an address");
        for (lists, expected) in [
            (vec!["192.0.2.1"], "192.0.2.1"),
            (vec!["6.6.6.6, 192.0.2.1"], "192.0.2.1"),
            (vec!["192.0.2.1", "6.6.6.6,192.0.2.2"], "192.0.2.2"),
            (vec!["192.0.2.1:4711"], "192.0.2.1"),
            (vec!["2001:db8::1"], "2001:db8::1"),
            (vec!["[2001:db8::1]"], "2001:db8::1"),
            (vec!["[2001:db8::1]:4711"], "2001:db8::1"),
            (vec!["::ffff:192.0.2.1"], "192.0.2.1"),
            (vec!["192.0.2.1, unknown"], "10.0.0.1"),
            (vec!["192.0.2.1,"], "10.0.0.1"),
            (vec!["m\u{fc}ll"], "10.0.0.1"),
            (vec![""], "10.0.0.1"),
            (vec![], "10.0.0.1"),
        ] {
            let lines: Vec<_> = lists.iter().map(|list| ("x-forwarded-for", list.as_bytes())).collect();
            assert_eq!(Trusted.client_address(&headers(&lines), peer).to_string(), expected, "{lists:?}");
            assert_eq!(Ignored.client_address(&headers(&lines), peer), peer);
        }
    }

    /// Behind nginx without `--trust-proxy` everybody was 127.0.0.1, and locked out by one who guessed.
    #[test]
    fn an_address_of_this_machine_says_nothing_of_a_visitor() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let named = headers(&[("x-forwarded-for", b"192.0.2.1")]);
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(Ignored.visitor_address(&named, address(peer)), None, "{peer}");
            assert_eq!(Trusted.visitor_address(&headers(&[]), address(peer)), None, "{peer}");
            assert_eq!(Trusted.visitor_address(&named, address(peer)), Some(address("192.0.2.1")), "{peer}");
        }
        assert_eq!(Ignored.visitor_address(&named, address("10.0.0.1")), Some(address("10.0.0.1")));
    }

    #[test]
    fn a_request_is_encrypted_where_the_proxy_or_the_browser_says_so() {
        let with_origin = |origin: &'static str| [("host", b"a.example".as_slice()), ("origin", origin.as_bytes())];
        for (origin, expected) in [
            ("https://a.example", RequestScheme::Https),
            ("https://A.example:8443", RequestScheme::Https),
            ("http://a.example", RequestScheme::Http),
            ("https://b.example", RequestScheme::Http),
            ("https://a.example@b.example", RequestScheme::Http),
            ("null", RequestScheme::Http),
        ] {
            assert_eq!(Ignored.scheme(&headers(&with_origin(origin))), expected, "{origin}");
        }
        for (proto, is_secure) in
            [("https", true), ("HTTPS", true), ("wss", true), ("https, http", true), ("http", false), ("", false)]
        {
            let lines = headers(&[("host", b"a.example"), ("x-forwarded-proto", proto.as_bytes())]);
            assert_eq!(Trusted.scheme(&lines).is_secure(), is_secure, "{proto}");
            assert_eq!(Ignored.scheme(&lines), RequestScheme::Http, "{proto}");
        }
        // Behind two proxies the inner one is reached in the clear.
        let mut both = headers(&with_origin("https://a.example"));
        both.insert("x-forwarded-proto", HeaderValue::from_static("http"));
        assert_eq!(Trusted.scheme(&both), RequestScheme::Https);
    }
}
