'use strict';
// What a page plays, and what it hears of the other side.

const context = new AudioContext({ sampleRate: 48000 });
// 5.9 Hz a bin.
const POINTS = 8192;
// As many samples as can be looked back at, 680 ms, so that none is missed while the page is kept from looking.
const HISTORY = 32768;

window.engine = {
    RTCPeerConnection,
    RTCRtpReceiver,
    hearKeys,
    orSilence,

    // A sine, a quarter of full scale.
    tone(hertz) {
        const oscillator = new OscillatorNode(context, { frequency: hertz });
        const gain = new GainNode(context, { gain: 0.25 });
        const destination = context.createMediaStreamDestination();
        oscillator.connect(gain).connect(destination);
        oscillator.start();
        return { track: destination.stream.getAudioTracks()[0], stream: destination.stream };
    },

    rate: context.sampleRate,

    // Keeps all that is heard of a track, from -1 to 1, part by part.
    record(track) {
        const stream = new MediaStream([track]);
        const element = new Audio();
        element.muted = true;
        element.srcObject = stream;
        element.play();
        const parts = [];
        // As long as can be: a page that is held up for less misses nothing.
        const recorder = context.createScriptProcessor(16384, 1, 1);
        recorder.onaudioprocess = ({ inputBuffer }) => parts.push(inputBuffer.getChannelData(0).slice());
        context.createMediaStreamSource(stream).connect(recorder).connect(context.destination);
        return parts;
    },

    // Tells of every 200 ms of a track what is heard: the strongest tone in hertz, and the level in dBov. All samples go to `hear`.
    listen(track, tell, hear) {
        const stream = new MediaStream([track]);
        // A remote track is decoded only while an element plays it.
        const element = new Audio();
        element.muted = true;
        element.srcObject = stream;
        element.play();
        const analyser = new AnalyserNode(context, { fftSize: POINTS, smoothingTimeConstant: 0 });
        const history = new AnalyserNode(context, { fftSize: HISTORY });
        context.createMediaStreamSource(stream).connect(analyser).connect(history);
        // Else the analysers sleep, and show what came last, when nothing more comes.
        const awake = new ConstantSourceNode(context, { offset: 0 });
        awake.connect(analyser);
        awake.start();
        const [bins, samples] = [new Float32Array(POINTS / 2), new Float32Array(POINTS)];
        setInterval(() => {
            analyser.getFloatFrequencyData(bins);
            analyser.getFloatTimeDomainData(samples);
            const mean = samples.reduce((sum, sample) => sum + sample * sample, 0) / POINTS;
            const dbov = mean > 0 ? 10 * Math.log10(mean) : -127;
            const peak = bins.indexOf(Math.max(...bins));
            tell({ hertz: (peak * context.sampleRate) / POINTS, dbov });
        }, 200);
        const past = new Float32Array(HISTORY);
        let heard = context.currentTime;
        setInterval(() => {
            history.getFloatTimeDomainData(past);
            const fresh = Math.round((context.currentTime - heard) * context.sampleRate);
            heard = context.currentTime;
            hear(past.subarray(Math.max(0, HISTORY - fresh)), context.sampleRate);
        }, 100);
    },
};
