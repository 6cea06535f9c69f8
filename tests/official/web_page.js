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

    await page.getByLabel('TURN is dead').check();
    await page.waitForFunction(async () => (await (await fetch('control/faults')).json()).deadTurn);
    await page.getByLabel('TURN is dead').uncheck();
    await page.waitForFunction(async () => !(await (await fetch('control/faults')).json()).deadTurn);
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
