//! Where the platform's own client finds its cloud: the simulated one behind TLS, and a microphone that holds a tone.

use std::{fs, path::PathBuf};

use offhook_audio::{FRAME_SAMPLES, Source as _, Tone};
use offhook_sim::{Cloud, CloudConfig};
use offhook_tests::{authority, terminator::terminate};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

/// What the microphone of every page holds, in hertz.
pub const MICROPHONE: u32 = 700;
/// What the gateway plays, in hertz.
pub const GATEWAY: u32 = 440;

/// The names that the client makes of its host.
const NAMES: [&str; 3] = ["api.offhook.test", "streaming.offhook.test", "app.offhook.test"];
/// Seconds that the microphone's file lasts, after which it begins again: whole periods of the tone.
const SECONDS: usize = 10;
const RATE: u32 = 48_000;

/// A cloud with the way to it.
#[derive(Debug)]
pub struct Place {
    pub cloud: Cloud,
    port: u16,
    folder: TempDir,
}

impl Place {
    pub async fn new(config: CloudConfig) -> Self {
        let cloud = Cloud::start(config).await.expect("there is loopback");
        let (tls, authority) = authority::certificate_for(&NAMES);
        let port = terminate(tls, cloud.address()).await;
        let place = Self {
            cloud,
            port,
            folder: tempfile::tempdir().expect("a folder"),
        };
        fs::write(place.authority(), authority).expect("it is written");
        fs::write(place.microphone(), wave(MICROPHONE)).expect("it is written");
        place
    }

    /// The file with the certificate of the authority.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// The file that is the microphone.
    pub fn microphone(&self) -> PathBuf {
        self.folder.path().join("microphone.wav")
    }

    /// Where TLS is spoken.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn token(&self) -> String {
        self.cloud.default_token().expose_secret().to_owned()
    }

    pub fn user(&self) -> &str {
        &self.cloud.user().id
    }
}

/// A tone as a WAV file: one channel of 16 bits.
fn wave(hertz: u32) -> Vec<u8> {
    let mut tone = Tone::new(hertz);
    let mut samples = Vec::new();
    for _ in 0..SECONDS * RATE as usize / FRAME_SAMPLES {
        let mut frame = [0; FRAME_SAMPLES];
        let _ = tone.read(&mut frame);
        samples.extend(frame.iter().flat_map(|sample| sample.to_le_bytes()));
    }
    let bytes = u32::try_from(samples.len()).expect("some seconds");
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend(RATE.to_le_bytes());
    file.extend((RATE * 2).to_le_bytes());
    file.extend(2_u16.to_le_bytes());
    file.extend(16_u16.to_le_bytes());
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    file.extend(samples);
    file
}
