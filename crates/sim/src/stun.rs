//! A STUN server (RFC 8489): it tells whoever asks from which address the question came.

use std::net::{IpAddr, SocketAddr};

use tokio::net::UdpSocket;

const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEADER: usize = 20;
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const XOR_MAPPED_ADDRESS: [u8; 2] = [0x00, 0x20];
const IPV4: u8 = 1;
const IPV6: u8 = 2;

/// Answers for ever.
pub(crate) async fn serve(socket: UdpSocket) {
    let mut buffer = [0; 1_500];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, source)) => {
                if let Some(answer) = answer(&buffer[..length], source) {
                    // Lost answers are asked for again.
                    let _ = socket.send_to(&answer, source).await;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "the STUN socket reports an error");
                tokio::task::yield_now().await;
            }
        }
    }
}

/// The answer to a binding request (RFC 8489 section 6.3.1); anything else gets none.
pub(crate) fn answer(request: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
    let (header, attributes) = request.split_at_checked(HEADER)?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header[..2] != BINDING_REQUEST || header[4..8] != MAGIC_COOKIE || length != attributes.len() {
        return None;
    }
    // Section 14.2: the port is masked by the cookie, the address by cookie and transaction id.
    let mask = &header[4..HEADER];
    let mut value = match source.ip() {
        IpAddr::V4(address) => [&[0, IPV4, 0, 0][..], &address.octets()].concat(),
        IpAddr::V6(address) => [&[0, IPV6, 0, 0][..], &address.octets()].concat(),
    };
    value[2..4].copy_from_slice(&source.port().to_be_bytes());
    for (byte, mask) in value[2..4].iter_mut().zip(mask) {
        *byte ^= mask;
    }
    for (byte, mask) in value[4..].iter_mut().zip(mask) {
        *byte ^= mask;
    }
    let length = |bytes: usize| u16::try_from(bytes).ok().map(u16::to_be_bytes);
    let mut answer = Vec::with_capacity(HEADER + 4 + value.len());
    answer.extend(BINDING_SUCCESS);
    answer.extend(length(value.len() + 4)?);
    answer.extend(mask);
    answer.extend(XOR_MAPPED_ADDRESS);
    answer.extend(length(value.len())?);
    answer.extend(value);
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769 section 2.2 and 2.3: the transaction and the addresses of the sample responses.
    const TRANSACTION: [u8; 12] = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    fn request() -> Vec<u8> {
        [&BINDING_REQUEST[..], &[0, 0], &MAGIC_COOKIE, &TRANSACTION].concat()
    }

    #[test]
    fn the_source_address_is_told_masked() {
        let v4 = answer(&request(), "192.0.2.1:32853".parse().unwrap()).unwrap();
        assert_eq!(v4[..4], [1, 1, 0, 12]);
        assert_eq!(v4[4..20], request()[4..20]);
        assert_eq!(v4[20..], [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);

        let source = "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap();
        let v6 = answer(&request(), source).unwrap();
        assert_eq!(
            v6[20..],
            [
                0, 0x20, 0, 20, 0, 2, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4,
                0xb5, 0xbe, 0xd2, 0xb9, 0xd9
            ]
        );
    }

    #[test]
    fn what_is_no_binding_request_gets_no_answer() {
        let source = "192.0.2.1:32853".parse().unwrap();
        let whole = request();
        for length in 0..HEADER {
            assert_eq!(answer(&whole[..length], source), None);
        }
        let mut lying = whole.clone();
        lying[3] = 4;
        assert_eq!(answer(&lying, source), None);
        let mut indication = whole;
        indication[1] = 0x11;
        assert_eq!(answer(&indication, source), None);
    }
}
