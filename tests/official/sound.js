'use strict';
// What a page hears of the other side.

const context = new AudioContext({ sampleRate: 48000 });
// 5.9 Hz a bin.
const POINTS = 8192;

// Tells of every 200 ms of a stream what is heard: the strongest tone in hertz, and the level in dBov.
window.listen = (stream, about) => {
    // A remote track is decoded only while an element plays it.
    const element = new Audio();
    element.muted = true;
    element.srcObject = stream;
    element.play();
    const analyser = new AnalyserNode(context, { fftSize: POINTS, smoothingTimeConstant: 0 });
    context.createMediaStreamSource(stream).connect(analyser);
    const [bins, samples] = [new Float32Array(POINTS / 2), new Float32Array(POINTS)];
    setInterval(() => {
        analyser.getFloatFrequencyData(bins);
        analyser.getFloatTimeDomainData(samples);
        const mean = samples.reduce((sum, sample) => sum + sample * sample, 0) / POINTS;
        const dbov = mean > 0 ? 10 * Math.log10(mean) : -127;
        const peak = bins.indexOf(Math.max(...bins));
        tell('heard', { ...about, hertz: (peak * context.sampleRate) / POINTS, dbov });
    }, 200);
};

// The microphone as it is: a tone would be taken for noise.
window.RAW = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
