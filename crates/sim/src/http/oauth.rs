//! Consent and tokens: `/oauth/authorize` and `/oauth/token` (RFC 6749 sections 4.1 and 5, RFC 7636).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use url::{Url, form_urlencoded};

use crate::config::User;
use crate::inner::Inner;
use crate::oauth::{Consent, Grant, InvalidGrant, OAuthClient};

type Cloud = State<Arc<Inner>>;

pub(super) fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/oauth/authorize", get(authorize))
        .route("/oauth/token", post(token))
}

/// The parameters of a request. RFC 6749 section 3.1: without a value is as if absent, and none may come twice.
fn parameters(encoded: &[u8]) -> Option<HashMap<String, String>> {
    let mut parameters = HashMap::new();
    for (name, value) in form_urlencoded::parse(encoded) {
        if !value.is_empty() && parameters.insert(name.into_owned(), value.into_owned()).is_some() {
            return None;
        }
    }
    Some(parameters)
}

/// An error as RFC 6749 section 5.2 has it.
fn error(status: StatusCode, error: &str, description: &str) -> Response {
    let body = json!({ "error": error, "error_description": description });
    let mut response = (status, Json(body)).into_response();
    let never = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, never);
    response
}

fn invalid_request(description: &str) -> Response {
    error(StatusCode::BAD_REQUEST, "invalid_request", description)
}

/// Sends the user back to the application with these parameters, and the `state` of the request.
fn back(redirect: &str, state: Option<&String>, answer: &[(&str, &str)]) -> Response {
    let Ok(mut url) = Url::parse(redirect) else {
        return invalid_request("The redirect_uri is no URI.");
    };
    url.query_pairs_mut().extend_pairs(answer);
    if let Some(state) = state {
        url.query_pairs_mut().append_pair("state", state);
    }
    (StatusCode::FOUND, [(header::LOCATION, url.to_string())]).into_response()
}

async fn authorize(State(inner): Cloud, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let Some(asked) = parameters(query.as_bytes()) else {
        return invalid_request("A parameter comes twice.");
    };
    // What is wrong with these two is told to the user alone (RFC 6749 section 4.1.2.1).
    let client = asked.get("client_id").and_then(|id| client(&inner, id));
    let Some(client) = client else {
        return error(
            StatusCode::BAD_REQUEST,
            "unauthorized_client",
            "There is no client of this client_id.",
        );
    };
    let redirect = match asked.get("redirect_uri") {
        Some(redirect) if client.allows(redirect) => redirect,
        Some(_) | None => return invalid_request("The redirect_uri is not one of the client's."),
    };
    let refused = |error, description| {
        let answer = [("error", error), ("error_description", description)];
        back(redirect, asked.get("state"), &answer)
    };
    if asked.get("response_type").map(String::as_str) != Some("code") {
        return refused("unsupported_response_type", "The response_type has to be code.");
    }
    let Some(challenge) = asked.get("code_challenge") else {
        return refused("invalid_request", "A code_challenge is required.");
    };
    if asked.get("code_challenge_method").map(String::as_str) != Some("S256") {
        return refused("invalid_request", "The code_challenge_method has to be S256.");
    }
    if asked.get("consent").is_some_and(|consent| consent == "denied") {
        return refused("access_denied", "The user has not consented.");
    }
    let user = match (asked.get("user"), client.consent) {
        (Some(id), _) => match inner.user(id) {
            Some(user) => user,
            None => return refused("access_denied", "There is no such user."),
        },
        (None, Consent::Given) => inner.default_user(),
        (None, Consent::Asked) => return page(client, &inner.config.users, &query),
    };
    let code = inner.draw_id();
    let grant = Grant {
        client: client.id.clone(),
        redirect: redirect.clone(),
        challenge: challenge.clone(),
        user: user.id.clone(),
    };
    inner.oauth.grant(code.clone(), grant, Instant::now());
    back(redirect, asked.get("state"), &[("code", &code)])
}

fn client<'a>(inner: &'a Inner, id: &str) -> Option<&'a OAuthClient> {
    inner.config.oauth_clients.iter().find(|client| client.id == id)
}

/// On which a user is chosen, who consents by that.
fn page(client: &OAuthClient, users: &[User], query: &str) -> Response {
    let query = escaped(query);
    let link = |parameter: &str, value: &str, words: &str| {
        let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        format!(
            "<li><a href=\"?{query}&amp;{parameter}={value}\">{}</a></li>",
            escaped(words)
        )
    };
    let mut links: String = users.iter().map(|user| link("user", &user.id, &user.name)).collect();
    links.push_str(&link("consent", "denied", "Nobody"));
    let title = format!("Who lets {} act in their name?", escaped(&client.id));
    let page = format!("<!doctype html><title>{title}</title><h1>{title}</h1><ul>{links}</ul>");
    Html(page).into_response()
}

fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}

async fn token(State(inner): Cloud, body: Bytes) -> Response {
    let Some(asked) = parameters(&body) else {
        return invalid_request("A parameter comes twice.");
    };
    match asked.get("grant_type").map(String::as_str) {
        Some("authorization_code") => {}
        Some(_) => {
            let description = "The grant_type has to be authorization_code.";
            return error(StatusCode::BAD_REQUEST, "unsupported_grant_type", description);
        }
        None => return invalid_request("A grant_type is required."),
    }
    let wanted = ["client_id", "code", "redirect_uri", "code_verifier"].map(|name| asked.get(name));
    let [Some(id), Some(code), Some(redirect), Some(verifier)] = wanted else {
        return invalid_request("client_id, code, redirect_uri and code_verifier are required.");
    };
    if client(&inner, id).is_none() {
        return error(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "There is no client of this client_id.",
        );
    }
    let (token, life) = (inner.draw_id(), inner.config.oauth_lifetime);
    let proof = (id.as_str(), redirect.as_str(), verifier.as_str());
    match inner.oauth.redeem(code, proof, &token, (Instant::now(), life)) {
        Ok(()) => {
            let body = json!({ "access_token": token, "token_type": "bearer", "expires_in": life.as_secs() });
            let never = [(header::CACHE_CONTROL, "no-store")];
            (never, Json(body)).into_response()
        }
        Err(InvalidGrant(description)) => error(StatusCode::BAD_REQUEST, "invalid_grant", description),
    }
}
