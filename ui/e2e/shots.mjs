// Screenshots of every page, light and dark: node e2e/shots.mjs --base URL --user U --password P --out DIR
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { signIn, withPage } from './browser.mjs';

const { values } = parseArgs({ options: { base: { type: 'string', default: 'http://127.0.0.1:8444' }, user: { type: 'string', default: 'admin' }, password: { type: 'string', default: 'admin' }, out: { type: 'string', default: '/tmp/rampart-shots' }, only: { type: 'string', default: '' }, width: { type: 'string', default: '1440' }, height: { type: 'string', default: '900' }, scheme: { type: 'string', default: 'light,dark' } } });
mkdirSync(values.out, { recursive: true });

const PAGES = {
  dashboard: '/',
  containers: '/containers',
  container: async (page) => {
    await page.goto(`${values.base}/containers?q=worker-1`);
    await page.locator('tbody tr').first().click();
    await page.getByRole('tree').waitFor();
  },
  'container-network': async (page) => {
    await page.goto(`${values.base}/containers?q=web-1`);
    await page.locator('tbody tr').first().click();
    await page.getByRole('tab', { name: 'Network' }).click();
  },
  'container-details': async (page) => {
    await page.goto(`${values.base}/containers?q=img`);
    await page.locator('tbody tr').first().click();
    await page.getByRole('tab', { name: 'Details' }).click();
  },
  'quarantine-form': async (page) => {
    await page.goto(`${values.base}/containers?q=worker-2`);
    await page.locator('tbody tr').first().click();
    await page.getByRole('button', { name: 'Quarantine' }).click();
  },
  'container-quarantined': async (page) => {
    await quarantine(page, true);
    await page.goto(`${values.base}/containers?q=worker-2`);
    await page.locator('tbody tr').first().click();
  },
  'containers-quarantined': '/containers',
  'network-quarantined': async (page) => {
    await page.goto(`${values.base}/network?each=1`);
    await page.locator('.map-canvas canvas').first().waitFor();
    await page.waitForTimeout(1200);
    await quarantine(page, false);
  },
  groups: '/groups',
  group: '/groups/nv.web.shop',
  'group-file': '/groups/nv.payments.shop?tab=file',
  'group-network': '/groups/nv.web.shop?tab=network',
  'group-members': '/groups/pci-scope',
  network: '/network',
  'network-each': '/network?each=1&by=group',
  'network-detail': async (page) => {
    await page.goto(`${values.base}/network?view=list`);
    await page.locator('tbody tr').first().click();
    await page.getByText('Map', { exact: true }).click();
  },
  'network-list': '/network?view=list',
  events: '/events',
  'event-detail': async (page) => {
    await page.goto(`${values.base}/events?tab=incident`);
    await page.locator('tbody tr').nth(2).click();
    await page.getByRole('dialog').waitFor();
  },
  activity: '/events?tab=activity',
  'container-vulnerabilities': async (page) => {
    await page.goto(`${values.base}/containers?q=worker-1`);
    await page.locator('tbody tr').first().click();
    await page.getByRole('tab', { name: 'Vulnerabilities' }).click();
  },
  vulnerabilities: '/vulnerabilities',
  'vulnerability-detail': '/vulnerabilities?open=CVE-2025-4802',
  'vulnerabilities-workload': '/vulnerabilities?by=workload',
  'vulnerabilities-accepted': '/vulnerabilities?by=accepted',
  registries: '/registries',
  'registry-form': async (page) => {
    await page.goto(`${values.base}/registries`);
    await page.getByRole('button', { name: 'Edit shop' }).click();
    await page.getByRole('button', { name: 'Test connection' }).click();
    await page.getByText('6 images match').waitFor();
  },
  registry: '/registries/shop',
  image: async (page) => {
    await page.goto(`${values.base}/registries/shop?q=payments`);
    await page.locator('tbody tr').first().click();
    await page.getByRole('tab', { name: /Layers/ }).waitFor();
  },
  'image-sbom': async (page) => {
    await imageTab(page, 'Vulnerabilities');
    await page.getByRole('button', { name: /^Download the SBOM/ }).click();
    await page.getByRole('menuitem', { name: 'SPDX 2.3' }).waitFor();
  },
  'image-packages': async (page) => imageTab(page, 'Packages'),
  'image-layers': async (page) => {
    await imageTab(page, 'Layers');
    await page.getByRole('button', { name: /debian.sh/ }).click();
  },
  'image-secrets': async (page) => imageTab(page, 'Secrets'),
  'image-config': async (page) => imageTab(page, 'Configuration'),
  accept: async (page) => {
    await page.goto(`${values.base}/vulnerabilities?open=CVE-2025-8194`);
    await page.getByRole('button', { name: 'Accept' }).click();
  },
  nodes: '/nodes',
  'node-legacy': async (page) => {
    await page.goto(`${values.base}/nodes`);
    await page.getByRole('link', { name: /legacy-1/ }).click();
  },
  detection: '/detection',
  'detection-rule': '/detection?open=Reverse%20shell',
  rules: '/rules',
  'rule-form': async (page) => {
    await page.goto(`${values.base}/rules`);
    await page.getByRole('button', { name: 'Add rule' }).click();
  },
  users: '/settings/users',
  profile: '/settings/profile',
  system: '/settings/system',
  palette: async (page) => {
    await page.goto(`${values.base}/`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForTimeout(400);
    await page.keyboard.press('Control+k');
    await page.getByRole('textbox', { name: 'Search and commands' }).waitFor();
    await page.keyboard.type('web');
  },
};

const imageTab = async (page, tab) => {
  await page.goto(`${values.base}/registries/shop?q=payments`);
  await page.locator('tbody tr').first().click();
  await page.getByRole('tab', { name: new RegExp(tab) }).click();
};

/** Cuts off worker-2, or lets it back, past the console. */
const quarantine = (page, on) =>
  page.evaluate(async (quarantine) => {
    const { workloads } = await (await fetch('/api/v1/workload')).json();
    const { id } = workloads.find((w) => w.display_name === 'worker-2');
    await fetch(`/api/v1/workload/${id}`, { method: 'PATCH', body: JSON.stringify({ config: { quarantine, quarantine_reason: 'beacon to 203.0.113.66' } }) });
  }, on);

for (const scheme of values.scheme.split(',')) {
  await withPage(async (page) => {
    page.on('pageerror', (error) => process.stdout.write(`PAGE ERROR ${error.message}\n`));
    page.on('console', (message) => message.type() === 'error' && process.stdout.write(`CONSOLE ${message.text()}\n`));
    await page.goto(values.base);
    await page.getByLabel('User name').waitFor();
    if (!values.only || values.only.includes('login')) await page.screenshot({ path: join(values.out, `login-${scheme}.png`) });
    await signIn(page, values);
    for (const [name, go] of Object.entries(PAGES)) {
      if (values.only && !values.only.split(',').includes(name)) continue;
      if (typeof go === 'string') await page.goto(values.base + go);
      else await go(page);
      await page.waitForTimeout(name.startsWith('network') ? 1600 : 700);
      await page.screenshot({ path: join(values.out, `${name}-${scheme}.png`) });
    }
  }, { scheme, width: Number(values.width), height: Number(values.height) });
}
