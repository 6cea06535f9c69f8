'use strict';
// libdatachannel: ICE, DTLS and SRTP without a codec. What it plays and hears is PCMU, made and read here. It does what the
// same commands say as the engines of rtc.js.

const { Audio, PeerConnection } = require('node-datachannel');

const RATE = 8000;
const FRAME = RATE / 50;
const WINDOW = RATE / 5;
const PCMU = 0;
const HEADER = 12;
const SSRC = 4242;

// ITU-T G.711, with the usual bias.
const BIAS = 0x84;

function encoded(sample) {
    const sign = sample < 0 ? 0x80 : 0;
    const magnitude = Math.min(Math.abs(sample), 32635) + BIAS;
    const exponent = 31 - Math.clz32(magnitude) - 7;
    return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0f)) & 0xff;
}

function decoded(byte) {
    const bits = ~byte & 0xff;
    const magnitude = ((((bits & 0x0f) << 3) + BIAS) << ((bits >> 4) & 7)) - BIAS;
    return bits & 0x80 ? -magnitude : magnitude;
}

// The strongest tone and the level in dBov of 200 ms.
function measured(samples) {
    const mean = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length / 32768 ** 2;
    const dbov = mean > 0 ? 10 * Math.log10(mean) : -127;
    let strongest = { hertz: null, power: 0 };
    for (let hertz = 300; hertz <= 1000; hertz += 5) {
        const step = (2 * Math.PI * hertz) / RATE;
        let [real, imaginary] = [0, 0];
        samples.forEach((sample, at) => {
            real += sample * Math.cos(step * at);
            imaginary += sample * Math.sin(step * at);
        });
        const power = real * real + imaginary * imaginary;
        strongest = power > strongest.power ? { hertz, power } : strongest;
    }
    return { hertz: strongest.hertz, dbov };
}

// What an RTP packet carries (RFC 3550 section 5.1): behind the header there may be sources and an extension.
function payload(packet) {
    let start = HEADER + 4 * (packet[0] & 0x0f);
    if (packet[0] & 0x10) {
        start += 4 + 4 * packet.readUInt16BE(start + 2);
    }
    return packet.subarray(start);
}

function peer(tell) {
    let connection;

    // 20 ms a packet; what is due is sent, however late the timer comes.
    function play(track, hertz) {
        let [sequence, timestamp] = [0, 0];
        const began = Date.now();
        setInterval(() => {
            while (timestamp / FRAME < (Date.now() - began) / 20) {
                const packet = Buffer.alloc(HEADER + FRAME);
                packet.writeUInt8(0x80, 0);
                packet.writeUInt8(PCMU, 1);
                packet.writeUInt16BE(sequence++ & 0xffff, 2);
                packet.writeUInt32BE(timestamp, 4);
                packet.writeUInt32BE(SSRC, 8);
                for (let at = 0; at < FRAME; at++) {
                    const phase = (2 * Math.PI * hertz * (timestamp + at)) / RATE;
                    packet.writeUInt8(encoded(Math.round(8192 * Math.sin(phase))), HEADER + at);
                }
                timestamp += FRAME;
                if (track.isOpen()) {
                    track.sendMessageBinary(packet);
                }
            }
        }, 10);
    }

    function listen(track) {
        let samples = [];
        track.onMessage(packet => {
            if ((packet[1] & 0x7f) !== PCMU) {
                return;
            }
            samples.push(...[...payload(packet)].map(decoded));
            if (samples.length >= WINDOW) {
                tell('heard', measured(samples));
                samples = [];
            }
        });
    }

    function begin({ hertz, relay }) {
        const server = relay && { ...relay, hostname: relay.host, password: relay.credential, relayType: 'TurnUdp' };
        connection = new PeerConnection('peer', {
            iceServers: relay ? [server] : [],
            iceTransportPolicy: relay ? 'relay' : 'all',
            bindAddress: '127.0.0.1',
        });
        connection.onLocalDescription((sdp, type) => tell(type, { sdp }));
        connection.onLocalCandidate(candidate => tell('candidate', { candidate }));
        connection.onStateChange(state => tell('state', { state }));
        connection.onTrack(track => {
            listen(track);
            play(track, hertz);
        });
    }

    return {
        offer(how) {
            begin(how);
            const sound = new Audio('0', 'SendRecv');
            sound.addAudioCodec(PCMU, 'PCMU');
            sound.addSSRC(SSRC, 'peer');
            const track = connection.addTrack(sound);
            listen(track);
            play(track, how.hertz);
            connection.setLocalDescription('offer');
        },
        answer({ sdp, ...how }) {
            begin(how);
            connection.setRemoteDescription(sdp, 'offer');
        },
        accept: ({ sdp }) => connection.setRemoteDescription(sdp, 'answer'),
        candidate: ({ mid, candidate }) => connection.addRemoteCandidate(candidate, mid),
        dtls: () => tell('dtls', { version: null }),
        path: () => tell('path', { local: connection.getSelectedCandidatePair()?.local.type ?? null }),
        close: () => connection.close(),
    };
}

module.exports = { peer };
