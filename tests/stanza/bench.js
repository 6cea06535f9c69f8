'use strict';
// How fast `stanza` handles a recorded call: from the text of a stanza to the text of its answers, without a network and
// without a WebRTC engine.
//
//   node bench.js RECORDING [CALLS]
//
// RECORDING is a conversation in which a client is called by Jingle and hangs up, one frame a line. The library is the one
// that is published, on a WebSocket and a peer connection that are no more than what they say: the recorded requests come
// in, the recorded answer and candidates are what the engine gives, and every request that goes out gets its result. What
// is printed: `{"library", "version", "node", "calls", "stanzas", "seconds", "stanzas_per_second"}`; of the stanzas those
// that come in and those that go out are counted, as in the recording.

const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const { performance } = require('node:perf_hooks');

const [path, count = '2000'] = process.argv.slice(2);
const recorded = readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => line.includes('urn:xmpp:jingle:1'))
    .map(line => JSON.parse(line));
const requests = way => recorded.filter(({ dir, xml }) => dir === way && /^<iq [^>]*type="set"/.test(xml));
const attribute = (xml, name) => xml.match(new RegExp(`<(?:iq|jingle) [^>]*\\b${name}="([^"]*)"`))[1];
const action = name => ({ xml }) => attribute(xml, 'action') === name;

const incoming = requests('recv').map(({ xml }) => xml);
const outgoing = requests('sent');
const initiate = incoming[0];
const [peer, self] = [attribute(initiate, 'from'), attribute(initiate, 'to')];
const sid = initiate.match(/sid="([^"]*)"/)[1];

// The server's side of the WebSocket.
class Socket {
    constructor() {
        Socket.current = this;
        this.readyState = 1;
        setImmediate(() => this.onopen());
    }

    send(xml) {
        const id = () => attribute(xml, 'id');
        if (xml.startsWith('<open')) {
            const feature = this.known
                ? '<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/>'
                : '<mechanisms xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>PLAIN</mechanism></mechanisms>';
            this.tell('<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" id="1" version="1.0"/>');
            const names = 'xmlns:stream="http://etherx.jabber.org/streams" xmlns="jabber:client"';
            this.tell(`<stream:features ${names}>${feature}</stream:features>`);
        } else if (xml.startsWith('<auth')) {
            this.known = true;
            this.tell('<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>');
        } else if (xml.includes('<bind')) {
            const bound = `<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>${self}</jid></bind>`;
            this.tell(`<iq xmlns="jabber:client" type="result" id="${id()}">${bound}</iq>`);
        } else {
            this.count();
            if (xml.includes(' type="set"')) {
                this.stanza(`<iq xmlns="jabber:client" type="result" id="${id()}" from="${peer}" to="${self}"/>`);
            }
        }
    }

    // A stanza of a call arrives.
    stanza(xml) {
        this.tell(xml);
        setImmediate(() => this.count());
    }

    count() {
        this.counted += 1;
        if (this.counted === this.awaited) {
            this.reached();
        }
    }

    // Waits until so many stanzas of a call came in and went out.
    reaches(awaited) {
        this.awaited = awaited;
        return new Promise(resolve => {
            this.reached = resolve;
            if (this.counted === awaited) {
                resolve();
            }
        });
    }

    tell(xml) {
        setImmediate(() => this.onmessage({ data: xml }));
    }

    close() {}
}

// What of a peer connection the library looks at. It answers what was recorded.
class PeerConnection {
    signalingState = 'stable';

    addEventListener() {}

    async setRemoteDescription(description) {
        this.remoteDescription = description;
    }

    async createAnswer() {
        return { type: 'answer', sdp: answer };
    }

    async setLocalDescription(description) {
        this.localDescription = description;
        for (const candidate of [...candidates, null]) {
            setImmediate(() => this.onicecandidate({ candidate }));
        }
    }

    async addIceCandidate() {}

    getReceivers() {
        return [];
    }

    close() {}
}

const platform = require('stanza/platform/node');
platform.WebSocket = Socket;
platform.RTCPeerConnection = PeerConnection;
const stanza = require('stanza');
const { parse } = require('stanza/jxt');
const protocol = require('stanza/jingle/sdp/Protocol');
const { exportToSDP } = require('stanza/jingle/sdp/Intermediate');
const { writeCandidate } = require('sdp');

const client = stanza.createClient({
    jid: self.split('/')[0],
    resource: self.split('/')[1],
    password: 'any',
    transports: { websocket: 'ws://localhost/', bosh: false },
    autoReconnect: false,
    jingle: { iceServers: [] },
});
const read = ({ xml }) => client.stanzas.import(parse(xml)).jingle;
const accepted = read(outgoing.find(action('session-accept')));
const answer = exportToSDP(protocol.convertRequestToIntermediate(accepted, 'responder'));
const candidates = outgoing
    .filter(action('transport-info'))
    .flatMap(request => read(request).contents)
    .flatMap(({ name, transport }) => (transport.candidates ?? []).map(candidate => [name, candidate]))
    .map(([sdpMid, candidate]) => ({
        sdpMid,
        candidate: writeCandidate(protocol.convertCandidateToIntermediate(candidate)),
    }));

// Every request has its answer.
const whole = 2 * (incoming.length + outgoing.length);

async function call(number) {
    const socket = Socket.current;
    const [first, ...rest] = incoming.map((xml, n) =>
        xml.replaceAll(sid, `session-${number}`).replace(/ id="[^"]*"/, ` id="${number}-${n}"`)
    );
    socket.counted = 0;
    const rings = once(client, 'jingle:incoming');
    socket.stanza(first);
    const [session] = await rings;
    await session.accept();
    await session.resume();
    rest.forEach(xml => socket.stanza(xml));
    await socket.reaches(whole - 2);
    session.end('success');
    await socket.reaches(whole);
}

async function calls(first, end) {
    for (let number = first; number < end; number += 1) {
        await call(number);
    }
}

async function measure(measured) {
    const connected = once(client, 'session:started');
    client.connect();
    await connected;
    const warming = Math.ceil(measured / 10);
    await calls(0, warming);
    const begun = performance.now();
    await calls(warming, warming + measured);
    const seconds = (performance.now() - begun) / 1000;
    const stanzas = measured * whole;
    return {
        library: 'stanza',
        version: stanza.VERSION,
        node: process.version,
        calls: measured,
        stanzas,
        seconds,
        stanzas_per_second: Math.round(stanzas / seconds),
    };
}

// Should the library stop half-way, there is nothing left to do, and the process ends without a figure.
process.exitCode = 1;
measure(Number(count)).then(figures => {
    process.stdout.write(JSON.stringify(figures) + '\n');
    process.exitCode = 0;
    process.exit();
});
