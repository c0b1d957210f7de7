use http::Uri;

use super::*;

fn from_vars(vars: &[(&str, &str)]) -> Proxies {
    Proxies::from_vars(|name| {
        let found = vars.iter().find(|(wanted, _)| *wanted == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

/// The proxy for a URI, as it shows itself.
fn choice(proxies: &Proxies, uri: &str) -> Option<String> {
    proxies.proxy_for(&uri.parse::<Uri>().unwrap()).unwrap().map(Proxy::to_string)
}

#[test]
fn each_scheme_has_its_variable_and_upper_case_comes_first() {
    let (http, https) = (Some("http://a:1".to_owned()), Some("http://b:2".to_owned()));
    for vars in [
        [("HTTP_PROXY", "http://a:1"), ("HTTPS_PROXY", "http://b:2"), ("X", "")],
        [("http_proxy", "http://a:1"), ("https_proxy", "http://b:2"), ("HTTP_PROXY", "")],
        [("http_proxy", "http://c:3"), ("HTTP_PROXY", "http://a:1"), ("https_proxy", "b:2")],
    ] {
        let proxies = from_vars(&vars);
        assert_eq!(choice(&proxies, "http://etcd:2379/"), http);
        assert_eq!(choice(&proxies, "https://etcd:2379/"), https);
    }
    let proxies = from_vars(&[("HTTPS_PROXY", "b:2"), ("ALL_PROXY", "c:3")]);
    assert_eq!(choice(&proxies, "http://etcd:2379/"), None);
    assert_eq!(choice(&from_vars(&[]), "http://etcd:2379/"), None);
    assert_eq!(choice(&Proxies::none(), "https://etcd:2379/"), None);
}

#[test]
fn this_machine_is_excepted_from_the_environment_only() {
    let proxies = from_vars(&[("http_proxy", "proxy:1"), ("https_proxy", "proxy:1")]);
    let all = Proxies::all("proxy:1").unwrap();
    for host in ["localhost", "LocalHost", "127.0.0.1", "127.8.9.1", "[::1]", "[::ffff:127.0.0.1]"]
    {
        for uri in [format!("http://{host}:2379/"), format!("https://{host}/")] {
            assert_eq!(choice(&proxies, &uri), None, "{uri}");
            assert!(choice(&all, &uri).is_some(), "{uri}");
        }
    }
    for host in ["localhost.example", "128.0.0.1", "[::2]", "notlocalhost"] {
        assert!(choice(&proxies, &format!("http://{host}/")).is_some(), "{host}");
    }
}

#[test]
fn exceptions_are_hosts_suffixes_addresses_networks_and_ports() {
    let list = " example.com , .below.org,*.star.org, ported.net:2379,10.1.2.3,10.9.9.9:2379,\
                192.168.0.0/16,fe80::/10, ::2, [::3]:2379,[::4],bücher.example, ,:80,bad:port,\
                10.0.0.0/33,1.2.3.4/x";
    let proxies = from_vars(&[("http_proxy", "proxy:1"), ("no_proxy", list)]);
    for (host, excepted) in [
        ("example.com", true),
        ("EXAMPLE.com", true),
        ("www.example.com", true),
        ("a.b.example.com:1234", true),
        ("notexample.com", false),
        ("example.com.org", false),
        ("below.org", false),
        ("www.below.org", true),
        ("star.org", false),
        ("www.star.org", true),
        ("ported.net:2379", true),
        ("www.ported.net:2379", true),
        ("ported.net", false),
        ("ported.net:2380", false),
        ("10.1.2.3", true),
        ("10.1.2.3:9", true),
        ("10.1.2.4", false),
        ("10.9.9.9:2379", true),
        ("10.9.9.9:2380", false),
        ("192.168.255.1:2379", true),
        ("192.169.0.1", false),
        ("[fe80::1]", true),
        ("[febf::1]:2379", true),
        ("[fec0::1]", false),
        ("[::2]:5", true),
        ("[::3]:2379", true),
        ("[::3]:2380", false),
        ("[::4]", true),
        ("[::ffff:10.1.2.3]", true),
        ("xn--bcher-kva.example", true),
        ("bad", false),
        ("10.0.0.1", false),
        ("1.2.3.4", false),
    ] {
        let uri = format!("http://{host}/v2/keys");
        assert_eq!(choice(&proxies, &uri).is_none(), excepted, "{host}");
    }
}

#[test]
fn goes_straight_to_every_name_of_this_machine() {
    let proxies = from_vars(&[("http_proxy", "proxy:1"), ("https_proxy", "proxy:1")]);
    for (host, straight) in [
        ("localhost", true),
        ("localhost.", true),
        ("LOCALHOST.", true),
        ("a.localhost", true),
        ("a.b.localhost", true),
        ("a.localhost.", true),
        ("A.LocalHost", true),
        ("127.0.0.1", true),
        ("127.8.9.10", true),
        ("[::1]", true),
        ("[::ffff:127.0.0.1]", true),
        ("localhost.example", false),
        ("notlocalhost", false),
        ("a-localhost", false),
        ("localhost.localdomain", false),
    ] {
        for uri in [format!("http://{host}/"), format!("https://{host}:2379/v2/keys/")] {
            assert_eq!(choice(&proxies, &uri).is_none(), straight, "{uri}");
        }
    }
    let all = Proxies::all("proxy:1").unwrap();
    assert!(choice(&all, "http://a.localhost/").is_some(), "whoever says all means all");
}

#[test]
fn a_dot_at_the_end_makes_no_other_name() {
    let lists =
        ["example.com,.below.org", "example.com.,.below.org.", "EXAMPLE.com.:80,*.below.org."];
    for list in lists {
        let proxies = Proxies::all("proxy:1").unwrap().except(list);
        for (host, excepted) in [
            ("example.com", true),
            ("example.com.", true),
            ("www.example.com.", true),
            ("www.below.org.", true),
            ("below.org.", false),
            ("other.org.", false),
        ] {
            let uri = format!("http://{host}/");
            assert_eq!(choice(&proxies, &uri).is_none(), excepted, "{list} {host}");
        }
    }
}

#[test]
fn ports_of_exceptions_mean_the_default_port_too() {
    let list = "a.example:80,b.example:443";
    let proxies = Proxies::all("proxy:1").unwrap().except(list);
    for (uri, excepted) in [
        ("http://a.example/", true),
        ("https://a.example/", false),
        ("http://b.example/", false),
        ("https://b.example/", true),
    ] {
        assert_eq!(choice(&proxies, uri).is_none(), excepted, "{uri}");
    }
}

#[test]
fn networks_of_any_size_are_compared_by_their_first_bits() {
    for (list, host, excepted) in [
        ("0.0.0.0/0", "8.8.8.8", true),
        ("0.0.0.0/0", "[2001::1]", false),
        ("::/0", "[2001::1]", true),
        ("::/0", "8.8.8.8", false),
        ("8.8.8.8/32", "8.8.8.8", true),
        ("8.8.8.8/32", "8.8.8.9", false),
        ("8.8.8.9/31", "8.8.8.8", true),
        ("2001::/128", "[2001::]", true),
        ("2001::/128", "[2001::1]", false),
    ] {
        let proxies = Proxies::all("proxy:1").unwrap().except(list);
        let found = choice(&proxies, &format!("http://{host}/"));
        assert_eq!(found.is_none(), excepted, "{list} {host}");
    }
}

#[test]
fn a_star_excepts_everything() {
    for list in ["*", "a, *", "*,b"] {
        let proxies = from_vars(&[("http_proxy", "proxy:1"), ("NO_PROXY", list)]);
        for host in ["etcd", "10.0.0.1", "[2001::1]"] {
            assert_eq!(choice(&proxies, &format!("http://{host}/")), None);
        }
    }
}

#[test]
fn addresses_of_proxies_come_in_many_forms() {
    for (value, shown, host, port) in [
        ("http://proxy:3128", "http://proxy:3128", "proxy", 3128),
        ("http://proxy", "http://proxy:80", "proxy", 80),
        ("http://proxy:80/", "http://proxy:80", "proxy", 80),
        ("proxy:3128", "http://proxy:3128", "proxy", 3128),
        ("proxy", "http://proxy:80", "proxy", 80),
        ("10.0.0.1:3128", "http://10.0.0.1:3128", "10.0.0.1", 3128),
        ("[::1]:3128", "http://[::1]:3128", "::1", 3128),
        ("HTTP://Proxy:3128/path?query", "http://proxy:3128", "proxy", 3128),
        ("user:secret@proxy:3128", "http://proxy:3128", "proxy", 3128),
    ] {
        let proxies = Proxies::all(value).unwrap();
        let proxy = proxies.proxy_for(&"http://etcd/".parse().unwrap()).unwrap().unwrap();
        assert_eq!(proxy.to_string(), shown);
        assert_eq!((proxy.host(), proxy.port()), (host, port));
        assert_eq!(proxy.authorization().is_some(), value.contains('@'));
    }
}

#[test]
fn what_is_no_http_proxy_spoils_only_the_requests_that_would_go_through_it() {
    for (value, reason) in [
        ("socks5://secret@proxy:1", "socks5:// proxies are not supported, only http:// ones"),
        ("https://u:secret@proxy", "https:// proxies are not supported, only http:// ones"),
        ("http://u:secret@", "is not a URL: empty host"),
        ("http://u:secret@[fe80::1%25eth0]:3128", ZONE_ADVICE),
        ("[fe80::1%eth0]:3128", ZONE_ADVICE),
        ("http://u:secret@proxy:123456", "is not a URL: invalid port number"),
        ("http://se%3Acret@proxy", "invalid user name: has a colon or a control character"),
        ("http://pro\nxy:1", "has a line break, a tab or another control character"),
        ("http://u:se\r\ncret@proxy", "has a line break, a tab or another control character"),
        ("pro\txy:1", "has a line break, a tab or another control character"),
    ] {
        let proxies = from_vars(&[("http_proxy", value), ("no_proxy", "direct")]);
        assert_eq!(choice(&proxies, "http://localhost/"), None);
        assert_eq!(choice(&proxies, "http://direct/"), None);
        assert_eq!(choice(&proxies, "https://etcd/"), None);
        let error = proxies.proxy_for(&"http://etcd/".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), format!("invalid HTTP_PROXY: {reason}"));
        assert_eq!(Proxies::all(value).unwrap_err().reason, reason);
        assert!(!format!("{proxies:?}").contains("cret"));
    }
}

#[test]
fn a_cgi_script_takes_no_http_proxy_from_its_environment() {
    for name in ["HTTP_PROXY", "http_proxy"] {
        let vars = [("REQUEST_METHOD", "GET"), (name, "evil:1"), ("HTTPS_PROXY", "good:1")];
        let proxies = from_vars(&vars);
        let error = proxies.proxy_for(&"http://etcd/".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("REQUEST_METHOD"), "{error}");
        assert_eq!(choice(&proxies, "https://etcd/").as_deref(), Some("http://good:1"));
    }
    assert_eq!(choice(&from_vars(&[("REQUEST_METHOD", "GET")]), "http://etcd/"), None);
}

#[test]
fn passwords_are_sent_and_never_shown() {
    let proxies = Proxies::all("http://me:p%40ss%20word@proxy:1").unwrap();
    let uri: Uri = "https://etcd:2379/".parse().unwrap();
    let proxy = proxies.proxy_for(&uri).unwrap().unwrap();
    let header = proxy.authorization().unwrap();
    assert_eq!(header, "Basic bWU6cEBzcyB3b3Jk");
    assert!(header.is_sensitive());
    let tunnel = proxy.tunnel(&uri);
    let request = String::from_utf8(tunnel.request().to_vec()).unwrap();
    assert!(request.contains("\r\nProxy-Authorization: Basic bWU6cEBzcyB3b3Jk\r\n"));
    for shown in [format!("{proxies:?} {proxy:?} {proxy} {tunnel:?}"), format!("{header:?}")] {
        for secret in ["me:", "p%40", "p@ss", "bWU6"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

fn tunnel(proxy: &str, uri: &str) -> Tunnel {
    let (proxies, uri) = (Proxies::all(proxy).unwrap(), uri.parse::<Uri>().unwrap());
    proxies.proxy_for(&uri).unwrap().unwrap().tunnel(&uri)
}

#[test]
fn tunnels_lead_to_the_host_and_port_of_the_endpoint() {
    for (uri, target) in [
        ("https://etcd:2379/v2/keys", "etcd:2379"),
        ("https://etcd/", "etcd:443"),
        ("http://etcd/", "etcd:80"),
        ("https://u:p@10.0.0.1:1/", "10.0.0.1:1"),
        ("https://[::1]:2379/", "[::1]:2379"),
        ("https://[::1]/", "[::1]:443"),
    ] {
        let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
        assert_eq!(tunnel("proxy:1", uri).request(), request.as_bytes());
    }
}

#[test]
fn every_way_to_cut_the_answer_of_a_proxy_is_the_same() {
    let answers = [
        ("HTTP/1.1 200 Connection established\r\n\r\n", Ok(true)),
        ("HTTP/1.0 204\r\nVia: a\r\nX: y\r\n\r\n", Ok(true)),
        ("HTTP/1.1 200 OK\r\n\r\nmore", Err("does not answer as an HTTP proxy does")),
        ("SSH-2.0-OpenSSH_9.2\r\n", Err("does not answer as an HTTP proxy does")),
        ("\u{15}\u{3}\u{3}\u{0}\u{2}", Err("does not answer as an HTTP proxy does")),
        ("HTTP/1.1 hello\r\n\r\n", Err("does not answer as an HTTP proxy does")),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", Err("cannot connect to etcd:1 (502 Bad Gateway)")),
        ("HTTP/1.1 403 No\r\n\r\n", Err("refuses to connect to etcd:1 (403 Forbidden)")),
        ("HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic\r\n\r\n", Err("wants a user name")),
    ];
    for (answer, expected) in answers {
        for size in 1..=answer.len() {
            let mut tunnel = tunnel("proxy:1", "https://etcd:1/");
            let mut end = Ok(false);
            for piece in answer.as_bytes().chunks(size) {
                end = tunnel.receive(piece);
                if end != Ok(false) {
                    break;
                }
            }
            match (end, expected) {
                // What comes later is for the server at the other end to say.
                (Ok(open), Err(_)) if answer.ends_with("more") => assert!(open),
                (Ok(open), _) => assert_eq!(Ok(open), expected, "{answer:?} by {size}"),
                (Err(error), _) => {
                    let text = expected.unwrap_err();
                    assert!(error.to_string().contains(text), "{error} by {size}");
                }
            }
        }
    }
}

#[test]
fn refused_logins_differ_from_missing_ones() {
    let answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
    let error = tunnel("u:secret@proxy:1", "https://etcd:1/").receive(answer).unwrap_err();
    let text =
        "the proxy http://proxy:1 does not accept the user name and password in its URL (407)";
    assert_eq!(error.to_string(), text);
    let error = tunnel("proxy:1", "https://etcd:1/").receive(answer).unwrap_err();
    let text =
        "the proxy http://proxy:1 wants a user name and a password (407): put them into its URL";
    assert_eq!(error.to_string(), text);

    // What tinyproxy says then.
    let answer = b"HTTP/1.0 401 Unauthorized\r\n\r\n";
    let error = tunnel("u:secret@proxy:1", "https://etcd:1/").receive(answer).unwrap_err();
    let text =
        "the proxy http://proxy:1 does not accept the user name and password in its URL (401)";
    assert_eq!(error.to_string(), text);
}

#[test]
fn endless_answers_of_proxies_are_cut_off() {
    let mut tunnel = tunnel("proxy:1", "https://etcd:1/");
    assert_eq!(tunnel.receive(b"HTTP/1.1 200 OK\r\n"), Ok(false));
    let taken = (0..1000).take_while(|_| tunnel.receive(&[b'x'; 100]) == Ok(false)).count();
    assert!((100..200).contains(&taken), "{taken}");
    let closed = tunnel.closed().to_string();
    assert_eq!(closed, "the proxy http://proxy:1 closed the connection without an answer");
}
