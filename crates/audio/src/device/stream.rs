//! How a device is opened: which rate, channels and format, and its callbacks.

use std::sync::Arc;

use cpal::traits::{DeviceTrait as _, StreamTrait as _};
use cpal::{
    BufferSize, FromSample, SampleFormat, SizedSample, StreamConfig, SupportedBufferSize, SupportedStreamConfig,
};

use super::control::Watch;
use super::{DeviceError, DeviceFormat, DeviceOptions, Direction};
use crate::clock::{Drain, Feed};

/// Longest that the sound system may wait for the device in one go.
const WAIT: std::time::Duration = std::time::Duration::from_millis(500);

/// A device that is faster or slower than anything that can be resampled.
pub(super) const UNUSABLE_RATE: DeviceError = DeviceError::Unsuitable { what: "rate" };

/// A device, and how it is opened.
pub(super) struct Chosen {
    device: cpal::Device,
    pub(super) config: StreamConfig,
    format: SampleFormat,
}

/// Chooses what the options say, and what the device prefers where they say nothing.
pub(super) fn choose(
    device: cpal::Device,
    direction: Direction,
    options: &DeviceOptions,
) -> Result<Chosen, DeviceError> {
    let preferred = match direction {
        Direction::Microphone => device.default_input_config()?,
        Direction::Speaker => device.default_output_config()?,
    };
    let rate = options.rate.unwrap_or(preferred.sample_rate());
    let channels = options.channels.unwrap_or(preferred.channels());
    let format = options.format.map_or(preferred.sample_format(), sample_format);
    let same = (rate, channels, format) == (preferred.sample_rate(), preferred.channels(), preferred.sample_format());
    let supported = if same {
        preferred
    } else {
        matching(&device, direction, rate, channels, format)?
    };
    let mut config = supported.config();
    config.buffer_size = period(supported.buffer_size(), rate, options);
    Ok(Chosen { device, config, format })
}

fn sample_format(format: DeviceFormat) -> SampleFormat {
    match format {
        DeviceFormat::I16 => SampleFormat::I16,
        DeviceFormat::I32 => SampleFormat::I32,
        DeviceFormat::F32 => SampleFormat::F32,
    }
}

fn matching(
    device: &cpal::Device,
    direction: Direction,
    rate: u32,
    channels: u16,
    format: SampleFormat,
) -> Result<SupportedStreamConfig, DeviceError> {
    let ranges: Vec<_> = match direction {
        Direction::Microphone => device.supported_input_configs()?.collect(),
        Direction::Speaker => device.supported_output_configs()?.collect(),
    };
    let fits =
        |range: &cpal::SupportedStreamConfigRange| range.channels() == channels && range.sample_format() == format;
    ranges
        .into_iter()
        .filter(fits)
        .find_map(|range| range.try_with_sample_rate(rate))
        .ok_or(DeviceError::Unsuitable {
            what: "rate, number of channels and format",
        })
}

fn period(range: &SupportedBufferSize, rate: u32, options: &DeviceOptions) -> BufferSize {
    match *range {
        SupportedBufferSize::Range { min, max } if min <= max => {
            let wanted = options.period.as_secs_f64() * f64::from(rate);
            BufferSize::Fixed((wanted as u32).clamp(min.max(1), max))
        }
        SupportedBufferSize::Range { .. } | SupportedBufferSize::Unknown => BufferSize::Default,
    }
}

/// Calls a function for samples of the type that a device's format stands for.
macro_rules! by_format {
    ($chosen:expr, $function:ident($($argument:expr),*)) => {
        match $chosen.format {
            SampleFormat::I8 => $function::<i8>($($argument),*),
            SampleFormat::I16 => $function::<i16>($($argument),*),
            SampleFormat::I24 => $function::<cpal::I24>($($argument),*),
            SampleFormat::I32 => $function::<i32>($($argument),*),
            SampleFormat::I64 => $function::<i64>($($argument),*),
            SampleFormat::U8 => $function::<u8>($($argument),*),
            SampleFormat::U16 => $function::<u16>($($argument),*),
            SampleFormat::U32 => $function::<u32>($($argument),*),
            SampleFormat::U64 => $function::<u64>($($argument),*),
            SampleFormat::F32 => $function::<f32>($($argument),*),
            SampleFormat::F64 => $function::<f64>($($argument),*),
            // What remains is no PCM, or not known yet.
            _ => Err(DeviceError::Unsuitable { what: "sample format" }),
        }
    };
}

/// Opens a microphone that feeds a buffer.
pub(super) fn capture(chosen: &Chosen, watch: &Arc<Watch>, feed: Feed) -> Result<cpal::Stream, DeviceError> {
    by_format!(chosen, capture_as(chosen, watch, feed))
}

/// Opens a loudspeaker that drains a buffer.
pub(super) fn playback(chosen: &Chosen, watch: &Arc<Watch>, drain: Drain) -> Result<cpal::Stream, DeviceError> {
    by_format!(chosen, playback_as(chosen, watch, drain))
}

fn capture_as<T>(chosen: &Chosen, watch: &Arc<Watch>, mut feed: Feed) -> Result<cpal::Stream, DeviceError>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let channels = usize::from(chosen.config.channels);
    let (beat, trouble) = (Arc::clone(watch), Arc::clone(watch));
    let share = 1.0 / channels as f32;
    let stream = chosen.device.build_input_stream::<T, _, _>(
        chosen.config,
        move |block, _| {
            beat.beat();
            let mixed = block.chunks_exact(channels).map(|frame| {
                let all: f32 = frame.iter().map(|sample| f32::from_sample_(*sample)).sum();
                all * share
            });
            feed.push(mixed, beat.now());
        },
        move |error| trouble.trouble(&error),
        Some(WAIT),
    )?;
    stream.play()?;
    Ok(stream)
}

fn playback_as<T>(chosen: &Chosen, watch: &Arc<Watch>, mut drain: Drain) -> Result<cpal::Stream, DeviceError>
where
    T: SizedSample + FromSample<f32>,
{
    let channels = usize::from(chosen.config.channels);
    let (beat, trouble) = (Arc::clone(watch), Arc::clone(watch));
    let stream = chosen.device.build_output_stream::<T, _, _>(
        chosen.config,
        move |block, _| {
            beat.beat();
            drain.fill(block.len() / channels, beat.now(), |index, sample| {
                block[index * channels..(index + 1) * channels].fill(T::from_sample_(sample));
            });
        },
        move |error| trouble.trouble(&error),
        Some(WAIT),
    )?;
    stream.play()?;
    Ok(stream)
}
