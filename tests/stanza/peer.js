'use strict';
// A peer that others wrote: the Jingle of `stanza` with the WebRTC engine of Chromium under it.
//
// It is told what to do by JSON, one object a line on standard input, and tells what happens in the same way on standard
// output. It ends when its input does.
//
//   {"do": "connect", "url", "jid", "password", "resource", "hertz", "trace"}
//   {"do": "call", "to", "sid"?, "video"?}            the rest is about the session `sid`, or about the latest one:
//   {"do": "ring" | "accept" | "hold" | "resume" | "restart", "sid"?}
//   {"do": "mute" | "unmute", "creator"?, "name"?}
//   {"do": "end", "reason"?, "text"?}
//   {"do": "quit"}
//
//   {"tell": "ready", "jid"}
//   {"tell": "outgoing" | "incoming" | "ringing" | "accepted" | "connected" | "held" | "resumed", "sid", "peer"}
//   {"tell": "muted" | "unmuted", "sid", "peer", "creator"?, "name"?}
//   {"tell": "heard", "sid", "peer", "hertz": number | null, "dbov"}      of every 200 ms
//   {"tell": "terminated", "sid", "peer", "reason", "text"?}
//   {"tell": "stanza", "way": "in" | "out", "xml"}                        if asked to trace
//   {"tell": "fault", "what"}                                             and the process ends

const readline = require('node:readline');
const wrtc = require('@roamhq/wrtc');
// The library has no engine in Node: it takes the one that its platform names.
require('stanza/platform/node').RTCPeerConnection = wrtc.RTCPeerConnection;
const { createClient } = require('stanza');
const sound = require('./sound');

let client;
let played;
let latest;
const sinks = new Map();
const ended = new Set();

function tell(what, more) {
    process.stdout.write(JSON.stringify({ tell: what, ...more }) + '\n');
}

function fault(error) {
    // Written at once: the process does not live until a pipe is drained.
    require('node:fs').writeSync(1, JSON.stringify({ tell: 'fault', what: String(error?.stack ?? error) }) + '\n');
    process.exit(1);
}

function connect({ url, jid, password, resource, hertz, trace }) {
    played = sound.tone(hertz);
    client = createClient({
        jid,
        password,
        resource,
        transports: { websocket: url, bosh: false },
        autoReconnect: false,
        // It would ask a public STUN server otherwise.
        jingle: { iceServers: [] },
    });
    if (trace) {
        client.on('raw:outgoing', xml => tell('stanza', { way: 'out', xml }));
        client.on('raw:incoming', xml => tell('stanza', { way: 'in', xml }));
    }
    client.on('session:started', jid => tell('ready', { jid }));
    client.on('disconnected', () => tell('disconnected'));
    const about = session => ({ sid: session.sid, peer: session.peerID });
    const passed = { outgoing: 'outgoing', accepted: 'accepted', ringing: 'ringing', hold: 'held', resumed: 'resumed' };
    for (const [event, what] of Object.entries(passed)) {
        client.on(`jingle:${event}`, session => tell(what, about(session)));
    }
    client.on('jingle:incoming', session => {
        latest = session;
        tell('incoming', about(session));
    });
    const info = ({ creator, name }) => ({ creator, name });
    client.on('jingle:mute', (session, muted) => tell('muted', { ...about(session), ...info(muted) }));
    client.on('jingle:unmute', (session, muted) => tell('unmuted', { ...about(session), ...info(muted) }));
    client.on('jingle:terminated', (session, reason) => {
        // The end of the connection ends the session another time.
        if (ended.has(session.sid)) {
            return;
        }
        ended.add(session.sid);
        sinks.get(session.sid)?.stop();
        const { condition, text, alternativeSession } = reason ?? {};
        tell('terminated', { ...about(session), reason: condition ?? 'success', text, alternativeSession });
    });
    client.jingle.on('connectionState', (session, state) => {
        if (state === 'connected') {
            tell('connected', about(session));
        }
    });
    client.jingle.on('peerTrackAdded', (session, track) => {
        if (track.kind === 'audio') {
            sinks.get(session.sid)?.stop();
            sinks.set(session.sid, sound.listen(track, heard => tell('heard', { ...about(session), ...heard })));
        }
    });
    client.connect();
}

function call({ to, sid, video }) {
    latest = client.jingle.createMediaSession(to, sid);
    latest.addTrack(played.track, played.stream);
    return latest.start({ offerToReceiveAudio: true, offerToReceiveVideo: Boolean(video) });
}

function accept(session) {
    session.addTrack(played.track, played.stream);
    return session.accept();
}

const commands = {
    connect,
    call,
    ring: (_, session) => session.ring(),
    accept: (_, session) => accept(session),
    hold: (_, session) => session.hold(),
    resume: (_, session) => session.resume(),
    mute: ({ creator, name }, session) => session.mute(creator, name),
    unmute: ({ creator, name }, session) => session.unmute(creator, name),
    restart: (_, session) => session.restartIce(),
    end: ({ reason, text }, session) => session.end({ condition: reason ?? 'success', text }),
    quit: () => process.exit(0),
};

process.on('uncaughtException', fault);
process.on('unhandledRejection', fault);
readline
    .createInterface({ input: process.stdin })
    .on('line', async line => {
        const command = JSON.parse(line);
        const session = command.sid ? client?.jingle.sessions[command.sid] : latest;
        await commands[command.do](command, session);
    })
    .on('close', () => process.exit(0));
