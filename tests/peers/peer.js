'use strict';
// A WebRTC engine that others wrote, libwebrtc, libdatachannel or Chromium by the first argument: one call of one process.
//
// It is told what to do by JSON, one object a line on standard input, and tells what happens in the same way on standard
// output. It ends when its input does.
//
//   {"do": "offer", "hertz", "relay"}
//   {"do": "answer", "hertz", "relay", "sdp"}              relay: null, or all that it may use: {"host", "port", "username", "credential"}
//   {"do": "accept", "sdp"}
//   {"do": "candidate", "mid", "candidate"}
//   {"do": "change", "direction"?, "restart"?, "codec"?, "data"?}
//   {"do": "again", "sdp"}
//   {"do": "press", "digits"}
//   {"do": "direction" | "codec" | "dtls" | "path" | "close"}
//   {"do": "waited" | "recorded"}                          of a page that was told to "record" when it began
//
//   {"tell": "offer" | "answer", "sdp"}
//   {"tell": "accepted"}                                   the answer is taken
//   {"tell": "candidate", "candidate"}
//   {"tell": "state", "state"}
//   {"tell": "heard", "hertz": number | null, "dbov"}      of every 200 ms
//   {"tell": "dtls", "version"}
//   {"tell": "path", "local"}                              the type of its candidate
//   {"tell": "direction", "direction"}
//   {"tell": "codec", "heard"}                             of what comes from the other side
//   {"tell": "pressed", "able"}
//   {"tell": "key", "key"}                                 heard of the other side
//   {"tell": "waited", "seconds", "rate"}                  in its jitter buffer; the rate of what is recorded
//   {"tell": "recorded", "pcm"?}                           part by part, without a part at the end
//   {"tell": "fault", "what"}                              and the process ends

const readline = require('node:readline');
const { writeSync } = require('node:fs');

let browser;

function tell(what, more) {
    process.stdout.write(JSON.stringify({ tell: what, ...more }) + '\n');
}

async function end(status) {
    // A browser that does not close is killed with this process.
    setTimeout(() => process.exit(1), 5000);
    await browser?.close();
    process.exit(status);
}

function fault(error) {
    // Written at once: the process does not live until a pipe is drained.
    writeSync(1, JSON.stringify({ tell: 'fault', what: String(error?.stack ?? error) }) + '\n');
    end(1);
}

function libwebrtc() {
    const wrtc = require('@roamhq/wrtc');
    const engine = { ...wrtc, ...require('../stanza/sound'), ...require('./hearing') };
    const commands = require('./rtc').peer(engine, tell);
    return command => commands[command.do](command);
}

function libdatachannel() {
    const commands = require('./datachannel').peer(tell);
    return command => commands[command.do](command);
}

async function chromium() {
    const path = require('node:path');
    browser = await require('playwright-core').chromium.launch({
        executablePath: '/usr/bin/chromium',
        args: [
            '--no-sandbox',
            '--disable-gpu',
            '--disable-quic',
            '--no-first-run',
            '--disable-background-networking',
            '--disable-component-update',
            '--disable-sync',
            '--allow-loopback-in-peer-connection',
            '--autoplay-policy=no-user-gesture-required',
        ],
    });
    const page = await browser.newPage();
    page.on('pageerror', fault);
    await page.exposeFunction('tell', tell);
    for (const script of ['hearing.js', 'page.js', 'rtc.js']) {
        await page.addScriptTag({ path: path.join(__dirname, script) });
    }
    await page.evaluate('commands = peer(engine, tell), undefined');
    return command => page.evaluate(command => window.commands[command.do](command), command);
}

process.on('uncaughtException', fault);
process.on('unhandledRejection', fault);
let engine = Promise.resolve({ libwebrtc, libdatachannel, chromium }[process.argv[2]]());
readline
    .createInterface({ input: process.stdin })
    .on('line', line => {
        // One after the other, in their order.
        engine = engine.then(async does => {
            await does(JSON.parse(line));
            return does;
        });
    })
    .on('close', () => end(0));
