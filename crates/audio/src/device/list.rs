//! Which devices there are.

use std::fmt;

use cpal::traits::{DeviceTrait as _, HostTrait as _};

use super::DeviceError;

/// What a device is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// It captures.
    Microphone,
    /// It plays.
    Speaker,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Microphone => "microphone",
            Self::Speaker => "loudspeaker",
        })
    }
}

/// A device that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Device {
    /// What it is for. A device that does both is told twice.
    pub direction: Direction,
    /// What the system knows it by; stays the same.
    pub id: String,
    /// What people know it by. Several may have one name.
    pub name: String,
    /// Whether it is the one that is used when none is named.
    pub is_default: bool,
}

/// All devices that can be used now. Each is tried, which takes a moment: not for a frame clock.
///
/// # Errors
/// [`DeviceError::System`] when the sound system tells nothing.
pub fn devices() -> Result<Vec<Device>, DeviceError> {
    let host = cpal::default_host();
    let mut devices = Vec::new();
    for device in host.devices()? {
        for direction in [Direction::Microphone, Direction::Speaker] {
            let usable = match direction {
                Direction::Microphone => device.supports_input(),
                Direction::Speaker => device.supports_output(),
            };
            if usable {
                devices.push(Device {
                    direction,
                    id: id(&device),
                    name: name(&device),
                    is_default: default_device(&host, direction).is_some_and(|default| default == device),
                });
            }
        }
    }
    Ok(devices)
}

/// Whether there is such a device now. It may still refuse to be opened.
///
/// # Errors
/// [`DeviceError::NoDefault`] and [`DeviceError::Unknown`] when there is not.
pub fn exists(direction: Direction, name: Option<&str>) -> Result<(), DeviceError> {
    find(&cpal::default_host(), direction, name).map(drop)
}

/// The device of this name or id, or the default one.
pub(super) fn find(host: &cpal::Host, direction: Direction, wanted: Option<&str>) -> Result<cpal::Device, DeviceError> {
    let Some(wanted) = wanted else {
        return default_device(host, direction).ok_or(DeviceError::NoDefault { direction });
    };
    let mut there = Vec::new();
    for device in host.devices()? {
        if id(&device) == wanted || name(&device) == wanted {
            return Ok(device);
        }
        there.push(id(&device));
    }
    let name = wanted.to_owned();
    Err(DeviceError::Unknown { direction, name, there })
}

pub(super) fn default_device(host: &cpal::Host, direction: Direction) -> Option<cpal::Device> {
    match direction {
        Direction::Microphone => host.default_input_device(),
        Direction::Speaker => host.default_output_device(),
    }
}

/// Without the name of the sound system, of which there is one.
pub(super) fn id(device: &cpal::Device) -> String {
    device.id().map(|id| id.id().to_owned()).unwrap_or_default()
}

fn name(device: &cpal::Device) -> String {
    device
        .description()
        .map(|description| description.name().to_owned())
        .unwrap_or_default()
}
