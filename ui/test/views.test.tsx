// Pages drawn in jsdom against the fixture controller, over real HTTP.
import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClientProvider } from '@tanstack/react-query';
import { render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import type { AddressInfo } from 'node:net';
import { MemoryRouter } from 'react-router';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeClient, Pages } from '../src/app';
import { ConfirmProvider } from '../src/components/Confirm';
import '../src/i18n';
import { SessionProvider } from '../src/services/session';
import { resolver, theme } from '../src/theme';
import { createFixture } from './fixture-server.mjs';

const realFetch = globalThis.fetch;
let fixture: ReturnType<typeof createFixture>;
let cookie = '';
let base = '';

/** The browser's part: relative addresses and the cookie scripts cannot see. */
async function browserFetch(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const headers = { ...(init.headers as Record<string, string>), cookie };
  const { credentials: _credentials, signal: _signal, ...rest } = init;
  const response = await realFetch(base + String(input), { ...rest, headers });
  const set = response.headers.get('set-cookie');
  if (set) cookie = set.split(';')[0] ?? '';
  return response;
}

async function start(options: Record<string, unknown> = {}) {
  fixture = createFixture({ password: 'Admin-pass1', ...options });
  await new Promise<void>((done) => fixture.server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${(fixture.server.address() as AddressInfo).port}`;
}

async function session(username = 'admin', password = 'Admin-pass1') {
  await browserFetch('/api/v1/auth', { method: 'POST', body: JSON.stringify({ password: { username, password } }) });
}

function show(path: string) {
  const client = makeClient();
  client.setDefaultOptions({ queries: { ...client.getDefaultOptions().queries, retry: false } });
  return render(
    <MantineProvider theme={theme} cssVariablesResolver={resolver} env="test">
      <Notifications />
      <QueryClientProvider client={client}>
        <SessionProvider>
          <ConfirmProvider>
            <MemoryRouter initialEntries={[path]}>
              <Pages />
            </MemoryRouter>
          </ConfirmProvider>
        </SessionProvider>
      </QueryClientProvider>
    </MantineProvider>,
  );
}

beforeEach(() => {
  cookie = '';
  vi.stubGlobal('fetch', browserFetch);
  vi.stubGlobal('EventSource', class extends EventTarget {
    close() {}
  });
});

afterEach(() => {
  fixture.server.closeAllConnections();
  fixture.server.close();
});

const WAIT = { timeout: 10_000 };
const bodyRows = () => screen.getAllByRole('row').filter((row) => row.hasAttribute('data-index'));

describe('signing in', () => {
  it('insists on a new password the first time', async () => {
    await start({ mustChange: true, password: 'one-time' });
    const user = userEvent.setup();
    show('/');
    await user.type(await screen.findByLabelText('User name', {}, WAIT), 'admin');
    await user.type(screen.getByLabelText('Password'), 'one-time');
    await user.click(screen.getByRole('button', { name: 'Sign in' }));
    await user.type(await screen.findByLabelText('New password', {}, WAIT), 'Fresh-pass-1');
    await user.type(screen.getByLabelText('New password again'), 'Other-pass-1');
    await user.click(screen.getByRole('button', { name: 'Change password' }));
    expect(screen.getByRole('alert')).toHaveTextContent('differ');
    await user.clear(screen.getByLabelText('New password again'));
    await user.type(screen.getByLabelText('New password again'), 'Fresh-pass-1');
    await user.click(screen.getByRole('button', { name: 'Change password' }));
    expect(await screen.findByRole('heading', { name: 'Dashboard' }, WAIT)).toBeVisible();
  });
});

describe('containers', () => {
  it('shows hostile names as text', async () => {
    await start();
    await session();
    const { container } = show('/containers?q=img');
    await screen.findByRole('table', { name: 'Containers' }, WAIT);
    const [row] = bodyRows();
    expect(row).toHaveTextContent('<img src=x onerror=alert(1)>\\e[31mred\\u{202e}gpj');
    expect(container.querySelector('img, script')).toBeNull();
  });

  it('draws a part of 1,200 containers and finds one of them', async () => {
    await start({ scale: 100 });
    await session();
    const user = userEvent.setup();
    show('/containers');
    await screen.findByRole('table', { name: 'Containers' }, WAIT);
    expect(fixture.state.workloads.length).toBeGreaterThan(1200);
    expect(bodyRows().length).toBeLessThan(100);
    await user.type(screen.getByRole('searchbox'), 'db-1-77');
    await waitFor(() => expect(bodyRows()).toHaveLength(1), WAIT);
  });

  it('says what to do when there is none', async () => {
    await start();
    fixture.state.workloads.length = 0;
    await session();
    show('/containers');
    expect(await screen.findByText('No containers yet', {}, WAIT)).toBeVisible();
  });
});

describe('quarantine', () => {
  const path = () => {
    const web = fixture.state.workloads.find((w) => w.name === 'web-1');
    if (!web) throw new Error('the fixture has no web-1');
    return { web, path: `/containers/${web.id}` };
  };

  it('asks, cuts off with a reason, and releases', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    const { web, path: at } = path();
    show(at);
    await user.click(await screen.findByRole('button', { name: 'Quarantine' }, WAIT));
    await user.click(await screen.findByRole('button', { name: 'Cancel' }, WAIT));
    expect(web.state).toBe('protect');
    await user.click(screen.getByRole('button', { name: 'Quarantine' }));
    const ask = await screen.findByRole('dialog', {}, WAIT);
    expect(ask).toHaveTextContent('web-1 is cut off from the network at once: the kernel drops everything');
    await user.type(within(ask).getByLabelText('Reason'), 'beacon to 203.0.113.66');
    await user.click(within(ask).getByRole('button', { name: 'Quarantine' }));
    await waitFor(() => expect(web).toMatchObject({ state: 'quarantined', quarantine_reason: 'beacon to 203.0.113.66' }), WAIT);
    expect(await screen.findByText('Quarantined', {}, WAIT)).toBeVisible();
    expect(screen.getByText('Cut off from the network').closest('[role="alert"]')).toHaveTextContent('Reason: beacon to 203.0.113.66');
    await user.click(await screen.findByRole('button', { name: 'Release' }, WAIT));
    await user.click(within(await screen.findByRole('dialog', {}, WAIT)).getByRole('button', { name: 'Release' }));
    await waitFor(() => expect(web).toMatchObject({ state: 'protect', quarantine_reason: '' }), WAIT);
    await waitFor(() => expect(screen.queryByText('Quarantined')).toBeNull(), WAIT);
  });

  it('says when the node cannot hold it', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    const weak = fixture.state.workloads.find((w) => w.host_name === 'legacy-1' && w.running);
    if (!weak) throw new Error('the fixture has no container on legacy-1');
    Object.assign(weak, { state: 'quarantined', quarantine_reason: 'user-configured' });
    show(`/containers/${weak.id}`);
    const note = (await screen.findByText('Quarantined, and not enforced by its node', {}, WAIT)).closest('[role="alert"]');
    expect(note).toHaveTextContent('cannot drop packets');
    expect(note).toHaveTextContent('A user cut it off and gave no reason.');
    Object.assign(weak, { state: 'discover', quarantine_reason: '' });
    await user.click(screen.getByRole('button', { name: 'Release' }));
    await user.click(within(await screen.findByRole('dialog', {}, WAIT)).getByRole('button', { name: 'Release' }));
    await user.click(await screen.findByRole('button', { name: 'Quarantine' }, WAIT));
    expect(await screen.findByRole('dialog', {}, WAIT)).toHaveTextContent('cannot drop packets');
  });

  it('is in the list with its reason, and can be filtered', async () => {
    await start();
    await session();
    Object.assign(path().web, { state: 'quarantined', quarantine_reason: 'cold\u202Efeet' });
    show('/containers?state=quarantined');
    await screen.findByRole('table', { name: 'Containers' }, WAIT);
    expect(bodyRows()).toHaveLength(1);
    expect(bodyRows()[0]).toHaveTextContent('Quarantined Cut off from the network: cold\\u{202e}feet');
  });

  it('is not offered where it cannot be, nor to readers', async () => {
    await start();
    await session();
    const { web, path: at } = path();
    web.cap_quarantine = false;
    const { unmount } = show(at);
    expect(await screen.findByRole('button', { name: 'Quarantine' }, WAIT)).toBeDisabled();
    unmount();
    await session('maria', 'Reader-pass1');
    show(at);
    await screen.findByRole('tab', { name: 'Profile' }, WAIT);
    expect(screen.queryByRole('button', { name: 'Quarantine' })).toBeNull();
  });
});

describe('groups', () => {
  it('asks before blocking starts, and switches only what was asked', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    show('/groups/nv.worker.shop');
    const modes = await screen.findByRole('radiogroup', { name: 'Process and file' }, WAIT);
    await user.click(within(modes).getByLabelText('Protect'));
    await user.click(await screen.findByRole('button', { name: 'Cancel' }, WAIT));
    expect(fixture.state.groups.get('nv.worker.shop')).toMatchObject({ profile_mode: 'Monitor', policy_mode: 'Monitor' });
    await user.click(within(modes).getByLabelText('Protect'));
    await user.click(await screen.findByRole('button', { name: 'Switch to Protect' }, WAIT));
    await waitFor(() => expect(fixture.state.groups.get('nv.worker.shop')).toMatchObject({ profile_mode: 'Protect', policy_mode: 'Monitor' }), WAIT);
  });

  it('lets readers look and not touch', async () => {
    await start();
    await session('maria', 'Reader-pass1');
    show('/groups/nv.web.shop');
    const modes = await screen.findByRole('radiogroup', { name: 'Network' }, WAIT);
    for (const radio of within(modes).getAllByRole('radio')) expect(radio).toBeDisabled();
    await screen.findByRole('table', { name: 'Process rules' }, WAIT);
    expect(screen.queryByRole('button', { name: /Add rule|Edit|Delete/ })).toBeNull();
  });
});

describe('rules', () => {
  it('moves a rule up the list', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    show('/rules');
    await user.click(await screen.findByRole('button', { name: 'Move rule 1003 up' }, WAIT));
    await waitFor(() => expect(fixture.state.rules.slice(0, 3).map((r: { id: number }) => r.id)).toEqual([1001, 1003, 1002]), WAIT);
    expect(screen.getByRole('button', { name: 'Move rule 1001 up' })).toBeDisabled();
  });
});

describe('what if', () => {
  it('tells what another mode would deny', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    show('/groups/nv.web.shop');
    await user.click(await screen.findByRole('button', { name: 'What if' }, WAIT));
    const dialog = await screen.findByRole('dialog', { name: /What if nv.web.shop/ }, WAIT);
    expect(await within(dialog).findByText(/Of 42 recorded acts 1 would be denied and 0 reported/, {}, WAIT)).toBeVisible();
    await user.click(within(dialog).getByRole('radio', { name: 'Monitor' }));
    expect(await within(dialog).findByText(/0 would be denied and 1 reported/, {}, WAIT)).toBeVisible();
  });
});

describe('response rules', () => {
  it('lists, orders, switches and makes them', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    show('/response');
    const table = await screen.findByRole('table', { name: 'Response rules' }, WAIT);
    expect(within(table).getByText('level:Critical')).toBeVisible();
    const ids = () => fixture.state.responses.map((r: { id: number }) => r.id);
    await user.click(screen.getByRole('button', { name: 'Move rule 2 up' }));
    await waitFor(() => expect(ids()).toEqual([2, 1, 3]), WAIT);
    await user.click(screen.getByRole('switch', { name: 'Rule 3 is in force' }));
    await waitFor(() => expect(fixture.state.responses[2]?.disable).toBe(false), WAIT);
    await user.click(screen.getByRole('button', { name: 'Add rule' }));
    const form = await screen.findByRole('dialog', { name: 'Add rule' }, WAIT);
    await user.click(within(form).getByRole('button', { name: 'Save' }));
    expect(await within(form).findByText('Choose at least one action')).toBeVisible();
    await user.click(within(form).getByRole('checkbox', { name: 'Quarantine' }));
    await user.type(within(form).getByRole('combobox', { name: 'Conditions' }), 'cve-high:5{Enter}');
    await user.click(within(form).getByRole('button', { name: 'Save' }));
    expect(await within(form).findByText(/for this event the types are name, level, process/)).toBeVisible();
    await user.type(within(form).getByRole('combobox', { name: 'Conditions' }), '{Backspace}process:ncat{Enter}');
    await user.click(within(form).getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(fixture.state.responses[3]).toMatchObject({ event: 'security-event', actions: ['quarantine'], conditions: [{ type: 'process', value: 'ncat' }] }), WAIT);
  });
  it('shows readers no buttons', async () => {
    await start();
    await session('maria', 'Reader-pass1');
    show('/response');
    await screen.findByRole('table', { name: 'Response rules' }, WAIT);
    expect(screen.queryByRole('button', { name: /Add rule|Move|Release|Delete/ })).toBeNull();
    for (const box of screen.getAllByRole('switch')) expect(box).toBeDisabled();
  });
});

describe('nodes', () => {
  it('marks counters that should be zero', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    const { container } = show('/nodes');
    await user.click(await screen.findByRole('link', { name: /legacy-1/ }, WAIT));
    await waitFor(() => expect(container.querySelectorAll('[data-warning]')).toHaveLength(2), WAIT);
    expect(screen.getAllByText('Not covered').length).toBeGreaterThan(0);
  });

  it('says what is left out, and how many rules work there', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    show('/nodes');
    await user.click(await screen.findByRole('link', { name: /edge-2/ }, WAIT));
    expect(await screen.findByText(/hook bpf_token_create is left out/, {}, WAIT)).toBeInTheDocument();
    const silent = await screen.findByText('Silent', {}, WAIT);
    expect(silent.nextElementSibling).toHaveTextContent('2');
  });
});

describe('detection rules', () => {
  it('are listed with what they found, and filtered', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    show('/detection');
    expect(await screen.findByText('5 of 8 live', {}, WAIT)).toBeInTheDocument();
    expect(bodyRows()).toHaveLength(8);
    expect(within(bodyRows()[0] as HTMLElement).getByText('Credentials searched for')).toBeInTheDocument();
    await user.type(screen.getByRole('searchbox'), 'T1059.004');
    await waitFor(() => expect(bodyRows()).toHaveLength(2));
    expect(bodyRows().map((row) => within(row).getByText(/^T1059/).textContent)).toEqual(['T1059.004, T1071', 'T1059, T1059.004']);
  });

  it('tell their condition, why they are silent, and nothing as markup', async () => {
    await start();
    await session();
    show('/detection?open=Write%20below%20%2Fetc');
    const drawer = await screen.findByRole('dialog', {}, WAIT);
    expect(await within(drawer).findByText(/opened_to_write and fd.name startswith/, {}, WAIT)).toBeInTheDocument();
    expect(within(drawer).getByText(/it waits for open, openat, openat2/)).toBeInTheDocument();
    expect(within(drawer).getByText('No incident of this rule is kept.')).toBeInTheDocument();
    expect(within(drawer).getByRole('link', { name: 'T1543' })).toHaveAttribute('href', 'https://attack.mitre.org/techniques/T1543/');
    expect(document.querySelector('b')).toBeNull();
  });

  it('lead to their incidents, and incidents back to them', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    show('/detection?open=Reverse%20shell');
    const drawer = await screen.findByRole('dialog', {}, WAIT);
    expect((await within(drawer).findByRole('link', { name: 'All in events' }, WAIT)).getAttribute('href')).toBe('/events?tab=incident&q=Reverse%20shell');
    await user.click((await within(drawer).findAllByRole('button', { name: /sh -i/ }, WAIT))[0] as HTMLElement);
    const tree = await screen.findByRole('list', { name: 'Started by' }, WAIT);
    expect(within(tree).getAllByRole('listitem').map((item) => item.textContent)).toEqual(['containerd-shim', '└ nginx']);
    expect(screen.getByRole('link', { name: 'Reverse shell' })).toHaveAttribute('href', '/detection?open=Reverse%20shell');
  });

  it('say what to do when none is loaded', async () => {
    await start();
    fixture.state.detection = [];
    await session();
    show('/detection');
    expect(await screen.findByText('No detection rules are loaded', {}, WAIT)).toBeInTheDocument();
  });
});

describe('counters', () => {
  it('shows what it has no words for, and times in milliseconds', async () => {
    await start();
    Object.assign(fixture.state.nodes[0]?.counters ?? {}, { ring_laps: 7_001, queue_wait_p99_us: 2_345 });
    await session();
    show('/nodes');
    const value = async (label: string) => (await screen.findByText(label, {}, WAIT)).closest('.stat-label')?.nextElementSibling?.textContent;
    expect(await value('Ring laps')).toBe('7,001');
    expect(await value('Queue wait p99')).toBe('2.35 ms');
    expect(await value('Start to policy, median')).toBe('1.48 ms');
    expect(await value('Programs missed')).toBe('0');
  });
});

describe('vulnerabilities', () => {
  it('lists the worst first, filters, and says where each is', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    show('/vulnerabilities');
    await screen.findByRole('table', { name: 'Vulnerabilities' }, WAIT);
    expect(bodyRows()[0]).toHaveTextContent('CVE-2025-11001');
    expect(bodyRows()).toHaveLength(11);
    await user.type(screen.getByRole('searchbox'), 'libc6');
    await waitFor(() => expect(bodyRows()).toHaveLength(1), WAIT);
    bodyRows()[0]?.focus();
    await user.keyboard('{Enter}');
    const drawer = await screen.findByRole('dialog', {}, WAIT);
    expect(await within(drawer).findByText('9 containers', {}, WAIT)).toBeVisible();
    expect(within(drawer).getByRole('link', { name: 'web-1' })).toHaveAttribute('href', expect.stringContaining('tab=vulnerabilities'));
  });

  it('opens no address of a feed that is not of the web', async () => {
    await start();
    await session();
    show('/vulnerabilities?open=CVE-2025-4802');
    expect(await screen.findByText('javascript:alert(1)', {}, WAIT)).toBeVisible();
    expect(screen.getByRole('link', { name: /security-tracker/ })).toHaveAttribute('rel', expect.stringContaining('noopener'));
    for (const link of screen.getAllByRole('link')) expect(link.getAttribute('href')).not.toMatch(/^javascript:/i);
  });

  it('accepts one with a reason and an end, and counts it again', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    const { unmount } = show('/vulnerabilities?open=CVE-2025-8194');
    await user.click(await screen.findByRole('button', { name: 'Accept' }, WAIT));
    await user.click(await screen.findByLabelText(/Why/, {}, WAIT));
    await user.paste('no archives are read');
    const dialogs = screen.getAllByRole('dialog');
    await user.click(within(dialogs[dialogs.length - 1] as HTMLElement).getByRole('button', { name: 'Accept' }));
    await waitFor(() => expect(fixture.state.scan.accepted).toHaveLength(2), WAIT);
    const entry = fixture.state.scan.accepted[1];
    expect(entry).toMatchObject({ name: 'CVE-2025-8194', comment: 'no archives are read' });
    const days = (Date.parse(entry?.expires_at ?? '') - Date.now()) / 86_400_000;
    expect(Math.round(days)).toBe(30);
    unmount();
    show('/vulnerabilities?by=accepted');
    await user.click(await screen.findByRole('button', { name: 'Delete CVE-2025-8194' }, WAIT));
    await user.click(await screen.findByRole('button', { name: 'Count it again' }, WAIT));
    await waitFor(() => expect(fixture.state.scan.accepted).toHaveLength(1), WAIT);
  }, 60_000);

  it('shows a container its own, and scans it when asked', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    const grafana = fixture.state.workloads.find((w) => w.name.startsWith('grafana'));
    show(`/containers/${grafana?.id}?tab=vulnerabilities`);
    expect(await screen.findByText('Not scanned yet', {}, WAIT)).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Scan now' }));
    expect(await screen.findByRole('table', { name: 'Vulnerabilities' }, WAIT)).toBeVisible();
  });

  it('hands a bill of materials over as a file, of a container, a node and an image', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    const textOf = (of: Blob) => new Promise<string>((done) => { const reader = new FileReader(); reader.onload = () => done(String(reader.result)); reader.readAsText(of); });
    const saved: { name: string; type: string; text: Promise<string> }[] = [];
    let blob = new Blob();
    Object.assign(URL, { createObjectURL: (made: Blob) => { blob = made; return 'blob:x'; }, revokeObjectURL: () => {} });
    const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
      saved.push({ name: this.download, type: blob.type, text: textOf(blob) });
    });
    const container = fixture.state.workloads.find((w) => fixture.state.scan.workloads.has(w.id));
    const image = (fixture.state.scan.registries[0]?.images ?? []).find((i) => i.report);
    const imageId = image?.report?.image_id?.replace('sha256:', '');
    for (const [path, of, format, type, end] of [
      [`/containers/${container?.id}?tab=vulnerabilities`, container?.image ?? '', 'CycloneDX 1.6', 'application/vnd.cyclonedx+json; version=1.6', 'cdx.json'],
      [`/containers/${container?.id}?tab=vulnerabilities`, container?.image ?? '', 'SPDX 2.3', 'application/spdx+json', 'spdx.json'],
      [`/registries/${fixture.state.scan.registries[0]?.name}/images/${imageId}`, image?.report?.name ?? '', 'CycloneDX 1.5', 'application/vnd.cyclonedx+json; version=1.5', 'cdx.json'],
    ]) {
      const { unmount } = show(path as string);
      await user.click(await screen.findByRole('button', { name: /^Download the SBOM/ }, WAIT));
      const before = saved.length;
      await user.click(await screen.findByRole('menuitem', { name: format }, WAIT));
      await waitFor(() => expect(saved, document.querySelector('.mantine-Notification-root')?.textContent ?? '').toHaveLength(before + 1), WAIT);
      expect(saved[before]).toMatchObject({ name: `${(of as string).replace(/[^A-Za-z0-9._-]/g, '-')}.${end}`, type });
      expect(await saved[before]?.text).toContain('openssl');
      unmount();
    }
    click.mockRestore();
  }, 60_000);

  it('says why a bill of materials could not be had', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    const container = fixture.state.workloads.find((w) => fixture.state.scan.workloads.has(w.id));
    show(`/containers/${container?.id}?tab=vulnerabilities`);
    const button = await screen.findByRole('button', { name: /^Download the SBOM/ }, WAIT);
    fixture.state.scan.workloads.delete(container?.id ?? '');
    await user.click(button);
    await user.click(await screen.findByRole('menuitem', { name: 'SPDX 2.3' }, WAIT));
    expect(await screen.findByText('The SBOM could not be downloaded', {}, WAIT)).toBeVisible();
  }, 60_000);

  it('warns of a database that is old, and of none', async () => {
    await start();
    fixture.state.scan.stale = true;
    await session();
    const { unmount } = show('/vulnerabilities');
    expect(await screen.findByText(/database is 6 h old/, {}, WAIT)).toBeVisible();
    unmount();
    fixture.state.scan.scanners.length = 0;
    show('/vulnerabilities');
    expect(await screen.findByText(/There is no scanner/, {}, WAIT)).toBeVisible();
  });
});

describe('registries', () => {
  it('are tried out and added, and their secret is not asked for again', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    show('/registries');
    await user.click(await screen.findByRole('button', { name: 'Add registry' }, WAIT));
    const form = await screen.findByRole('dialog', {}, WAIT);
    const fill = async (label: string | RegExp, text: string) => {
      await user.clear(within(form).getByLabelText(label));
      await user.paste(text);
    };
    await fill(/^Name/, 'lab');
    await fill(/^Address/, 'https://lab.example/');
    await fill('User name', 'ci');
    await fill('Password', 'wrong');
    await user.click(within(form).getByRole('button', { name: 'Test connection' }));
    expect(await within(form).findByText('the registry refused the user name or the password', {}, WAIT)).toBeVisible();
    await fill('Password', 'right');
    await user.click(within(form).getByRole('button', { name: 'Test connection' }));
    expect(await within(form).findByText('6 images match', {}, WAIT)).toBeVisible();
    await user.click(within(form).getByRole('button', { name: 'Add registry' }));
    await waitFor(() => expect(fixture.state.scan.registries).toHaveLength(3), WAIT);
    expect(fixture.state.scan.registries[2]).toMatchObject({ name: 'lab', registry: 'https://lab.example/', username: 'ci', has_secret: true, filters: ['*:*'] });
    await user.click(await screen.findByRole('button', { name: 'Edit lab' }, WAIT));
    const edit = await screen.findByRole('dialog', {}, WAIT);
    expect(within(edit).getByLabelText('Password')).toHaveValue('');
    expect(within(edit).getByText('One is kept; leave it empty to keep it')).toBeVisible();
  }, 60_000);

  it('show images, and what each layer brought', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    show('/registries/shop');
    await screen.findByRole('table', { name: 'Images' }, WAIT);
    expect(bodyRows()[0]).toHaveTextContent('shop/api');
    await user.type(screen.getByRole('searchbox'), 'payments');
    await waitFor(() => expect(bodyRows()).toHaveLength(1), WAIT);
    await user.click(bodyRows()[0] as HTMLElement);
    await user.click(await screen.findByRole('tab', { name: /Layers/ }, WAIT));
    await user.click(await screen.findByRole('button', { name: /debian.sh/ }, WAIT));
    expect(await screen.findByText('CVE-2025-4802', {}, WAIT)).toBeVisible();
    await user.click(screen.getByRole('tab', { name: /Secrets/ }));
    expect(await screen.findByText('app/deploy/id_ed25519:1', {}, WAIT)).toBeVisible();
  });

  it('are not changed by readers', async () => {
    await start();
    await session('maria', 'Reader-pass1');
    show('/registries');
    await screen.findByRole('table', { name: 'Registries' }, WAIT);
    expect(screen.queryByRole('button', { name: /Add registry|Edit|Delete|Scan shop/ })).toBeNull();
  });
});

describe('failures', () => {
  it('explains, and tries again', async () => {
    await start();
    await session();
    let down = true;
    vi.stubGlobal('fetch', (input: string, init?: RequestInit) =>
      down && input.includes('/v1/policy/rule') ? Promise.resolve(new Response(JSON.stringify({ code: 11, error: 'x', message: 'the controller cannot be reached' }), { status: 502 })) : browserFetch(input, init));
    const user = userEvent.setup();
    show('/rules');
    expect(await screen.findByText('the controller cannot be reached', {}, WAIT)).toBeVisible();
    down = false;
    await user.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByRole('table', { name: 'Network rules' }, WAIT)).toBeVisible();
  });

  it('goes to the sign-in when the session has ended', async () => {
    await start();
    await session();
    const user = userEvent.setup();
    show('/groups');
    await screen.findByRole('table', { name: 'Groups' }, WAIT);
    cookie = '';
    await user.click(screen.getByRole('link', { name: 'Nodes' }));
    expect(await screen.findByText('Your session has ended. Sign in again to go on.', {}, WAIT)).toBeVisible();
  });
});
