//! Durations as a number of seconds.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest that is taken: a day.
const LONGEST: f64 = 86_400.0;

/// A duration that is always there, and bounded.
pub(super) mod always {
    use super::*;

    pub(in crate::faults) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        duration.as_secs_f64().serialize(serializer)
    }

    pub(in crate::faults) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        if !(0.0..=LONGEST).contains(&seconds) {
            return Err(D::Error::custom("seconds must be a number from 0 to a day"));
        }
        Ok(Duration::from_secs_f64(seconds))
    }
}

pub(super) fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_secs_f64()).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let seconds: Option<f64> = Option::deserialize(deserializer)?;
    seconds
        .map(|seconds| Duration::try_from_secs_f64(seconds).map_err(|error| D::Error::custom(error.to_string())))
        .transpose()
}
