//! What the environment says, and what a proxy's address may be.

use super::*;

fn environment(variables: &[(&str, &str)]) -> Proxies {
    let variables: Vec<_> = variables
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    Proxies::of_environment(move |name| {
        variables
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.clone())
    })
}

fn way(proxies: &Proxies, url: &str) -> String {
    match proxies.on_the_way_to(&url.parse().unwrap()) {
        Ok(Some(proxy)) => proxy.to_string(),
        Ok(None) => "direct".to_owned(),
        Err(unusable) => unusable.to_string(),
    }
}

#[test]
fn the_environment_names_a_proxy_for_each_kind_of_server() {
    let proxies = environment(&[
        ("HTTP_PROXY", "http://plain:3128"),
        ("HTTPS_PROXY", "encrypted"),
        ("NO_PROXY", "example.com, 10.0.0.0/8"),
    ]);
    for (url, expected) in [
        ("http://api.test/", "http://plain:3128"),
        ("ws://api.test/", "http://plain:3128"),
        ("https://api.test/", "http://encrypted:80"),
        ("wss://api.test/", "http://encrypted:80"),
        ("wss://streaming.example.com/", "direct"),
        ("wss://notexample.com/", "http://encrypted:80"),
        ("https://10.1.2.3/", "direct"),
        ("https://11.1.2.3/", "http://encrypted:80"),
        ("wss://localhost:8443/", "direct"),
        ("https://sim.localhost/", "direct"),
        ("http://127.0.0.1:8080/", "direct"),
        ("http://[::1]:8080/", "direct"),
    ] {
        assert_eq!(way(&proxies, url), expected, "{url}");
    }
}

#[test]
fn one_proxy_for_all_where_no_other_is_named() {
    let proxies = environment(&[
        ("all_proxy", "https://all"),
        ("https_proxy", "http://one:1"),
        ("HTTP_PROXY", ""),
    ]);
    assert_eq!(way(&proxies, "http://api.test/"), "https://all:443");
    assert_eq!(way(&proxies, "https://api.test/"), "http://one:1");
    assert_eq!(way(&environment(&[]), "https://api.test/"), "direct");
    let nowhere = environment(&[("ALL_PROXY", "http://all"), ("NO_PROXY", "*")]);
    assert_eq!(way(&nowhere, "https://api.test/"), "direct");
}

#[test]
fn a_proxy_that_cannot_be_used_is_not_passed_by() {
    let proxies = environment(&[
        ("ALL_PROXY", "socks5://user:hush@all:1080"),
        ("NO_PROXY", "exempt.test"),
    ]);
    assert_eq!(
        way(&proxies, "wss://api.test/"),
        "ALL_PROXY: a proxy of type socks5 cannot be used, only http and https"
    );
    assert_eq!(way(&proxies, "wss://exempt.test/"), "direct");
    assert_eq!(way(&proxies, "wss://localhost/"), "direct");
}

#[test]
fn a_request_to_a_cgi_program_names_no_proxy() {
    let proxies = environment(&[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://evil")]);
    assert_eq!(way(&proxies, "http://api.test/"), "direct");
}

#[test]
fn a_proxy_that_the_application_names_is_for_everything() {
    let proxies = Proxies::new(&Proxy::Url("proxy.test:3128".parse().unwrap()));
    assert_eq!(way(&proxies, "wss://localhost/"), "http://proxy.test:3128");
    assert_eq!(way(&Proxies::new(&Proxy::None), "wss://api.test/"), "direct");
}

#[test]
fn credentials_are_decoded_for_the_proxy_and_shown_to_nobody() {
    let proxy: ProxyUrl = "http://al%40addin:open%3Asesame@proxy.test:3128".parse().unwrap();
    // al@addin:open:sesame
    assert_eq!(proxy.authorization().unwrap(), "Basic YWxAYWRkaW46b3BlbjpzZXNhbWU=");
    let config = Proxy::Url(proxy.clone());
    for shown in [
        proxy.to_string(),
        format!("{config:?}"),
        format!("{:?}", Proxies::new(&config)),
        format!("{:?}", proxy.authorization()),
    ] {
        assert!(
            !shown.contains("addin") && !shown.contains("sesame") && !shown.contains("YWx"),
            "{shown}"
        );
    }
    assert_eq!("http://proxy.test".parse::<ProxyUrl>().unwrap().authorization(), None);
}

#[test]
fn what_is_no_address_of_a_proxy_is_refused_by_name() {
    assert_eq!("".parse::<ProxyUrl>(), Err(ProxyUrlError::NoHost));
    assert_eq!("http://".parse::<ProxyUrl>(), Err(ProxyUrlError::NoHost));
    assert_eq!(
        "ftp://proxy".parse::<ProxyUrl>(),
        Err(ProxyUrlError::Scheme("ftp".into()))
    );
    assert!(matches!(
        "http://proxy:99999".parse::<ProxyUrl>(),
        Err(ProxyUrlError::NotAUrl(_))
    ));
}
