//! Opens WebSockets: through a proxy if one is on the way, with TLS if the URL says so, with subprotocol `xmpp`
//! (RFC 7395 section 3.1).

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hyper::{
    HeaderMap, Method, Request, StatusCode, Uri,
    client::conn::http1,
    header::{
        CONNECTION, HOST, HeaderName, PROXY_AUTHORIZATION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
        SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
    },
    upgrade::{self, Upgraded},
};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use offhook_phone::DialError;
use rustls::{ClientConfig, pki_types::ServerName};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time,
};
use tokio_rustls::TlsConnector;
use tower_service::Service;
use url::{Host, Url};

use crate::{
    clock,
    proxy::{Proxies, ProxyUrl},
    rest::{AGENT, authority, reason},
    retry_after::retry_after,
};

/// From the first packet to the open WebSocket.
const TIMEOUT: Duration = Duration::from_secs(15);

/// How long each server, proxies too, may take to accept a connection on all of its addresses.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How large the header of an answer may be, in bytes.
const LARGEST_HEADER: usize = 64 << 10;

/// What proves that a server has read a WebSocket's key (RFC 6455 section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// An open WebSocket, before its first frame.
pub(crate) type Socket = TokioIo<Upgraded>;

/// A WebSocket that was opened.
pub(crate) struct Opened {
    pub(crate) socket: Socket,
    /// The machine's address that it is from.
    pub(crate) local: Option<IpAddr>,
}

type Connection = Box<dyn Duplex>;

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Opens WebSockets; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    tls: Arc<ClientConfig>,
    proxies: Arc<Proxies>,
}

impl Dialer {
    pub(crate) fn new(tls: Arc<ClientConfig>, proxies: Arc<Proxies>) -> Self {
        Self { tls, proxies }
    }

    /// With which trust anchors servers are verified.
    pub(crate) fn tls(&self) -> Arc<ClientConfig> {
        self.tls.clone()
    }

    /// Opens the WebSocket of this URL.
    pub(crate) async fn open(&self, url: &Url) -> Result<Opened, DialError> {
        match time::timeout(TIMEOUT, self.dial(url)).await {
            Ok(result) => result,
            Err(_) => Err(DialError::TimedOut { host: authority(url) }),
        }
    }

    async fn dial(&self, url: &Url) -> Result<Opened, DialError> {
        let host = authority(url);
        let unreachable = |reason| DialError::Unreachable {
            host: host.clone(),
            reason,
        };
        let (connection, local) = match self.proxies.on_the_way_to(url) {
            Ok(None) => connect(url).await.map_err(unreachable)?,
            Ok(Some(proxy)) => self.tunnel(proxy, &host).await?,
            Err(unusable) => {
                return Err(DialError::Proxy {
                    host,
                    proxy: unusable.variable.to_owned(),
                    reason: unusable.to_string(),
                });
            }
        };
        let connection = match url.scheme() {
            "wss" => self.encrypt(connection, url).await.map_err(unreachable)?,
            _ => connection,
        };
        let socket = upgrade(connection, url, host).await?;
        Ok(Opened { socket, local })
    }

    /// A connection to `host` through the proxy (RFC 9110 section 9.3.6), and our address.
    async fn tunnel(&self, proxy: &ProxyUrl, host: &str) -> Result<(Connection, Option<IpAddr>), DialError> {
        let broken = |reason| DialError::Proxy {
            host: host.to_owned(),
            proxy: proxy.to_string(),
            reason,
        };
        let (connection, local) = connect(proxy.url()).await.map_err(broken)?;
        let connection = match proxy.url().scheme() {
            "https" => self.encrypt(connection, proxy.url()).await.map_err(broken)?,
            _ => connection,
        };
        let request = Request::builder()
            .method(Method::CONNECT)
            .uri(host)
            .header(HOST, host)
            .header(USER_AGENT, AGENT);
        let request = match proxy.authorization() {
            Some(credentials) => request.header(PROXY_AUTHORIZATION, credentials),
            None => request,
        };
        let request = request.body(String::new()).map_err(|error| broken(error.to_string()))?;
        match ask(connection, request).await {
            Ok((_, tunnel)) => {
                tracing::debug!(%proxy, host, "the proxy connected us");
                Ok((Box::new(TokioIo::new(tunnel)), local))
            }
            Err(Refusal::Status(status, headers)) => Err(DialError::ProxyRefused {
                host: host.to_owned(),
                proxy: proxy.to_string(),
                status: status.as_u16(),
                retry_after: retry_after(&headers, SystemTime::now()),
            }),
            Err(Refusal::Http(error)) => Err(broken(reason(&error))),
        }
    }

