"""Joins real speech to clips of 8 to 12 seconds: clips.py FOLDER leaves them there as 48 kHz mono, 16 bits, without a header.

The speech comes with Debian's packages alsa-utils, pocketsphinx-testdata and asterisk-core-sounds-en-g722.
"""

import pathlib
import sys

import numpy as np
import scipy.io.wavfile
import scipy.signal
from G722 import G722

RATE = 48_000
ALSA = pathlib.Path("/usr/share/sounds/alsa")
SPHINX = pathlib.Path("/usr/share/pocketsphinx/test/data")
ASTERISK = pathlib.Path("/usr/share/asterisk/sounds/en_US_f_Allison")


def wav(path):
    rate, samples = scipy.io.wavfile.read(path)
    return rate, samples.astype(np.float64)


def raw(path):
    return 16_000, np.frombuffer(path.read_bytes(), "<i2").astype(np.float64)


def g722(path):
    return 16_000, np.asarray(G722(16_000, 64_000).decode(path.read_bytes()), dtype=np.float64)


def at_48k(rate, samples):
    return samples if rate == RATE else scipy.signal.resample_poly(samples, RATE // rate, 1)


def joined(parts):
    """The parts one after the other with a pause, 12 seconds at most, at a usual level."""
    pause = np.zeros(RATE // 4)
    clip = np.concatenate([piece for part in parts for piece in (at_48k(*part), pause)])[: 12 * RATE]
    assert len(clip) >= 8 * RATE, "less than 8 seconds"
    # About -26 dBov while somebody speaks, as in ITU-T P.56.
    frames = clip[: len(clip) // 960 * 960].reshape(-1, 960)
    power = (frames**2).mean(axis=1)
    active = power[power > power.max() / 1_000].mean() ** 0.5
    return np.clip(clip * (32_768 * 10 ** (-26 / 20) / active), -32_768, 32_767)


def clips():
    spoken = ["Front_Center", "Front_Left", "Front_Right", "Rear_Center", "Rear_Left", "Rear_Right", "Side_Left", "Side_Right"]
    yield "alsa", [wav(ALSA / f"{name}.wav") for name in spoken]
    books = sorted((SPHINX / "librivox").glob("*.wav"))
    yield "book-one", [wav(path) for path in books[:2]]
    yield "book-two", [wav(path) for path in books[2:]]
    cards = sorted((SPHINX / "cards").glob("*.wav"))
    yield "cards", [raw(SPHINX / "goforward.raw")] + [wav(path) for path in cards]
    prompts = ["vm-intro", "demo-thanks", "queue-thankyou"]
    yield "prompts", [g722(ASTERISK / f"{name}.g722") for name in prompts]


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, parts in clips():
        (folder / f"{name}.pcm").write_bytes(joined(parts).astype("<i2").tobytes())


main()
