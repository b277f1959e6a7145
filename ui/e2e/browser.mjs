// A fresh headless Chromium for a test, with a profile of its own that is deleted afterwards.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--force-color-profile=srgb', '--hide-scrollbars'];

/** Runs `use(page, context)` and cleans up whatever happens. */
export async function withPage(use, { scheme = 'light', width = 1440, height = 900 } = {}) {
  const executablePath = PATHS.find((path) => existsSync(path));
  if (!executablePath) throw new Error(`no Chromium found; looked for ${PATHS.join(', ')}`);
  const profile = mkdtempSync(join(tmpdir(), 'rampart-e2e-'));
  const context = await chromium.launchPersistentContext(profile, { executablePath, args: ARGS, headless: true, ignoreHTTPSErrors: true, viewport: { width, height }, colorScheme: scheme, reducedMotion: 'reduce', acceptDownloads: true });
  try {
    return await use(context.pages()[0] ?? (await context.newPage()), context);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

/** Signs in; takes the forced change of a one-time password if the controller asks for it. */
export async function signIn(page, { base, user, password, newPassword }) {
  await page.goto(base, { waitUntil: 'domcontentloaded' });
  await page.getByLabel('User name').fill(user);
  await page.getByRole('textbox', { name: 'Password' }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  const changed = page.getByRole('textbox', { name: 'New password', exact: true });
  const home = page.getByRole('heading', { name: 'Dashboard' });
  await changed.or(home).first().waitFor();
  if (await changed.isVisible()) {
    if (!newPassword) throw new Error('the password must be changed first: pass --new-password');
    await changed.fill(newPassword);
    await page.getByRole('textbox', { name: 'New password again' }).fill(newPassword);
    await page.getByRole('button', { name: 'Change password' }).click();
    await home.waitFor();
  }
}
