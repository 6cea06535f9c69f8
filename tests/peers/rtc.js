'use strict';
// A peer connection with one sound, as the W3C writes it: the same in Node and in a page. It does what commands say (one
// object each, see peer.js) and tells what happens.

// `engine` has the classes of WebRTC, makes a `tone`, `listen`s to a track, and tells `orSilence`; it can `hearKeys`.
function peer(engine, tell) {
    let connection;
    let recording;

    function begin({ hertz, relay, record }) {
        const server = relay && { ...relay, urls: `turn:${relay.host}:${relay.port}` };
        connection = new engine.RTCPeerConnection(relay ? { iceServers: [server], iceTransportPolicy: 'relay' } : {});
        const { track, stream } = engine.tone(hertz);
        connection.addTrack(track, stream);
        connection.onicecandidate = ({ candidate }) => {
            if (candidate?.candidate) {
                tell('candidate', { candidate: candidate.candidate });
            }
        };
        connection.onconnectionstatechange = () => tell('state', { state: connection.connectionState });
        const hear = engine.hearKeys(key => tell('key', { key }));
        connection.ontrack = ({ track }) => {
            if (record) {
                recording = engine.record(track);
            } else {
                engine.listen(track, engine.orSilence(heard => tell('heard', heard)), hear);
            }
        };
    }

    async function settled(description) {
        await connection.setLocalDescription(description);
        tell(description.type, { sdp: description.sdp });
    }

    // Of the transport, with what it names of other statistics.
    async function transport() {
        const stats = new Map(await connection.getStats());
        const transport = [...stats.values()].find(({ type }) => type === 'transport');
        const pair = stats.get(transport?.selectedCandidatePairId);
        return { tlsVersion: transport?.tlsVersion, local: stats.get(pair?.localCandidateId) };
    }

    return {
        async offer(how) {
            begin(how);
            await settled(await connection.createOffer());
        },
        async answer({ sdp, ...how }) {
            begin(how);
            await connection.setRemoteDescription({ type: 'offer', sdp });
            await settled(await connection.createAnswer());
        },
        // A later offer of its own.
        async change({ direction, restart, codec, data }) {
            const [transceiver] = connection.getTransceivers();
            if (direction) {
                transceiver.direction = direction;
            }
            if (codec) {
                const { codecs } = engine.RTCRtpReceiver.getCapabilities('audio');
                const wanted = ({ mimeType }) => mimeType === codec;
                transceiver.setCodecPreferences([...codecs.filter(wanted), ...codecs.filter(one => !wanted(one))]);
            }
            if (data) {
                connection.createDataChannel('data');
            }
            await settled(await connection.createOffer({ iceRestart: Boolean(restart) }));
        },
        // A later offer of ours.
        async again({ sdp }) {
            await connection.setRemoteDescription({ type: 'offer', sdp });
            await settled(await connection.createAnswer());
        },
        direction: () => tell('direction', { direction: connection.getTransceivers()[0].currentDirection }),
        press({ digits }) {
            const keys = connection.getSenders()[0].dtmf;
            tell('pressed', { able: Boolean(keys) });
            keys?.insertDTMF(digits);
        },
        async accept({ sdp }) {
            await connection.setRemoteDescription({ type: 'answer', sdp });
            tell('accepted');
        },
        candidate: ({ mid, candidate }) => connection.addIceCandidate({ sdpMid: mid, candidate }),
        async dtls() {
            const versions = { FEFD: '1.2', FEFC: '1.3' };
            tell('dtls', { version: versions[(await transport()).tlsVersion] ?? null });
        },
        async codec() {
            const stats = new Map(await connection.getStats());
            const inbound = [...stats.values()].find(({ type }) => type === 'inbound-rtp');
            tell('codec', { heard: stats.get(inbound?.codecId)?.mimeType ?? null });
        },
        // How long what was heard had waited, on average.
        async waited() {
            const stats = [...new Map(await connection.getStats()).values()];
            const inbound = stats.find(({ type }) => type === 'inbound-rtp');
            tell('waited', { seconds: inbound.jitterBufferDelay / inbound.jitterBufferEmittedCount, rate: engine.rate });
        },
        // All that was recorded, 16 bits each, part by part; the last is none.
        recorded() {
            for (const part of recording) {
                const samples = Int16Array.from(part, sample => Math.max(-1, Math.min(1, sample)) * 32767);
                tell('recorded', { pcm: btoa(String.fromCharCode(...new Uint8Array(samples.buffer))) });
            }
            tell('recorded');
        },
        path: async () => tell('path', { local: (await transport()).local?.candidateType ?? null }),
        close: () => connection.close(),
    };
}

if (typeof module !== 'undefined') {
    module.exports = { peer };
}