    async fn encrypt(&self, connection: Connection, url: &Url) -> Result<Connection, String> {
        let name = match url.host() {
            Some(Host::Domain(name)) => ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?,
            Some(Host::Ipv4(ip)) => ServerName::IpAddress(ip.into()),
            Some(Host::Ipv6(ip)) => ServerName::IpAddress(ip.into()),
            None => return Err("it has no name".to_owned()),
        };
        let connecting = TlsConnector::from(self.tls.clone()).connect(name, connection);
        match connecting.await {
            Ok(encrypted) => Ok(Box::new(encrypted)),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A connection to the server of this URL, at whichever of its addresses answers first (RFC 8305), and our address.
async fn connect(url: &Url) -> Result<(Connection, Option<IpAddr>), String> {
    let uri = format!("http://{}", authority(url)).parse::<Uri>();
    let uri = uri.map_err(|error| error.to_string())?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    match connector.call(uri).await {
        Ok(connected) => {
            let connection = connected.into_inner();
            let local = connection.local_addr().map(|local| local.ip()).ok();
            Ok((Box::new(connection), local))
        }
        Err(error) => Err(reason(&error)),
    }
}

/// Why a server did not switch to what it was asked for.
#[derive(Debug, Error)]
enum Refusal {
    #[error("HTTP {0}")]
    Status(StatusCode, HeaderMap),
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

/// Asks for this connection to become something else: a tunnel, or a WebSocket.
async fn ask(connection: Connection, request: Request<String>) -> Result<(HeaderMap, Upgraded), Refusal> {
    let tunnel = request.method() == Method::CONNECT;
    let switched = move |status: StatusCode| match tunnel {
        true => status.is_success(),
        false => status == StatusCode::SWITCHING_PROTOCOLS,
    };
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(LARGEST_HEADER)
        .handshake(TokioIo::new(connection))
        .await?;
    let exchange = async move {
        let mut response = sender.send_request(request).await?;
        if !switched(response.status()) {
            return Err(Refusal::Status(
                response.status(),
                std::mem::take(response.headers_mut()),
            ));
        }
        let headers = std::mem::take(response.headers_mut());
        Ok((headers, upgrade::on(response).await?))
    };
    let driving = async { connection.with_upgrades().await.map_err(Refusal::Http) };
    let ((), switched) = tokio::try_join!(driving, exchange)?;
    Ok(switched)
}

/// Makes a WebSocket of a connection (RFC 6455 section 4.1).
async fn upgrade(connection: Connection, url: &Url, host: String) -> Result<Socket, DialError> {
    let not_websocket = |reason: String| DialError::NotWebSocket {
        host: host.clone(),
        reason,
    };
    let key = BASE64_STANDARD.encode(&clock::seed()[..16]);
    let name = match (url.host_str(), url.port()) {
        (Some(name), Some(port)) => format!("{name}:{port}"),
        (name, _) => name.unwrap_or_default().to_owned(),
    };
    let request = Request::builder()
        .uri(&url[url::Position::BeforePath..url::Position::AfterQuery])
        .header(HOST, name)
        .header(USER_AGENT, AGENT)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key)
        .header(SEC_WEBSOCKET_PROTOCOL, "xmpp")
        .body(String::new())
        .map_err(|error| not_websocket(error.to_string()))?;
    match ask(connection, request).await {
        Ok((headers, socket)) => match check(&headers, &key) {
            Ok(()) => Ok(TokioIo::new(socket)),
            Err(reason) => Err(not_websocket(reason)),
        },
        Err(Refusal::Status(status, _)) if status.is_success() => {
            Err(not_websocket(format!("it answered HTTP {status}")))
        }
        Err(Refusal::Status(status, headers)) => Err(DialError::Refused {
            host,
            status: status.as_u16(),
            retry_after: retry_after(&headers, SystemTime::now()),
        }),
        Err(Refusal::Http(error)) if error.is_parse() => Err(not_websocket(reason(&error))),
        Err(Refusal::Http(error)) => Err(DialError::Unreachable {
            host,
            reason: reason(&error),
        }),
    }
}

/// Whether the server switched to what it was asked for (RFC 6455 section 4.1, RFC 7395 section 3.1).
fn check(headers: &HeaderMap, key: &str) -> Result<(), String> {
    let holds = |name: HeaderName, token: &str| {
        let values = headers
            .get_all(name)
            .into_iter()
            .filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .any(|value| value.trim().eq_ignore_ascii_case(token))
    };
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let proof = digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes());
    if !holds(UPGRADE, "websocket") || !holds(CONNECTION, "upgrade") {
        Err("it switched to another protocol".to_owned())
    } else if text(SEC_WEBSOCKET_ACCEPT) != Some(&BASE64_STANDARD.encode(proof)) {
        Err("it did not read the key of our request".to_owned())
    } else if text(SEC_WEBSOCKET_PROTOCOL) != Some("xmpp") {
        Err("it does not speak the subprotocol xmpp".to_owned())
    } else if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        Err("it wants an extension that it was not offered".to_owned())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
