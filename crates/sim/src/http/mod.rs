//! The cloud's HTTP side: REST, the streaming WebSocket and the control API on one port.

mod account;
mod control;
mod conversations;
mod delivery;
mod oauth;
mod origins;
mod page;
mod rest;
mod rooms;
mod stations;
mod streaming;
mod subscriptions;
mod switches;
mod transfers;
mod voicemail;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::net::TcpListener;

use crate::faults::Refused;
use crate::inner::Inner;
use crate::record::{Direction, What};
use crate::wire::{Fate, Wires};

/// Serves until the cloud stops.
pub(crate) async fn serve(listener: TcpListener, inner: Arc<Inner>) {
    let mut closing = inner.closing.subscribe();
    let tls = inner.tls.clone();
    let router = Router::new()
        .merge(rest::router(&inner))
        .merge(streaming::router())
        .merge(page::router())
        .nest(
            "/control",
            control::router()
                .merge(switches::router())
                .merge(rooms::router())
                .merge(voicemail::control())
                .merge(stations::control()),
        )
        .fallback(async || refusal(StatusCode::NOT_FOUND, "not.found", "there is nothing here"))
        .layer(middleware::from_fn(origins::allow))
        .with_state(inner);
    let closed = async move {
        // Fails when the cloud is gone, which is a stop too.
        let _ = closing.wait_for(|closing| *closing).await;
    };
    let service = router.into_make_service_with_connect_info::<Fate>();
    let server = axum::serve(Wires { listener, tls }, service).with_graceful_shutdown(closed);
    if let Err(error) = server.await {
        tracing::error!(%error, "the simulated cloud's HTTP server stopped");
    }
}

/// An error in the platform's shape.
fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "message": message, "code": code, "status": status.as_u16() });
    (status, axum::Json(body)).into_response()
}

/// What a request gets that was refused because the cloud was told so.
fn refused_on_request(inner: &Inner, fate: &Fate, path: &str, refused: Refused) -> Response {
    let (status, retry_after, message) = match refused {
        Refused::Status {
            status,
            retry_after,
            message,
        } => (status, retry_after, message),
        Refused::Reset => {
            let path = path.to_owned();
            inner.recorder.add(Direction::ToClient, What::ConnectionReset { path });
            fate.reset();
            // Never sent: the connection fails when it is written to.
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let message = message.as_deref().unwrap_or("The simulated cloud was told to refuse.");
    let mut response = refusal(status, "simulated", message);
    if let Some(retry_after) = retry_after {
        let seconds = HeaderValue::from(retry_after.as_secs());
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}
