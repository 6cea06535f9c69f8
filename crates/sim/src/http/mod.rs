//! The cloud's HTTP side: REST, the streaming WebSocket and the control API on one port.

mod control;
mod rest;
mod streaming;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use serde_json::json;
use tokio::net::TcpListener;

use crate::inner::Inner;

/// Serves until the cloud stops.
pub(crate) async fn serve(listener: TcpListener, inner: Arc<Inner>) {
    let mut closing = inner.closing.subscribe();
    let router = Router::new()
        .merge(rest::router(&inner))
        .merge(streaming::router())
        .nest("/control", control::router())
        .fallback(async || refusal(StatusCode::NOT_FOUND, "not.found", "there is nothing here"))
        .with_state(inner);
    let closed = async move {
        // Fails when the cloud is gone, which is a stop too.
        let _ = closing.wait_for(|closing| *closing).await;
    };
    // Frames are small and wait for each other: with Nagle's algorithm each would cost a delayed acknowledgement, 40 ms.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
    });
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(closed).await {
        tracing::error!(%error, "the simulated cloud's HTTP server stopped");
    }
}

/// An error in the platform's shape.
fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "message": message, "code": code, "status": status.as_u16() });
    (status, axum::Json(body)).into_response()
}
