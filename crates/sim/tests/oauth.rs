//! Tokens for applications, from the consent to the first request.

mod support;

use std::time::Duration;

use offhook_sim::{Cloud, CloudConfig, Consent, OAuthClient, User};
use serde_json::{Value, json};
use support::{Client, cloud, http};

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// `http://127.0.0.1:4711/back`
const REDIRECT: &str = "http%3A%2F%2F127.0.0.1%3A4711%2Fback";

async fn with_clients(lifetime: Duration) -> Cloud {
    let client = |id: &str, consent| OAuthClient {
        id: id.to_owned(),
        redirect_uris: vec!["http://127.0.0.1/back".to_owned()],
        consent,
    };
    cloud(CloudConfig {
        users: vec![User::new("Anna", "token-a"), User::new("Ben <b>", "token-b")],
        oauth_clients: vec![client("app", Consent::Given), client("asks", Consent::Asked)],
        oauth_lifetime: lifetime,
        ..CloudConfig::default()
    })
    .await
}

/// Head and body of the answer to an authorization request.
async fn authorize(cloud: &Cloud, query: &str) -> (String, String) {
    let path = format!("/oauth/authorize?{query}");
    http::exchange(&cloud.address().to_string(), "GET", &path, None, None).await
}

fn request(client: &str) -> String {
    format!(
        "response_type=code&client_id={client}&redirect_uri={REDIRECT}&state=a%26b\
         &code_challenge={CHALLENGE}&code_challenge_method=S256"
    )
}

/// Where the answer sends the user.
fn location(head: &str) -> &str {
    assert!(head.starts_with("HTTP/1.1 302"), "{head}");
    let line = head.lines().find_map(|line| line.strip_prefix("location: "));
    line.expect("a place to go")
}

/// The code that a user who was sent there brings along.
fn code(head: &str) -> String {
    let location = location(head);
    assert!(location.starts_with("http://127.0.0.1:4711/back?code="), "{location}");
    assert!(location.ends_with("&state=a%26b"), "{location}");
    let (_, code) = location.split_once("code=").expect("a code");
    code.split_once('&').expect("a state").0.to_owned()
}

async fn redeem(cloud: &Cloud, body: &str) -> (u16, Value) {
    http::request(cloud, "POST", "/oauth/token", None, Some(body)).await
}

fn redemption(code: &str) -> String {
    format!("grant_type=authorization_code&client_id=app&code={code}&redirect_uri={REDIRECT}&code_verifier={VERIFIER}")
}

async fn me(cloud: &Cloud, token: &str) -> (u16, Value) {
    http::request(cloud, "GET", "/api/v2/users/me", Some(token), None).await
}

#[tokio::test]
async fn a_code_becomes_a_token_that_is_good_for_rest_and_streams() {
    let cloud = with_clients(Duration::from_secs(3_600)).await;
    let (head, _) = authorize(&cloud, &request("app")).await;
    let code = code(&head);
    let (status, granted) = redeem(&cloud, &redemption(&code)).await;
    assert_eq!(
        (status, &granted["token_type"], &granted["expires_in"]),
        (200, &json!("bearer"), &json!(3_600))
    );
    let token = granted["access_token"].as_str().expect("a token");
    assert_eq!(me(&cloud, token).await.1["id"], "user-anna");
    assert_eq!(me(&cloud, "token-a").await.0, 200, "the other token stays");
    let user = User {
        token: token.into(),
        ..cloud.user().clone()
    };
    Client::connect_as(&cloud, &user, "one").await;

    let (status, refused) = redeem(&cloud, &redemption(&code)).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
    assert_eq!(me(&cloud, token).await.0, 401, "a code that comes twice was stolen");
    let seen = format!("{:?}", cloud.records());
    assert!(!seen.contains(token) && !seen.contains(&code), "{seen}");
    cloud.stop().await;
}

#[tokio::test]
async fn a_token_expires() {
    let cloud = with_clients(Duration::ZERO).await;
    let (head, _) = authorize(&cloud, &request("app")).await;
    let (_, granted) = redeem(&cloud, &redemption(&code(&head))).await;
    assert_eq!(
        me(&cloud, granted["access_token"].as_str().expect("a token")).await.0,
        401
    );
    cloud.stop().await;
}

#[tokio::test]
async fn the_user_is_chosen_on_a_page_or_by_the_request() {
    let cloud = with_clients(Duration::from_secs(60)).await;
    let (head, page) = authorize(&cloud, &request("asks")).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(page.contains("user=user-benb\">Ben &lt;b&gt;</a>"), "{page}");
    let (head, _) = authorize(&cloud, &(request("asks") + "&user=user-benb")).await;
    let body = redemption(&code(&head)).replace("=app", "=asks");
    let (_, granted) = redeem(&cloud, &body).await;
    let token = granted["access_token"].as_str().expect("a token");
    assert_eq!(me(&cloud, token).await.1["id"], "user-benb");
    for denied in ["&consent=denied", "&user=nobody"] {
        let (head, _) = authorize(&cloud, &(request("asks") + denied)).await;
        assert!(location(&head).contains("?error=access_denied&"), "{head}");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_told_by_the_names_of_the_standard() {
    let cloud = with_clients(Duration::from_secs(60)).await;
    let good = request("app");
    // Nobody is sent to where the client does not want them.
    for (query, error) in [
        (good.replace("client_id=app", "client_id=other"), "unauthorized_client"),
        (good.replace("client_id=app", "client_id="), "unauthorized_client"),
        (good.replace("%2Fback", "%2Felsewhere"), "invalid_request"),
        (good.replace("127.0.0.1", "10.0.0.1"), "invalid_request"),
        (good.clone() + "&client_id=app", "invalid_request"),
    ] {
        let (head, body) = authorize(&cloud, &query).await;
        assert!(
            head.starts_with("HTTP/1.1 400") && body.contains(error),
            "{query}: {head}"
        );
    }
    for (query, error) in [
        (
            good.replace("response_type=code", "response_type=token"),
            "unsupported_response_type",
        ),
        (good.replace("code_challenge=", "other="), "invalid_request"),
        (good.replace("S256", "plain"), "invalid_request"),
        (good.replace("&code_challenge_method=S256", ""), "invalid_request"),
    ] {
        let (head, _) = authorize(&cloud, &query).await;
        let location = location(&head);
        assert!(location.contains(&format!("?error={error}&")), "{query}: {location}");
        assert!(location.ends_with("&state=a%26b"), "{location}");
    }

    let (head, _) = authorize(&cloud, &good).await;
    let good = redemption(&code(&head));
    for (body, status, error) in [
        (
            good.replace("authorization_code", "password"),
            400,
            "unsupported_grant_type",
        ),
        (good.replace("grant_type", "other"), 400, "invalid_request"),
        (good.replace("code_verifier", "other"), 400, "invalid_request"),
        (good.clone() + "&client_id=app", 400, "invalid_request"),
        (good.replace("client_id=app", "client_id=other"), 401, "invalid_client"),
        (good.replace("client_id=app", "client_id=asks"), 400, "invalid_grant"),
        (good.replace("%2Fback", "%2Felsewhere"), 400, "invalid_grant"),
        (good.replace(VERIFIER, CHALLENGE), 400, "invalid_grant"),
        (redemption("other"), 400, "invalid_grant"),
    ] {
        let (got, refused) = redeem(&cloud, &body).await;
        assert_eq!((got, &refused["error"]), (status, &json!(error)), "{body}");
    }
    assert_eq!(redeem(&cloud, &good).await.0, 200, "the code is still good");
    cloud.stop().await;
}
