//! What speaks TLS in front of a server that does not.

use std::{net::SocketAddr, sync::Arc};

use rustls::ServerConfig;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// Decrypts for a server, as long as the test's runtime lives; gives the port.
///
/// # Panics
/// When there is no loopback.
pub async fn terminate(config: ServerConfig, server: SocketAddr) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust us breaks off; that is its error, not ours.
                if let (Ok(mut inside), Ok(mut server)) =
                    (acceptor.accept(stream).await, TcpStream::connect(server).await)
                {
                    drop(copy_bidirectional(&mut inside, &mut server).await);
                }
            });
        }
    });
    port
}
