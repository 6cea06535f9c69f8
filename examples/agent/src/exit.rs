//! How the agent ends: a status that scripts can tell apart, and a sentence for people.

use std::process::ExitCode;

use offhook::{BuildError, CallFailure, CommandError, ConnectError, ConnectFailure, PlaceCallError, ReplyError};

/// The end of the program.
#[derive(Debug, PartialEq, Eq)]
pub struct Exit {
    status: Status,
    message: Option<String>,
}

/// The exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Clean = 0,
    Other = 1,
    Usage = 2,
    CredentialsRefused = 3,
    NotConnected = 4,
    CallRefused = 5,
}

impl Exit {
    /// Everything went as asked.
    pub fn clean() -> Self {
        Self {
            status: Status::Clean,
            message: None,
        }
    }

    /// Something failed that has no status of its own.
    pub fn other(message: impl Into<String>) -> Self {
        Self {
            status: Status::Other,
            message: Some(message.into()),
        }
    }

    /// The options contradict themselves or name what is not there.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            status: Status::Usage,
            message: Some(message.into()),
        }
    }

    /// Nobody was logged in.
    pub fn refused_login(message: &str) -> Self {
        Self {
            status: Status::CredentialsRefused,
            message: Some(message.to_owned()),
        }
    }

    /// The connection was lost.
    pub fn disconnected(message: impl Into<String>) -> Self {
        Self {
            status: Status::NotConnected,
            message: Some(message.into()),
        }
    }

    /// The access token was refused, though it had been accepted before.
    pub fn refused(error: &ConnectError) -> Self {
        Self {
            status: Status::CredentialsRefused,
            message: Some(format!("the access token is worth nothing any more: {error}")),
        }
    }

    /// The call was refused or not answered.
    pub fn call_refused(message: impl Into<String>) -> Self {
        Self {
            status: Status::CallRefused,
            message: Some(message.into()),
        }
    }

    /// Says why, and gives the status.
    pub fn report(self) -> ExitCode {
        if let Some(message) = self.message {
            eprintln!("agent: {message}");
        }
        ExitCode::from(self.status as u8)
    }
}

impl From<ConnectFailure> for Exit {
    fn from(error: ConnectFailure) -> Self {
        let status = match &error {
            ConnectFailure::Failed(error) if error.credentials_refused() => Status::CredentialsRefused,
            _ => Status::NotConnected,
        };
        Self {
            status,
            message: Some(error.to_string()),
        }
    }
}

impl From<BuildError> for Exit {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Source(_) | BuildError::Sink(_) | BuildError::Recordings { .. } => {
                Self::usage(error.to_string())
            }
            error => Self::other(error.to_string()),
        }
    }
}

impl From<CallFailure> for Exit {
    fn from(error: CallFailure) -> Self {
        match error {
            CallFailure::Command(CommandError::NotConnected) => Self::disconnected(error.to_string()),
            CallFailure::Refused(PlaceCallError::Rest(ReplyError::CredentialsRefused { .. })) => Self {
                status: Status::CredentialsRefused,
                message: Some(error.to_string()),
            },
            error => Self::call_refused(error.to_string()),
        }
    }
}
