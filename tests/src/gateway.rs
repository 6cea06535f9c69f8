//! What a gateway says, as frames.

/// The far end of softphone media.
pub const GATEWAY: &str = "call@gjoll.example.org/1";

/// A message about a proposal (XEP-0353): `name` is `propose`, `retract` and the like.
pub fn message(from: &str, name: &str, session: &str, attributes: &str) -> String {
    format!(
        "<message xmlns='jabber:client' from='{from}'><{name} xmlns='urn:xmpp:jingle-message:0' id='{session}' {attributes}/></message>"
    )
}

/// A request of SDP over XMPP; `params` begins with a comma unless it is empty.
pub fn request(from: &str, id: &str, method: &str, session: &str, params: &str) -> String {
    let json =
        format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"{method}","params":{{"sessionId":"{session}"{params}}}}}"#);
    format!(
        "<iq xmlns='jabber:client' type='set' id='{id}' from='{from}'><genesys-webrtc xmlns='genesys'>{json}</genesys-webrtc></iq>"
    )
}

/// The parameters of an offer whose ICE is called like this.
pub fn offer(ufrag: &str) -> String {
    format!(r#","sdp":"v=0\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:p\r\n""#)
}
