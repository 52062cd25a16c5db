use super::*;

fn proxies(header: &str, ranges: &[&str]) -> TrustedProxies {
    let ranges: Vec<_> = ranges.iter().map(|text| (*text).to_owned()).collect();
    TrustedProxies::new(header, &ranges).unwrap()
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        map.append(HeaderName::from_str(name).unwrap(), value);
    }
    map
}

fn check(trusted: &TrustedProxies, peer: &str, sent: &[(&str, &str)], client: &str, route: Route) {
    let found = trusted.client(peer.parse().unwrap(), &headers(sent));
    assert_eq!(found, Client { address: client.parse().unwrap(), route }, "{peer} {sent:?}");
}

#[test]
fn a_peer_that_no_setting_names_is_the_client_whatever_it_says() {
    let (none, some) = (TrustedProxies::default(), proxies("x-forwarded-for", &["10.0.0.0/8"]));
    for trusted in [&none, &some] {
        check(trusted, "203.0.113.9", &[], "203.0.113.9", Route::Direct);
        let lie = [("x-forwarded-for", "127.0.0.1")];
        check(trusted, "203.0.113.9", &lie, "203.0.113.9", Route::UnnamedProxy);
    }
}

#[test]
fn the_last_hop_that_is_no_trusted_proxy_is_the_client() {
    let trusted = proxies("X-Forwarded-For", &["10.0.0.0/8", "127.0.0.1", "fd00::/8"]);
    let check = |value: &str, client: &str| {
        let sent = [("x-forwarded-for", value)];
        check(&trusted, "127.0.0.1", &sent, client, Route::TrustedProxy);
    };
    check("198.51.100.7", "198.51.100.7");
    check("127.0.0.1, 198.51.100.7", "198.51.100.7");
    check("1.1.1.1, 198.51.100.7, 10.9.9.9,fd00::5", "198.51.100.7");
    check("10.1.1.1, 10.2.2.2", "10.1.1.1");
    check("198.51.100.7:5123", "198.51.100.7");
    check("[2001:db8::1]:443", "2001:db8::1");
    check("2001:db8::1", "2001:db8::1");
    check("::ffff:198.51.100.7", "198.51.100.7");
    // Behind what is no address, nobody is known but the proxy.
    for odd in ["", "unknown", "198.51.100.7, x", "1.2.3.4.5", "1.2.3.4:x", "[::1", "é", "-"] {
        check(odd, "127.0.0.1");
    }
    check(&format!("{}198.51.100.7", " ".repeat(200)), "127.0.0.1");
}

#[test]
fn several_lines_of_a_header_are_one_list() {
    let trusted = proxies("x-forwarded-for", &["10.0.0.1"]);
    let sent = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2, 10.0.0.1")];
    check(&trusted, "10.0.0.1", &sent, "2.2.2.2", Route::TrustedProxy);
    check(&trusted, "::ffff:10.0.0.1", &sent, "2.2.2.2", Route::TrustedProxy);
}

#[test]
fn an_endless_list_is_read_to_a_bound() {
    let trusted = proxies("x-forwarded-for", &["10.0.0.0/8"]);
    let long = format!("9.9.9.9{}", ", 10.0.0.2".repeat(5_000));
    let sent = [("x-forwarded-for", long.as_str())];
    check(&trusted, "10.0.0.1", &sent, "10.0.0.2", Route::TrustedProxy);
}

#[test]
fn the_standard_header_is_understood() {
    let trusted = proxies("Forwarded", &["10.0.0.1"]);
    for value in [
        "for=198.51.100.7",
        "proto=https;For=\"198.51.100.7:80\";by=10.0.0.1",
        "for=1.1.1.1, for=198.51.100.7",
    ] {
        check(&trusted, "10.0.0.1", &[("forwarded", value)], "198.51.100.7", Route::TrustedProxy);
    }
    let sent = [("forwarded", "for=\"[2001:db8::1]\"")];
    check(&trusted, "10.0.0.1", &sent, "2001:db8::1", Route::TrustedProxy);
    let sent = [("forwarded", "for=_hidden")];
    check(&trusted, "10.0.0.1", &sent, "10.0.0.1", Route::TrustedProxy);
}

#[test]
fn only_a_program_on_this_machine_that_forwards_for_nobody_is_local() {
    let (none, named) = (TrustedProxies::default(), proxies("x-forwarded-for", &["127.0.0.1"]));
    let is_local = |trusted: &TrustedProxies, peer: &str, sent: &[(&str, &str)]| {
        trusted.client(peer.parse().unwrap(), &headers(sent)).is_local()
    };
    for peer in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        assert!(is_local(&none, peer, &[]), "{peer}");
        for name in ["x-forwarded-for", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "Via"] {
            assert!(!is_local(&none, peer, &[(name, "127.0.0.1")]), "{peer} {name}");
        }
    }
    for peer in ["10.0.0.1", "192.168.1.1", "2001:db8::1"] {
        assert!(!is_local(&none, peer, &[]), "{peer}");
    }
    assert!(!is_local(&named, "127.0.0.1", &[]));
    assert!(!is_local(&named, "127.0.0.1", &[("x-forwarded-for", "127.0.0.1")]));
    assert!(is_local(&named, "::1", &[]));
}

#[test]
fn a_network_is_an_address_of_the_old_kind_or_a_64_of_the_new() {
    let network = |text: &str| ClientNetwork::from(text.parse::<IpAddr>().unwrap());
    assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.1"));
    assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    assert_eq!(network("2001:db8:0:1::1"), network("2001:db8:0:1:ffff:ffff:ffff:ffff"));
    assert_ne!(network("2001:db8:0:1::1"), network("2001:db8:0:2::1"));
}

#[test]
fn settings_that_do_not_fit_are_named() {
    let new = |header: &str, ranges: &[&str]| {
        let ranges: Vec<_> = ranges.iter().map(|text| (*text).to_owned()).collect();
        TrustedProxies::new(header, &ranges).err()
    };
    assert_eq!(new("", &[]), None);
    for range in ["10.0.0.0/8", "0.0.0.0/0", "::/0", "::1", "1.2.3.4/32", " 1.2.3.4"] {
        assert_eq!(new("x-real-ip", &[range]), None, "{range}");
    }
    assert_eq!(new("x-real-ip", &[]), Some(ProxyError::Incomplete));
    assert_eq!(new("", &["::1"]), Some(ProxyError::Incomplete));
    assert_eq!(new("x y", &["::1"]), Some(ProxyError::Header("x y".into())));
    for odd in ["", "host", "10.0.0.0/33", "::/129", "1.2.3.4/-1", "1.2.3.4/", "1.2.3/8"] {
        assert_eq!(new("x-real-ip", &[odd]), Some(ProxyError::Range(odd.into())));
    }
}
