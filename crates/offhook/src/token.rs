//! Where another access token comes from when one is refused.

use std::{fmt, future::Future, pin::Pin};

use secrecy::SecretString;

/// Finds another access token. It is asked once when the last one was refused, and has 30 s.
///
/// Any function that gives a future will do:
///
/// ```
/// # use offhook::{Client, Endpoints};
/// # async fn fetch() -> Result<String, std::io::Error> { Ok("token".into()) }
/// # fn example(cloud: Endpoints) -> offhook::ClientBuilder {
/// Client::builder(cloud, "the first token").token_provider(|| async {
///     fetch().await.map(Into::into).map_err(|error| error.to_string())
/// })
/// # }
/// ```
pub trait TokenProvider: Send + Sync + 'static {
    /// Another token, or why there is none; the reason goes to the log.
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send + '_>>;
}

impl<F, T> TokenProvider for F
where
    F: Fn() -> T + Send + Sync + 'static,
    T: Future<Output = Result<SecretString, String>> + Send + 'static,
{
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send + '_>> {
        Box::pin(self())
    }
}

impl fmt::Debug for dyn TokenProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenProvider")
    }
}
