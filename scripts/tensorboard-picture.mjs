// Draws a page of a running TensorBoard as PNG.
//
//   tensorboard --logdir runs --port 6006
//   node scripts/tensorboard-picture.mjs 'http://127.0.0.1:6006/?darkMode=true#scalars' PICTURE.png [HEIGHT]
import { chromium } from 'playwright-core';

const [address, picture, height = '900'] = process.argv.slice(2);
if (!address || !picture) {
  console.error('usage: node scripts/tensorboard-picture.mjs ADDRESS PICTURE.png [HEIGHT]');
  process.exit(2);
}
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
try {
  const page = await browser.newPage({ viewport: { width: 1400, height: Number(height) } });
  page.setDefaultTimeout(180_000);
  await page.goto(address);
  // It goes on asking for news, and cards are drawn when their data has come.
  await page.waitForTimeout(10_000);
  await page.screenshot({ path: picture });
} finally {
  await browser.close();
}
