'use strict';
// The cloud as it is, asked of its control API again and again, and the switches of that API.

const EVERY = 700;
const LINES = 1000;
// Each is a field of /control/faults, and what it is when it is switched on.
const FAULTS = [
    ['REST says 503', 'rest', [{ status: 503 }]],
    ['REST says 429, wait 5 s', 'rest', [{ status: 429, retryAfterSeconds: 5 }]],
    ['WebSockets are refused', 'upgrade', {}],
    ['outage: 503', 'outage', {}],
    ['outage: connections are reset', 'outage', { reset: true }],
    ['login over the stream is refused', 'stream', { kind: 'refuseSasl', condition: 'not-authorized' }],
    ['new streams are silent', 'stream', { kind: 'silent' }],
    ['new streams talk nonsense', 'stream', { kind: 'nonsense' }],
    ['requests over streams wait', 'throttle', {}],
    ['TURN is dead', 'deadTurn', true],
    ['stanzas come 2 s late', 'delivery', [{ how: { kind: 'delay', seconds: 2 } }]],
    ['stanzas come twice', 'delivery', [{ how: { kind: 'duplicate' } }]],
    ['stanzas overtake each other', 'delivery', [{ how: { kind: 'reorder' } }]],
];

const at = id => document.getElementById(id);
let next = 0;

async function ask(method, path, body) {
    const options = { method };
    if (body !== undefined) {
        options.headers = { 'content-type': 'application/json' };
        options.body = JSON.stringify(body);
    }
    const response = await fetch(`control/${path}`, options);
    const text = await response.text();
    if (!response.ok) {
        throw new Error(`${path}: ${text ? JSON.parse(text).message : response.status}`);
    }
    return response.headers.get('content-type')?.startsWith('application/json') ? JSON.parse(text) : text;
}

// Does what was asked for, and shows at once what has come of it.
async function act(method, path, body) {
    try {
        await ask(method, path, body);
        at('trouble').textContent = '';
    } catch (error) {
        at('trouble').textContent = error.message;
    }
    await look();
}

function element(name, content, how = {}) {
    const made = Object.assign(document.createElement(name), how);
    made.append(...[content].flat());
    return made;
}

const button = (words, does) => element('button', words, { type: 'button', onclick: does });

function rows(table, made, none) {
    const columns = table.parentElement.querySelectorAll('th').length;
    table.replaceChildren(...(made.length ? made : [element('tr', element('td', none, { colSpan: columns, className: 'none' }))]));
}

function user({ id, name, connected }) {
    const call = button('call', () =>
        act('POST', 'calls', { user: id, dialect: at('dialect').value, play: at('play').value, autoAnswer: at('auto').checked }),
    );
    const clients = connected.length ? connected.map(jid => element('div', element('code', jid.split('/')[1] ?? jid))) : 'none';
    return element('tr', [
        element('td', name),
        element('td', element('code', id)),
        element('td', clients, { className: connected.length ? 'connected' : 'none' }),
        element('td', connected.length ? [call] : [], { className: 'actions' }),
    ]);
}

const ACTIONS = {
    ringing: [['retract', 'retract'], ['elsewhere', 'handled-elsewhere']],
    connected: [
        ['hang up', 'hangup'],
        ['mute', 'mute'],
        ['unmute', 'unmute'],
        ['hold', 'hold'],
        ['unhold', 'unhold'],
        ['new media', 'reinvite'],
        ['path: 300 ms', 'path', { delaySeconds: 0.3 }],
        ['path: 10 % lost', 'path', { loss: 0.1 }],
        ['path: jitter', 'path', { jitterSeconds: 0.06, reorder: 0.1 }],
        ['path: cut', 'path', { cut: true }],
        ['path: clear', 'path', {}],
        ['press 5', 'digits', { digits: '5' }],
    ],
};

function call({ session, user, state, ended, heard, packetsSent, packetsReceived, packetsLost }) {
    const actions = ACTIONS[state] ?? (state === 'ended' ? [] : [['hang up', 'hangup']]);
    const tone = heard.toneHertz ? `${heard.toneHertz.toFixed(0)} Hz` : '';
    const level = heard.seconds ? `${heard.levelDbov.toFixed(0)} dB` : '';
    return element('tr', [
        element('td', element('code', session.slice(0, 8), { title: session })),
        element('td', user),
        element('td', ended ? `${state}: ${ended.reason ?? ended.how ?? ''}` : state, { className: state }),
        element('td', `${level} ${tone}`),
        element('td', `${packetsSent} / ${packetsReceived}${packetsLost ? `, ${packetsLost} lost` : ''}`),
        element('td', actions.map(([words, action, body]) => button(words, () => act('POST', `calls/${session}/${action}`, body ?? {}))), {
            className: 'actions',
        }),
    ]);
}

// What the other says, one says, too; it may say more.
const same = (one, other) =>
    Object.entries(other).every(([name, value]) => (value instanceof Object ? same(one?.[name], value) : one?.[name] === value));

// A switch is on when the fault that stands says what the switch would say.
function stands(faults, field, on) {
    const standing = faults[field];
    if (on === true) {
        return standing === true;
    }
    return Array.isArray(on) ? Boolean(standing?.length) && same(standing[0], on[0]) : Boolean(standing) && same(standing, on);
}

function fault(faults, [words, field, on]) {
    const box = element('input', [], { type: 'checkbox', checked: stands(faults, field, on) });
    box.onchange = () => act('POST', 'faults', { [field]: box.checked ? on : null });
    return element('label', [box, ` ${words}`]);
}

function tell(records, lines) {
    const ladder = at('ladder');
    records.forEach(({ number, direction }, index) => {
        ladder.append(element('li', lines[index] ?? '', { className: direction }));
        next = number + 1;
    });
    while (ladder.childElementCount > LINES) {
        ladder.firstChild.remove();
    }
    if (records.length && at('follow').checked) {
        ladder.scrollTop = ladder.scrollHeight;
    }
}

let looking = null;

// One look at a time; who asks meanwhile waits for the one after it.
function look() {
    looking = (looking ?? Promise.resolve()).then(see).catch(() => {
        at('live').textContent = 'the cloud is gone';
    });
    return looking;
}

async function see() {
    // The ladder is asked for after the records, so that it has a line for each.
    const [users, calls, live, faults, records] = await Promise.all(
        ['users', 'calls', 'live', 'faults', `records?since=${next}`].map(path => ask('GET', path)),
    );
    const lines = records.length ? (await ask('GET', `ladder?since=${records[0].number}`)).split('\n') : [];
    at('live').textContent = Object.entries(live).map(([what, count]) => `${count} ${what.replace(/[A-Z]/g, it => ` ${it.toLowerCase()}`)}`).join(', ');
    rows(at('users'), users.map(user), 'no users');
    rows(at('calls'), calls.reverse().map(call), 'no calls yet: connect a client, and call it');
    at('faults').replaceChildren(...FAULTS.map(one => fault(faults, one)));
    tell(records, lines);
}

at('options').onsubmit = event => event.preventDefault();
at('drop').onclick = () => act('POST', 'streams/drop', { how: at('how').value });
at('tell').onclick = () => act('POST', 'events', { system: at('system').value });
at('transfer').onclick = () => act('POST', 'transfers', {});
look();
setInterval(() => {
    // Nothing is rebuilt under a pointer that is pressed.
    if (!document.querySelector('button:active, label:active')) {
        look();
    }
}, EVERY);
