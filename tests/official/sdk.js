'use strict';
// An application on `genesys-cloud-webrtc-sdk`, in the words of `client.js`, and two more:
//
//   {"do": "hold" | "unhold", "session"}
//
// It answers by itself what asks for it. Muting, holding and ending are the platform's to do, which it asks by REST.

let sdk;
// The conversation of each session, and its session.
const conversations = new Map();
const sessions = new Map();

function of(session) {
    return { conversationId: conversations.get(session) };
}

function start(session) {
    const id = session.id;
    sessions.set(id, session);
    conversations.set(id, session.conversationId);
    tell('session', { session: id, conversation: session.conversationId, reinvite: !!session.reinvite });
    const state = () => tell('state', { session: id, state: session.peerConnection.connectionState });
    session.peerConnection.addEventListener('connectionstatechange', state);
    state();
    for (const receiver of session.peerConnection.getReceivers()) {
        listen(new MediaStream([receiver.track]), { session: id });
    }
}

window.commands = {
    async connect({ token }) {
        const { GenesysCloudWebrtcSdk } = window.GenesysCloudWebrtcSdk;
        sdk = new GenesysCloudWebrtcSdk({
            environment: 'offhook.test',
            accessToken: token,
            originAppName: 'offhook-tests',
            originAppVersion: '1',
            useServerSidePings: true,
            allowedSessionTypes: ['softphone'],
            // The microphone as it is: a tone would be taken for noise.
            defaults: { micAutoGainControl: false, micEchoCancellation: false, micNoiseSuppression: false },
        });
        sdk.on('connected', () => tell('again'));
        sdk.on('disconnected', () => tell('disconnected', { reconnecting: true }));
        sdk.on('sdkError', error => tell('error', { what: String(error?.message ?? error) }));
        sdk.on('pendingSession', pending => {
            conversations.set(pending.sessionId, pending.conversationId);
            tell('proposed', {
                session: pending.sessionId,
                conversation: pending.conversationId,
                automatic: !!pending.autoAnswer,
            });
        });
        sdk.on('cancelPendingSession', ids => tell('cancelled', { session: ids.sessionId }));
        sdk.on('handledPendingSession', ids => tell('handled', { session: ids.sessionId }));
        sdk.on('sessionStarted', start);
        sdk.on('sessionEnded', (session, reason) =>
            tell('terminated', { session: session.id, reason: reason?.condition })
        );
        try {
            await sdk.initialize();
            tell('connected');
            sdk.on('connected', () => tell('connected'));
        } catch (error) {
            tell('unconnected', { why: String(error?.message ?? error) });
        }
    },
    proceed: async ({ session }) => sdk.acceptPendingSession(of(session)),
    reject: async ({ session }) => sdk.rejectPendingSession(of(session)),
    end: async ({ session }) => sdk.endSession(of(session)),
    mute: async ({ session }) => sdk.setAudioMute({ ...of(session), mute: true }),
    unmute: async ({ session }) => sdk.setAudioMute({ ...of(session), mute: false }),
    hold: async ({ session }) => sdk.setConversationHeld({ ...of(session), held: true }),
    unhold: async ({ session }) => sdk.setConversationHeld({ ...of(session), held: false }),
    async request({ path, data }) {
        tell('replied', { path, data: await sdk.startSoftphoneSession(data) });
    },
};
