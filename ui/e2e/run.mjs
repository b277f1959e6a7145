#!/usr/bin/env node
// The console in a real browser, end to end.
//   npm run e2e                                    against the fixture controller, started here
//   npm run e2e -- --base URL --user U --password P [--new-password N]   against a running Rampart
// Every step that changes something takes it back. Leaves a screenshot of a failed step in --out.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createFixture } from '../test/fixture-server.mjs';
import { signIn, withPage } from './browser.mjs';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    user: { type: 'string', default: 'admin' },
    password: { type: 'string', default: 'one-time-password' },
    'new-password': { type: 'string', default: 'Fresh-password-1' },
    out: { type: 'string', default: join(tmpdir(), 'rampart-e2e-failures') },
  },
});

/** Paths and the headings they must show. */
const PAGES = { '/': 'Dashboard', '/network': 'Network map', '/events': 'Events', '/containers': 'Containers', '/nodes': 'Nodes', '/groups': 'Groups', '/rules': 'Network rules', '/detection': 'Detection rules', '/response': 'Response rules', '/vulnerabilities': 'Vulnerabilities', '/registries': 'Registries', '/settings/users': 'Settings', '/settings/profile': 'Settings', '/settings/system': 'Settings' };

const fixture = values.base ? null : createFixture({ password: values.password, mustChange: true });
if (fixture) await new Promise((done) => fixture.server.listen(0, '127.0.0.1', done));
const base = (values.base ?? `http://127.0.0.1:${fixture.server.address().port}`).replace(/\/$/, '');
const stamp = Date.now().toString(36);
const problems = [];
/** Chromium drops what is under way when an interface of the machine comes or goes, as they do when
 * containers start. The console must live with it; a step it spoils is done again. */
const CHANGED = /ERR_NETWORK_CHANGED/;
let changed = false;

const row = (page, text) => page.locator('tbody tr').filter({ hasText: text });
const open = async (page, path) => {
  const go = () => page.goto(base + path, { waitUntil: 'domcontentloaded' });
  await go().catch((error) => (CHANGED.test(error.message) ? go() : Promise.reject(error)));
  await page.getByRole('heading', { level: 1 }).first().waitFor();
};

