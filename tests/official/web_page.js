'use strict';
// The simulated cloud's own web page in headless Chromium, used as a person would: its argument is the page's address, and where to put a
// picture of it, if anywhere. It tells what it saw as one JSON object, or ends with status 1.

const { chromium } = require('playwright-core');

const [address, picture] = process.argv.slice(2);
const LIMIT = 20_000;

async function use(page) {
    const faults = [];
    page.on('pageerror', error => faults.push(String(error)));
    await page.goto(address);
    await page.locator('#users button', { hasText: 'call' }).click();
    const call = page.locator('#calls tr').first();
    await call.locator('.connected').waitFor();
    await call.getByText('440 Hz').waitFor();
    await page.locator('#ladder').getByText('propose').first().waitFor();

    // The call outlives the stream, which comes back.
    const before = await page.locator('#ladder').getByText('<open').count();
    await page.selectOption('#how', 'reset');
    await page.click('#drop');
    await page.waitForFunction(
        before => [...document.querySelectorAll('#ladder li')].filter(line => line.textContent.includes('<open')).length > before,
        before,
    );
    await page.locator('#users .connected').waitFor();
    await call.locator('.connected').waitFor();

    // Switches of the cloud, and of the call's media.
    for (const [words, name] of [['TURN is dead', 'deadTurn'], ['stanzas come twice', 'delivery']]) {
        const stands = async ([name, wanted]) => {
            const fault = (await (await fetch('control/faults')).json())[name];
            return Boolean(Array.isArray(fault) ? fault.length : fault) === wanted;
        };
        await page.getByLabel(words).check();
        await page.waitForFunction(stands, [name, true]);
        await page.getByLabel(words).uncheck();
        await page.waitForFunction(stands, [name, false]);
    }
    await call.getByText('path: 10 % lost').click();
    await call.getByText(/, [1-9][0-9]* lost/).waitFor();
    await call.getByText('path: clear').click();
    if (picture) {
        await page.screenshot({ path: picture });
    }
    await call.getByText('hang up').click();
    await call.locator('.ended').waitFor();
    return { faults, lines: await page.locator('#ladder li').count() };
}

async function main() {
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
    try {
        const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
        page.setDefaultTimeout(LIMIT);
        process.stdout.write(JSON.stringify(await use(page)) + '\n');
    } finally {
        await browser.close();
    }
}

main().catch(error => {
    process.stderr.write(`${error?.stack ?? error}\n`);
    process.exit(1);
});
