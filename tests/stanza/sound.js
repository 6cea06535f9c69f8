'use strict';
// What a peer plays, and what it hears of the other side.

const { performance } = require('node:perf_hooks');
const { MediaStream, nonstandard } = require('@roamhq/wrtc');

// WebRTC's frame: 10 ms at 48 kHz.
const RATE = 48000;
const FRAME = RATE / 100;
// A quarter of full scale.
const PEAK = 8192;

// Plays a tone on a track for as long as the process lives.
function tone(hertz) {
    const source = new nonstandard.RTCAudioSource();
    const track = source.createTrack();
    const begun = performance.now();
    let frames = 0;
    setInterval(() => {
        // A timer comes late now and then: what is due is played all the same.
        const due = Math.floor((performance.now() - begun) / 10);
        for (; frames < due; frames += 1) {
            const samples = new Int16Array(FRAME);
            for (let n = 0; n < FRAME; n += 1) {
                const seconds = (frames * FRAME + n) / RATE;
                samples[n] = Math.round(PEAK * Math.sin(2 * Math.PI * hertz * seconds));
            }
            source.onData({ samples, sampleRate: RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: FRAME });
        }
    }, 10);
    return { track, stream: new MediaStream([track]) };
}

// What is listened to at a time: 200 ms at 8 kHz, so that tones 5 Hz apart are told apart.
const COARSE = 8000;
const WINDOW = COARSE / 5;
const STEP = COARSE / WINDOW;
// Bins to each side of a peak that the Hann window spreads a tone over.
const SPREAD = 3;
// The share of the power that a tone must have, and the level below which there is nothing, in dBov.
const SHARE = 0.5;
const FLOOR = -70;

// Tells of every 200 ms of a track what is heard: a tone in hertz, or none, and the level in dBov. All samples go to `hear`.
function listen(track, tell, hear = () => {}) {
    const sink = new nonstandard.RTCAudioSink(track);
    const heard = [];
    sink.ondata = ({ samples, sampleRate, channelCount }) => {
        const [step, fresh] = [(sampleRate / COARSE) * channelCount, heard.length];
        for (let start = 0; start + step <= samples.length; start += step) {
            let sum = 0;
            for (let n = start; n < start + step; n += 1) {
                sum += samples[n];
            }
            heard.push(sum / step / 32768);
        }
        hear(heard.slice(fresh), COARSE);
        while (heard.length >= WINDOW) {
            tell(measured(heard.splice(0, WINDOW)));
        }
    };
    return sink;
}

function measured(samples) {
    const mean = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    // 0 dBov is a full-scale square wave (RFC 6465).
    const dbov = mean > 0 ? 10 * Math.log10(mean) : -127;
    if (dbov < FLOOR) {
        return { hertz: null, dbov };
    }
    const window = samples.map((sample, n) => sample * (0.5 - 0.5 * Math.cos((2 * Math.PI * n) / WINDOW)));
    const powers = Array.from({ length: WINDOW / 2 }, (_, bin) => power(window, bin));
    const peak = powers.indexOf(Math.max(...powers.slice(SPREAD)));
    const sum = values => values.reduce((total, value) => total + value, 0);
    const share = sum(powers.slice(peak - SPREAD, peak + SPREAD + 1)) / sum(powers);
    return { hertz: share < SHARE ? null : peak * STEP, dbov };
}

// The power in one bin, by Goertzel's recurrence.
function power(samples, bin) {
    const factor = 2 * Math.cos((2 * Math.PI * bin) / WINDOW);
    let [last, before] = [0, 0];
    for (const sample of samples) {
        [last, before] = [sample + factor * last - before, last];
    }
    return last * last + before * before - factor * last * before;
}

module.exports = { tone, listen };