const steps = [
  ['a wrong password is refused in words', async (page) => {
    await page.goto(base);
    await page.getByLabel('User name').fill(values.user);
    await page.getByRole('textbox', { name: 'Password' }).fill('certainly wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('The user name or the password is wrong.').waitFor();
  }],
  ['signing in, with the forced change of a one-time password', async (page) => {
    await signIn(page, { base, user: values.user, password: values.password, newPassword: values['new-password'] });
  }],
  ['the token is out of reach of scripts', async (page, context) => {
    assert.equal(await page.evaluate(() => document.cookie), '');
    const [cookie] = await context.cookies();
    assert.equal(cookie.httpOnly, true);
    assert.equal(cookie.sameSite, 'Strict');
  }],
  ...Object.entries(PAGES).map(([path, heading]) => [`${path} shows its content`, async (page) => {
    await open(page, path);
    await page.getByRole('heading', { level: 1, name: heading }).waitFor();
    await page.waitForFunction(() => !document.querySelector('main [role="status"][aria-label="Loading"]'));
    assert.equal(await page.getByText('This could not be loaded').count(), 0);
  }]),
  ['the stream of changes is open', async (page) => {
    await open(page, '/');
    await page.getByText('Live', { exact: true }).waitFor();
  }],
  ['the palette finds a page by keyboard', async (page) => {
    await open(page, '/');
    await page.keyboard.press('Control+k');
    await page.getByRole('textbox', { name: 'Search and commands' }).fill('network rules');
    await page.getByRole('button', { name: /Network rules/ }).first().waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Network rules' }).waitFor();
  }],
  ['the skip link is the first stop of the keyboard', async (page) => {
    await open(page, '/groups');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement?.className), 'skip');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'main');
  }],
  ['arrow keys walk a table and Enter opens the row', async (page) => {
    await open(page, '/groups');
    const rows = page.locator('tbody tr[data-index]');
    await rows.first().waitFor();
    await rows.first().focus();
    await page.keyboard.press('ArrowDown');
    await page.waitForFunction(() => document.activeElement?.getAttribute('data-index') === '1');
    await page.keyboard.press('Home');
    await page.waitForFunction(() => document.activeElement?.getAttribute('data-index') === '0');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/groups\/.+/);
  }],
  ['dark and light', async (page) => {
    await open(page, '/');
    for (const scheme of ['Dark', 'Light']) {
      await page.getByRole('button', { name: 'Colour scheme' }).click();
      await page.getByRole('menuitem', { name: scheme }).click();
      await page.waitForFunction((s) => document.documentElement.dataset.mantineColorScheme === s, scheme.toLowerCase());
    }
  }],
  ['a group is added', async (page) => {
    await open(page, '/groups');
    await page.getByRole('button', { name: 'Add group' }).click();
    const form = page.getByRole('dialog');
    await form.getByLabel('Name').fill(`e2e-${stamp}`);
    await form.getByRole('textbox', { name: 'Value' }).fill(`e2e/${stamp}`);
    await form.getByRole('button', { name: 'Add group' }).click();
    await page.getByRole('heading', { level: 1, name: `e2e-${stamp}` }).waitFor();
  }],
  ['a network rule is added, changed, turned off and deleted', async (page) => {
    await open(page, '/rules');
    await page.getByRole('button', { name: 'Add rule' }).click();
    const form = page.getByRole('dialog');
    await form.getByLabel('From').fill(`e2e-${stamp}`);
    await form.getByLabel('To').fill('external');
    await form.getByLabel('Ports').fill('http');
    await form.getByText('Write any, tcp/80').waitFor();
    await form.getByLabel('Ports').fill('tcp/8081');
    await form.getByText('Deny', { exact: true }).click();
    await form.getByRole('button', { name: 'Save' }).click();
    await row(page, `e2e-${stamp}`).getByText('Deny').waitFor();
    await row(page, `e2e-${stamp}`).getByRole('button', { name: /^Edit/ }).click();
    await form.getByLabel('Ports').fill('tcp/8082');
    await form.getByLabel('In force').uncheck();
    await form.getByRole('button', { name: 'Save' }).click();
    await row(page, 'tcp/8082').getByText('Off').waitFor();
    await row(page, 'tcp/8082').getByRole('button', { name: /^Delete/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await row(page, `e2e-${stamp}`).waitFor({ state: 'detached' });
  }],
  ['a group is changed', async (page) => {
    await open(page, `/groups/e2e-${stamp}`);
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    await page.getByRole('dialog').getByLabel('Comment').fill(`comment ${stamp}`);
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await page.getByText(`comment ${stamp}`).waitFor();
  }],
  ['a group is deleted', async (page) => {
    await open(page, `/groups/e2e-${stamp}`);
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('heading', { level: 1, name: 'Groups' }).waitFor();
    await page.locator('tbody tr').first().waitFor();
    assert.equal(await row(page, `e2e-${stamp}`).count(), 0);
  }],
  ['a learned group: process and file rules, and its mode', async (page) => {
    await open(page, '/groups?kind=learned');
    await page.waitForFunction(() => document.querySelector('tbody tr') || document.querySelector('.empty'));
    if ((await page.locator('tbody tr').count()) === 0) return 'no learned group here';
    await page.locator('tbody tr').first().press('Enter');
    await page.getByRole('tab', { name: 'Process rules' }).waitFor();
    await page.getByRole('button', { name: 'Add rule' }).click();
    const form = page.getByRole('dialog');
    await form.getByLabel('Process').fill(`e2e${stamp}`);
    await form.getByLabel('Path').fill(`/opt/e2e${stamp}`);
    await form.getByRole('button', { name: 'Save' }).click();
    await row(page, `/opt/e2e${stamp}`).getByRole('button', { name: /^Delete/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await row(page, `/opt/e2e${stamp}`).waitFor({ state: 'detached' });
    await page.getByRole('tab', { name: 'File rules' }).click();
    await page.getByRole('button', { name: 'Add rule' }).click();
    await form.getByLabel('Path').fill(`/etc/e2e${stamp}`);
    await form.getByText('Block access', { exact: true }).click();
    await form.getByRole('button', { name: 'Save' }).click();
    await row(page, `/etc/e2e${stamp}`).getByText('Block access').waitFor();
    await row(page, `/etc/e2e${stamp}`).getByRole('button', { name: /^Delete/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await row(page, `/etc/e2e${stamp}`).waitFor({ state: 'detached' });
    await switchMode(page);
    return undefined;
  }],
  ['a container: processes, profile, network, events, details', async (page) => {
    await open(page, '/containers');
    await page.waitForFunction(() => document.querySelector('tbody tr') || document.querySelector('.empty'));
    if ((await page.locator('tbody tr').count()) === 0) return 'no container here';
    await page.locator('tbody tr').first().press('Enter');
    for (const tab of ['Processes', 'Profile', 'Network', 'Events', 'Details']) {
      await page.getByRole('tab', { name: tab }).click();
      await page.waitForFunction(() => !document.querySelector('[role="tabpanel"] [role="status"][aria-label="Loading"]'));
      assert.equal(await page.getByText('This could not be loaded').count(), 0, tab);
    }
    return undefined;
  }],
  ['a container is cut off from the network, shown as such, and released', async (page) => {
    await open(page, '/containers');
    await page.waitForFunction(() => document.querySelector('tbody tr') || document.querySelector('.empty'));
    if ((await page.locator('tbody tr').count()) === 0) return 'no container here';
    await page.locator('tbody tr').first().press('Enter');
    await page.waitForURL(/\/containers\/.+/);
    if ((await actionNow(page)) === 'Release') await answer(page, 'Release');
    if (await page.getByRole('button', { name: 'Quarantine', exact: true }).isDisabled()) return 'it shares the network of the node';
    const path = new URL(page.url()).pathname;
    try {
      await page.getByRole('button', { name: 'Quarantine', exact: true }).click();
      await page.getByRole('dialog').getByText(/is cut off from the network at once/).waitFor();
      await page.getByRole('dialog').getByRole('textbox', { name: 'Reason' }).fill(`e2e ${stamp}`);
      await page.getByRole('dialog').getByRole('button', { name: 'Quarantine' }).click();
      await page.getByRole('alert').filter({ hasText: `Reason: e2e ${stamp}` }).waitFor();
      await page.locator('main').getByText('Quarantined', { exact: true }).waitFor();
      await open(page, `/containers?state=quarantined&q=e2e%20${stamp}`);
      await row(page, `e2e ${stamp}`).getByText('Quarantined', { exact: true }).waitFor();
    } finally {
      await open(page, path);
      if ((await actionNow(page)) === 'Release') await answer(page, 'Release');
    }
    await page.getByRole('button', { name: 'Quarantine', exact: true }).waitFor();
    await page.locator('main').getByText('Quarantined', { exact: true }).waitFor({ state: 'detached' });
    return undefined;
  }],
  ['no name is ever markup', async (page) => {
    for (const path of ['/containers', '/events', '/network?view=list', '/groups']) {
      await open(page, path);
      await page.waitForFunction(() => document.querySelector('tbody tr') || document.querySelector('.empty'));
      assert.equal(await page.locator('main img, main script, main iframe').count(), 0, path);
      const raw = await page.evaluate(() => /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(document.body.innerText));
      assert.equal(raw, false, `${path} shows a raw control character`);
    }
  }],
  ['the network map is drawn, and its list opens a conversation', async (page) => {
    await open(page, '/network');
    await page.waitForFunction(() => document.querySelector('.map-canvas canvas') || document.querySelector('.empty'));
    if ((await page.locator('.map-canvas').count()) === 0) return 'no conversation here';
    await page.getByText('List', { exact: true }).click();
    await page.locator('tbody tr').first().press('Enter');
    await page.getByRole('complementary', { name: 'Detail' }).getByText('Sessions', { exact: true }).waitFor();
    return undefined;
  }],
  ['events are filtered, opened and exported', async (page) => {
    await open(page, '/events?tab=activity');
    await page.locator('tbody tr').first().waitFor();
    const answered = page.waitForResponse((response) => response.url().includes('text=login'));
    await page.getByRole('searchbox').fill('login');
    await answered;
    await page.waitForFunction(() => [...document.querySelectorAll('tbody tr[data-index]')].every((row) => /login/i.test(row.textContent ?? '')));
    await row(page, 'User.Log').first().press('Enter');
    await page.getByRole('dialog').getByText('Record', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Export' }).click();
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: 'JSON' }).click()]);
    const list = JSON.parse(readFileSync(await file.path(), 'utf8'));
    assert.ok(list.length > 0 && list.every((e) => JSON.stringify(e).toLowerCase().includes('login')));
  }],
  ['a detection rule shows its condition, and its incident leads back', async (page) => {
    if (values.base) return; // Another Rampart may have loaded no rules.
    await open(page, '/detection');
    await page.getByRole('searchbox').fill('reverse');
    await row(page, 'Reverse shell').first().press('Enter');
    const rule = page.getByRole('dialog', { name: 'Reverse shell' });
    await rule.getByText('evt.type=connect and shell_program', { exact: false }).waitFor();
    await rule.getByRole('button', { name: /sh -i/ }).first().click();
    await page.getByRole('list', { name: 'Started by' }).getByText('containerd-shim').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('list', { name: 'Started by' }).waitFor({ state: 'detached' });
  }],
  ['the SBOM of an image is a file with a name', async (page) => {
    if (values.base) return; // Another Rampart may hold no scanned image.
    await open(page, '/registries/shop?q=payments');
    await page.locator('tbody tr').first().click();
    for (const [format, suffix, mark] of [['CycloneDX 1.6', '.cdx.json', '"CycloneDX"'], ['SPDX 2.3', '.spdx.json', '"SPDX-2.3"']]) {
      await page.getByRole('button', { name: /^Download the SBOM/ }).click();
      const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: format }).click()]);
      assert.ok(saved.suggestedFilename().endsWith(suffix), saved.suggestedFilename());
      assert.ok(readFileSync(await saved.path(), 'utf8').includes(mark), format);
    }
  }],
  ['a registry is added and deleted', async (page) => {
    await open(page, '/registries');
    await page.getByRole('button', { name: 'Add registry' }).first().click();
    const form = page.getByRole('dialog');
    await form.getByLabel('Name', { exact: false }).first().fill(`e2e-${stamp}`);
    await form.getByLabel('Address').fill('https://registry.invalid/');
    await form.getByRole('combobox', { name: 'When' }).or(form.getByRole('textbox', { name: 'When' })).first().click();
    await page.getByRole('option', { name: 'When asked' }).click();
    await form.getByRole('button', { name: 'Add registry' }).click();
    await row(page, `e2e-${stamp}`).waitFor();
    await row(page, `e2e-${stamp}`).click();
    await page.getByRole('heading', { level: 1 }).getByText(`e2e-${stamp}`).waitFor();
    await page.getByText('It has not been listed yet: scan it now.').waitFor();
    await open(page, '/registries');
    await page.getByRole('button', { name: `Delete e2e-${stamp}` }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await row(page, `e2e-${stamp}`).waitFor({ state: 'detached' });
  }],
  ['a user is added, made administrator and deleted', async (page) => {
    const name = `e2e${stamp}`;
    await open(page, '/settings/users');
    await page.getByRole('button', { name: 'Add user' }).click();
    const form = page.getByRole('dialog');
    await form.getByLabel('User name').fill(name);
    await form.getByRole('textbox', { name: 'Password' }).fill(`Pass-word-${stamp}-1`);
    await form.getByRole('button', { name: 'Save' }).click();
    await row(page, name).getByText('Reader').waitFor();
    await row(page, name).getByRole('button', { name: /^Edit/ }).click();
    await form.getByRole('combobox', { name: 'Role' }).click();
    await page.getByRole('option', { name: /^Administrator/ }).click();
    await form.getByRole('button', { name: 'Save' }).click();
    await row(page, name).getByText('Administrator').waitFor();
    await row(page, name).getByRole('button', { name: /^Delete/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await row(page, name).waitFor({ state: 'detached' });
  }],
  ...(fixture ? fixtureSteps() : []),
  ['signing out ends the session', async (page) => {
    await open(page, '/');
    await page.getByRole('button', { name: values.user, exact: true }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByLabel('User name').waitFor();
    await page.goto(`${base}/groups`);
    await page.getByLabel('User name').waitFor();
  }],
];

/** Which of both a container's page offers. */
async function actionNow(page) {
  const button = page.getByRole('button', { name: /^(Quarantine|Release)$/ });
  await button.waitFor();
  return (await button.innerText()).trim();
}

async function answer(page, action) {
  await page.getByRole('button', { name: action, exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: action }).click();
  await page.getByRole('button', { name: action === 'Release' ? 'Quarantine' : 'Release', exact: true }).waitFor();
}

/** To the neighbouring mode and back, whatever it was. */
async function switchMode(page) {
  const modes = page.getByRole('radiogroup', { name: 'Process and file' });
  const was = await modes.locator('input:checked').getAttribute('value');
  for (const mode of [was === 'Monitor' ? 'Discover' : 'Monitor', was]) {
    await modes.getByText(mode, { exact: true }).click();
    const ask = page.getByRole('dialog').getByRole('button', { name: `Switch to ${mode}` });
    const done = page.waitForFunction((m) => document.querySelector('[role="radiogroup"][aria-label="Process and file"] input:checked')?.value === m, mode);
    if (mode === 'Protect' || was === 'Protect') await ask.click();
    await done;
  }
}

/** What only a controller we can push around can show. */
function fixtureSteps() {
  return [
    ['a new event appears by itself', async (page) => {
      await open(page, '/events?tab=incident');
      await page.locator('tbody tr').first().waitFor();
      await page.getByText('Live', { exact: true }).waitFor();
      const id = `live-${stamp}`;
      const at = Math.floor(Date.now() / 1000) + 2;
      fixture.state.logs.incident.unshift({ ...fixture.state.logs.incident[0], id, proc_cmd: id, reported_timestamp: at });
      fixture.change('log');
      await row(page, id).waitFor({ timeout: 8000 });
    }],
    ['what cannot be loaded says so and can be tried again', async (page) => {
      await page.route('**/api/v1/host', (route) => route.fulfill({ status: 502, contentType: 'application/json', body: JSON.stringify({ code: 11, error: 'Controller unreachable', message: 'the controller cannot be reached' }) }));
      await open(page, '/nodes');
      await page.getByText('the controller cannot be reached').waitFor();
      await page.unroute('**/api/v1/host');
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.getByRole('link', { name: /edge-1/ }).waitFor();
      problems.splice(0);
    }],
    ['a refused connection is on the map, in the list and in the detail', async (page) => {
      await open(page, '/network?verdict=deny');
      await page.getByRole('img', { name: /^Map of 4 ends and 3 conversations/ }).waitFor();
      await page.getByText('List', { exact: true }).click();
      await row(page, 'ci-runner').getByText('Denied', { exact: true }).waitFor();
      assert.equal(await page.locator('tbody tr').count(), 3);
      await row(page, 'ci-runner').press('Enter');
      const detail = page.getByRole('complementary', { name: 'Detail' });
      await detail.getByText('rule 1003').first().waitFor();
      assert.ok((await detail.getByText('Denied', { exact: true }).count()) >= 2);
    }],
    ['losses are marked', async (page) => {
      await open(page, '/nodes');
      await page.getByRole('link', { name: /legacy-1/ }).click();
      await page.locator('[data-warning]').getByText('12,318').waitFor();
    }],
  ];
}

mkdirSync(values.out, { recursive: true });
let failed = 0;
await withPage(async (page, context) => {
  page.setDefaultTimeout(15_000);
  page.on('pageerror', (error) => problems.push(`error in the page: ${error.message}`));
  // The first question "who am I" is answered with 401 before there is a session.
  page.on('console', (message) => {
    changed ||= CHANGED.test(message.text());
    if (message.type() === 'error' && !/status of 401/.test(message.text()) && !CHANGED.test(message.text())) problems.push(`console: ${message.text()}`);
  });
  for (const [name, step] of steps) {
    problems.splice(0);
    changed = false;
    const started = Date.now();
    try {
      const note = await step(page, context).catch((error) => (changed ? step(page, context) : Promise.reject(error)));
      assert.deepEqual(problems, []);
      process.stdout.write(`ok    ${name} (${Date.now() - started} ms)${note ? `: ${note}` : ''}\n`);
    } catch (error) {
      failed++;
      const shot = join(values.out, `${name.replaceAll(/\W+/g, '-')}.png`);
      await page.screenshot({ path: shot }).catch(() => {});
      process.stdout.write(`FAIL  ${name}\n      ${String(error.message).replaceAll('\n', '\n      ')}\n      screenshot: ${shot}\n`);
      // Without a session every further step fails for the same reason.
      if (name.startsWith('signing in')) break;
    }
  }
});
if (fixture) {
  fixture.server.closeAllConnections();
  fixture.server.close();
}
process.stdout.write(failed ? `${failed} of ${steps.length} steps failed\n` : `all ${steps.length} steps passed\n`);
process.exit(failed ? 1 : 0);
