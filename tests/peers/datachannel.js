'use strict';
// libdatachannel: ICE, DTLS and SRTP without a codec. What it plays and hears is PCMU, and telephone events, made and read here. It
// does what the same commands say as the engines of rtc.js.

const { Audio, PeerConnection } = require('node-datachannel');
const { orSilence } = require('./hearing');

const RATE = 8000;
const FRAME = RATE / 50;
const WINDOW = RATE / 5;
const PCMU = 0;
// Telephone events (RFC 4733) in offers of its own, and their codes.
const EVENTS = 101;
const KEYS = '0123456789*#ABCD';
// A key is pressed for five packets, the last one comes three times, and four pass before the next.
const [SOUNDING, ENDS, GAP] = [5, 3, 4];
const VOLUME = 10;
const HEADER = 12;
const SSRC = 4242;
const MID = 'audio';
const DIRECTIONS = { sendrecv: 'SendRecv', sendonly: 'SendOnly', recvonly: 'RecvOnly', inactive: 'Inactive' };

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
    let [connection, track] = [];
    // Every object that stood for the track: with one that nobody holds, its packets may be gone.
    const tracks = [];
    // The payload type of telephone events, and the keys to be pressed.
    let events = EVENTS;
    const keys = [];

    // 20 ms a packet; what is due is sent, however late the timer comes.
    function play(hertz) {
        let [sequence, timestamp] = [0, 0];
        const began = Date.now();

        function send(type, marker, from, payload) {
            const packet = Buffer.alloc(HEADER);
            packet.writeUInt8(0x80, 0);
            packet.writeUInt8((marker ? 0x80 : 0) | type, 1);
            packet.writeUInt16BE(sequence++ & 0xffff, 2);
            packet.writeUInt32BE(from, 4);
            packet.writeUInt32BE(SSRC, 8);
            if (track.isOpen()) {
                track.sendMessageBinary(Buffer.concat([packet, payload]));
            }
        }

        function speak() {
            const phase = at => (2 * Math.PI * hertz * (timestamp + at)) / RATE;
            const samples = Array.from({ length: FRAME }, (_, at) => Math.round(8192 * Math.sin(phase(at))));
            send(PCMU, false, timestamp, Buffer.from(samples.map(encoded)));
        }

        // One packet of the key that is pressed; whether there is one.
        function press() {
            const pressed = keys[0];
            if (!pressed) {
                return false;
            }
            const at = pressed.packets++;
            pressed.since ??= timestamp;
            if (at >= SOUNDING + ENDS - 1) {
                if (at === SOUNDING + ENDS + GAP) {
                    keys.shift();
                }
                return false;
            }
            const payload = Buffer.from([KEYS.indexOf(pressed.key), at < SOUNDING - 1 ? VOLUME : 0x80 | VOLUME, 0, 0]);
            payload.writeUInt16BE(FRAME * Math.min(at + 1, SOUNDING), 2);
            send(events, at === 0, pressed.since, payload);
            return true;
        }

        setInterval(() => {
            while (timestamp / FRAME < (Date.now() - began) / 20) {
                if (!press()) {
                    speak();
                }
                timestamp += FRAME;
            }
        }, 10);
    }

    // What takes the packets of a track.
    function listener() {
        let [samples, ended] = [[], null];
        const heard = orSilence(heard => tell('heard', heard));
        return packet => {
            const type = packet[1] & 0x7f;
            if (type === events) {
                const [code, flags] = payload(packet);
                const began = packet.readUInt32BE(4);
                // The end comes three times.
                if (flags & 0x80 && began !== ended) {
                    ended = began;
                    tell('key', { key: KEYS[code] });
                }
            }
            if (type !== PCMU) {
                return;
            }
            samples.push(...[...payload(packet)].map(decoded));
            if (samples.length >= WINDOW) {
                heard(measured(samples));
                samples = [];
            }
        };
    }

    function take(one) {
        track = one;
        tracks.push(track);
        track.onMessage(hear);
    }

    function sound(direction) {
        const sound = new Audio(MID, direction);
        sound.addAudioCodec(PCMU, 'PCMU');
        sound.addAudioCodec(EVENTS, 'telephone-event', '0-15');
        // It takes any name that it does not know for one of 48 kHz.
        sound.parseSdpLine(`a=rtpmap:${EVENTS} telephone-event/${RATE}`);
        sound.addSSRC(SSRC, 'peer');
        return sound;
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
        connection.onTrack(theirs => {
            take(theirs);
            play(hertz);
        });
    }

    const hear = listener();

    return {
        offer(how) {
            begin(how);
            take(connection.addTrack(sound('SendRecv')));
            play(how.hertz);
            connection.setLocalDescription('offer');
        },
        answer({ sdp, ...how }) {
            events = Number(/^a=rtpmap:(\d+) telephone-event\/8000/m.exec(sdp)?.[1]);
            begin(how);
            connection.setRemoteDescription(sdp, 'offer');
        },
        accept({ sdp }) {
            connection.setRemoteDescription(sdp, 'answer');
            tell('accepted');
        },
        candidate: ({ mid, candidate }) => connection.addRemoteCandidate(candidate, mid),
        change({ direction, data }) {
            if (direction) {
                // The same track as another object, which has to be told anew whom to call.
                take(connection.addTrack(sound(DIRECTIONS[direction])));
            }
            if (data) {
                connection.createDataChannel('data');
            }
            connection.setLocalDescription('offer');
        },
        again: ({ sdp }) => connection.setRemoteDescription(sdp, 'offer'),
        direction: () => tell('direction', { direction: track.direction().toLowerCase() }),
        press({ digits }) {
            keys.push(...[...digits].map(key => ({ key, packets: 0 })));
            tell('pressed', { able: true });
        },
        dtls: () => tell('dtls', { version: null }),
        path: () => tell('path', { local: connection.getSelectedCandidatePair()?.local.type ?? null }),
        close: () => connection.close(),
    };
}

module.exports = { peer };
