'use strict';
// What a page plays, and what it hears of the other side.

const context = new AudioContext({ sampleRate: 48000 });
// 5.9 Hz a bin.
const POINTS = 8192;

window.engine = {
    RTCPeerConnection,

    // A sine, a quarter of full scale.
    tone(hertz) {
        const oscillator = new OscillatorNode(context, { frequency: hertz });
        const gain = new GainNode(context, { gain: 0.25 });
        const destination = context.createMediaStreamDestination();
        oscillator.connect(gain).connect(destination);
        oscillator.start();
        return { track: destination.stream.getAudioTracks()[0], stream: destination.stream };
    },

    // Tells of every 200 ms of a track what is heard: the strongest tone in hertz, and the level in dBov.
    listen(track, tell) {
        const stream = new MediaStream([track]);
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
            tell({ hertz: (peak * context.sampleRate) / POINTS, dbov });
        }, 200);
    },
};
