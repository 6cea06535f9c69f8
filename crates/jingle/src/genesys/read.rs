//! Reading a request.

use minidom::Element;
use serde_json::{Map, Value};

use super::{Method, NAME, NAMESPACE, Rpc, RpcError, RpcLimits, fragment};
use crate::{ConversationId, Reason, SessionId, xml::is_xml_char};

pub(super) fn rpc(element: &Element, limits: &RpcLimits) -> Result<Rpc, RpcError> {
    if !element.is(NAME, NAMESPACE) {
        return Err(RpcError::OtherElement);
    }
    let text = text(element, limits.text)?;
    let json: Value = serde_json::from_str(&text).map_err(|error| RpcError::NotJson {
        line: error.line(),
        column: error.column(),
    })?;
    let request = object(&json, "request")?;
    let fields = Fields {
        object: request,
        limits,
    };
    let id = fields.id()?;
    let name = fields.word("method")?;
    let method = match request.get("params") {
        Some(params) => method(name, object(params, "params")?, limits)?,
        None => {
            return Err(RpcError::Missing { field: "params" });
        }
    };
    Ok(Rpc { id, method })
}

/// The text of the element, measured before it is put together.
fn text(element: &Element, limit: usize) -> Result<String, RpcError> {
    let bytes = element.texts().map(str::len).sum();
    if bytes > limit {
        return Err(RpcError::TooLarge { bytes, limit });
    }
    Ok(element.text())
}

fn object<'a>(value: &'a Value, field: &'static str) -> Result<&'a Map<String, Value>, RpcError> {
    value.as_object().ok_or(RpcError::WrongType {
        field,
        expected: "an object",
    })
}

fn method(name: &str, params: &Map<String, Value>, limits: &RpcLimits) -> Result<Method, RpcError> {
    let fields = Fields { object: params, limits };
    match name {
        "offer" => Ok(Method::Offer {
            session: fields.session()?,
            conversation: fields.conversation()?,
            sdp: fields.text("sdp", limits.sdp)?.to_owned(),
            reinvite: fields.flag("reinvite")?,
        }),
        "answer" => Ok(Method::Answer {
            session: fields.session()?,
            sdp: fields.text("sdp", limits.sdp)?.to_owned(),
        }),
        "iceCandidate" => {
            let session = fields.session()?;
            fragment::read(session, fields.text("sdp", limits.candidate)?)
        }
        "info" => Ok(Method::Info {
            session: fields.session()?,
            status: fields.word("status")?.to_owned(),
        }),
        "terminate" => Ok(Method::Terminate {
            session: fields.session()?,
            reason: fields.reason()?,
        }),
        "mute" => Ok(Method::Mute {
            session: fields.session()?,
            media: fields.media()?,
        }),
        "unmute" => Ok(Method::Unmute {
            session: fields.session()?,
            media: fields.media()?,
        }),
        unknown => Err(RpcError::UnknownMethod {
            method: unknown.to_owned(),
        }),
    }
}

/// One JSON object, read field by field. Fields that nobody asks for are passed over.
struct Fields<'a> {
    object: &'a Map<String, Value>,
    limits: &'a RpcLimits,
}

impl<'a> Fields<'a> {
    /// A field that may be absent; `null` counts as absent.
    fn optional(&self, field: &str) -> Option<&'a Value> {
        self.object.get(field).filter(|value| !value.is_null())
    }

    fn optional_text(&self, field: &'static str, limit: usize) -> Result<Option<&'a str>, RpcError> {
        let Some(value) = self.optional(field) else {
            return Ok(None);
        };
        let text = value.as_str().ok_or(RpcError::WrongType {
            field,
            expected: "a string",
        })?;
        if text.len() > limit {
            return Err(RpcError::FieldTooLong {
                field,
                bytes: text.len(),
                limit,
            });
        }
        Ok(Some(text))
    }

    fn text(&self, field: &'static str, limit: usize) -> Result<&'a str, RpcError> {
        self.optional_text(field, limit)?.ok_or(RpcError::Missing { field })
    }

    fn word(&self, field: &'static str) -> Result<&'a str, RpcError> {
        self.text(field, self.limits.word)
    }

    fn id(&self) -> Result<String, RpcError> {
        match self.optional("id") {
            None => Ok(String::new()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(Value::String(_)) => Ok(self.word("id")?.to_owned()),
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => Err(RpcError::WrongType {
                field: "id",
                expected: "a string or a number",
            }),
        }
    }

    fn session(&self) -> Result<SessionId, RpcError> {
        match self.name("sessionId")? {
            Some(id) => Ok(SessionId::new(id)),
            None => Err(RpcError::Missing { field: "sessionId" }),
        }
    }

    fn conversation(&self) -> Result<Option<ConversationId>, RpcError> {
        Ok(self.name("conversationId")?.map(ConversationId::new))
    }

    /// A name that may be written into an attribute of a stanza later, where XML allows fewer characters than JSON does.
    fn name(&self, field: &'static str) -> Result<Option<&'a str>, RpcError> {
        let name = self.optional_text(field, self.limits.word)?;
        match name.filter(|name| !name.is_empty()) {
            Some(name) if !name.chars().all(is_xml_char) => Err(RpcError::NotXmlText { field }),
            name => Ok(name),
        }
    }

    fn flag(&self, field: &'static str) -> Result<bool, RpcError> {
        match self.optional(field) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) | Some(Value::Null) => {
                Err(RpcError::WrongType {
                    field,
                    expected: "a boolean",
                })
            }
        }
    }

    fn reason(&self) -> Result<Reason, RpcError> {
        match self.optional_text("reason", self.limits.word)? {
            None | Some("") => Ok(Reason::Success),
            Some(word) => Ok(word.parse().unwrap_or(Reason::GeneralError)),
        }
    }

    fn media(&self) -> Result<String, RpcError> {
        let media = self.optional_text("type", self.limits.word)?;
        Ok(media.unwrap_or("audio").to_owned())
    }
}
