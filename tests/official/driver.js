'use strict';
// The platform's own client, or its SDK, in a page of headless Chromium: the vendor's bundle as npm delivers it.
//
// Its argument is JSON: {"page": "client" | "sdk", "authority": PEM file, "port", "microphone": WAV file}. Every name below
// `offhook.test` is the loopback port, where TLS is spoken with a certificate that this authority signed; no other name
// is found. It is told what to do by JSON, one object a line on standard input, and tells what happens in the same way on
// standard output; `client.js` and `sdk.js` have the words. It ends when its input does.

const { createHash, X509Certificate } = require('node:crypto');
const { readFileSync, writeSync } = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');

const PAGES = {
    client: ['genesys-cloud-streaming-client/dist/streaming-client.browser.js', 'client.js'],
    sdk: ['genesys-cloud-webrtc-sdk/dist/genesys-cloud-webrtc-sdk.bundle.min.js', 'sdk.js'],
};
const ORIGIN = 'https://app.offhook.test/';

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

// What `--ignore-certificate-errors-spki-list` asks for: chains with this key in them are as good as trusted, no others.
function pin(authority) {
    const key = new X509Certificate(readFileSync(authority)).publicKey;
    return createHash('sha256').update(key.export({ type: 'spki', format: 'der' })).digest('base64');
}

async function open({ page: kind, authority, port, microphone }) {
    const [bundle, commands] = PAGES[kind];
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
            '--disable-features=LocalNetworkAccessChecks,WebRtcHideLocalIpsWithMdns',
            '--allow-loopback-in-peer-connection',
            '--autoplay-policy=no-user-gesture-required',
            '--use-fake-device-for-media-stream',
            '--use-fake-ui-for-media-stream',
            `--use-file-for-fake-audio-capture=${microphone}`,
            `--host-resolver-rules=MAP *.offhook.test 127.0.0.1:${port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`,
            `--ignore-certificate-errors-spki-list=${pin(authority)}`,
        ],
    });
    const page = await browser.newPage();
    // What an application would log is no fault of it.
    page.on('pageerror', error => tell('error', { what: String(error?.stack ?? error) }));
    if (process.env.OFFICIAL_LOG) {
        page.on('console', message => process.stderr.write(message.text() + '\n'));
    }
    const scripts = [require.resolve(bundle), path.resolve(__dirname, 'sound.js'), path.resolve(__dirname, commands)];
    await page.route(`${ORIGIN}*`, route => {
        const script = scripts.find(script => route.request().url() === ORIGIN + path.basename(script));
        const document = { contentType: 'text/html; charset=utf-8', body: '<!doctype html><title>app</title><body></body>' };
        return route.fulfill(script ? { path: script } : document);
    });
    await page.goto(ORIGIN);
    await page.exposeFunction('tell', tell);
    for (const script of scripts) {
        await page.addScriptTag({ url: ORIGIN + path.basename(script) });
    }
    return command => page.evaluate(command => window.commands[command.do](command), command);
}

process.on('uncaughtException', fault);
process.on('unhandledRejection', fault);
const opened = open(JSON.parse(process.argv[2]));
opened.catch(fault);
readline
    .createInterface({ input: process.stdin })
    // Each starts when the one before has started: a command may last.
    .on('line', async line => {
        const does = await opened;
        const command = JSON.parse(line);
        does(command).catch(error => tell('refused', { command: command.do, what: String(error?.message ?? error) }));
    })
    .on('close', () => end(0));
