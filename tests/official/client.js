'use strict';
// An application on `genesys-cloud-streaming-client`, as small as can be.
//
//   {"do": "connect", "token"}
//   {"do": "proceed" | "reject", "session"}
//   {"do": "end" | "mute" | "unmute", "session"}
//   {"do": "press", "session", "digits"}
//   {"do": "request", "method", "path", "data"?}       of REST, by the client's own means
//   {"do": "disconnect"}
//
//   {"tell": "connected"} {"tell": "disconnected", "reconnecting"} {"tell": "unconnected", "why"}
//   {"tell": "proposed", "session", "conversation", "automatic"}
//   {"tell": "cancelled" | "handled", "session"}
//   {"tell": "session", "session", "conversation", "reinvite"}    its answer goes out
//   {"tell": "state", "session", "state"}
//   {"tell": "signalled", "session", "what"}                      mute, unmute: by the other side
//   {"tell": "terminated", "session", "reason"}
//   {"tell": "heard", "session", "hertz": number | null, "dbov"}  of every 200 ms
//   {"tell": "replied", "path", "data"}
//   {"tell": "refused", "command", "what"} {"tell": "error", "what"}

const HOST = 'wss://streaming.offhook.test';

let client;
let microphone;
const sessions = new Map();

function track() {
    microphone ??= navigator.mediaDevices.getUserMedia({ audio: window.RAW });
    return microphone;
}

async function answer(session) {
    const id = session.id;
    sessions.set(id, session);
    tell('session', { session: id, conversation: session.conversationId, reinvite: !!session.reinvite });
    session.on('connectionState', state => tell('state', { session: id, state }));
    session.on('terminated', reason => tell('terminated', { session: id, reason: reason?.condition }));
    for (const what of ['mute', 'unmute']) {
        session.on(what, () => tell('signalled', { session: id, what }));
    }
    const connection = session.peerConnection;
    for (const receiver of connection.getReceivers()) {
        listen(new MediaStream([receiver.track]), { session: id });
    }
    client.webrtcSessions.rtcSessionAccepted(id);
    const stream = await track();
    // Each session has a track of its own: what is muted in one is not in another.
    connection.addTrack(stream.getAudioTracks()[0].clone(), stream);
    await session.accept();
}

function muted(session, enabled) {
    for (const sender of session.peerConnection.getSenders()) {
        if (sender.track) {
            sender.track.enabled = enabled;
        }
    }
}

window.commands = {
    async connect({ token }) {
        client = new window.GenesysCloudStreamingClient({
            host: HOST,
            authToken: token,
            appName: 'offhook-tests',
            appVersion: '1',
            logLevel: 'debug',
        });
        client.on('connected', () => tell('connected'));
        client.on('disconnected', told => tell('disconnected', { reconnecting: !!told?.reconnecting }));
        const calls = client.webrtcSessions;
        calls.on('requestIncomingRtcSession', proposal =>
            tell('proposed', {
                session: proposal.sessionId,
                conversation: proposal.conversationId,
                automatic: !!proposal.autoAnswer,
            })
        );
        calls.on('cancelIncomingRtcSession', session => tell('cancelled', { session }));
        calls.on('handledIncomingRtcSession', session => tell('handled', { session }));
        calls.on('rtcSessionError', what => tell('error', { what: String(what) }));
        calls.on('incomingRtcSession', answer);
        try {
            await client.connect();
        } catch (error) {
            tell('unconnected', { why: String(error?.message ?? error) });
        }
    },
    proceed: async ({ session }) => client.webrtcSessions.acceptRtcSession(session),
    reject: async ({ session }) => client.webrtcSessions.rejectRtcSession(session),
    end: async ({ session }) => sessions.get(session).end('success'),
    async mute({ session }) {
        muted(sessions.get(session), false);
        await sessions.get(session).mute('agent', 'audio');
    },
    async unmute({ session }) {
        muted(sessions.get(session), true);
        await sessions.get(session).unmute('agent', 'audio');
    },
    async press({ session, digits }) {
        const [sender] = sessions.get(session).peerConnection.getSenders();
        sender.dtmf.insertDTMF(digits, 100, 70);
    },
    async request({ method, path, data }) {
        const reply = await client.http.requestApi(path, {
            method,
            data,
            host: client.config.apiHost,
            authToken: client.config.authToken,
        });
        tell('replied', { path, data: reply.data });
    },
    disconnect: async () => client.disconnect(),
};
