//! An authority that certifies names, made anew for each test.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// A server's side of TLS with a certificate for `localhost`, and the certificate of its authority as PEM.
///
/// # Panics
/// When the machine gives no randomness.
pub fn certificate() -> (ServerConfig, String) {
    certificate_for(&["localhost"])
}

/// A server's side of TLS with a certificate for these names, and the certificate of its authority, which it shows too, as
/// PEM.
///
/// # Panics
/// When the machine gives no randomness, or these are no names.
pub fn certificate_for(names: &[&str]) -> (ServerConfig, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone(), authority.der().clone()], key)
        .unwrap();
    (config, authority.pem())
}
