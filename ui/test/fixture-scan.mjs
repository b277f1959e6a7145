// Scans of the fixture controller: made-up registries, reports, findings and their routes.
// Limits: everything is in memory; a scan that is asked for is done after two reads.
import { now, random, uuid } from './fixture-data.mjs';

const iso = (seconds) => new Date(seconds * 1000).toISOString().replace(/\.\d+Z/, 'Z');
const hex = (n) => Array.from({ length: n }, () => Math.floor(random() * 16).toString(16)).join('');
const DAY = 86_400;

// id, package, type, installed, fixed, severity, score, epss, exploited since, text
const FLAWS = [
  ['CVE-2025-11001', 'openssl', 'deb', '3.0.15-1~deb12u1', '3.0.17-1~deb12u3', 'Critical', 9.8, 0.914, '2025-09-12', 'A heap overflow while a certificate chain is checked lets whoever presents the chain run code in the server.'],
  ['CVE-2025-10230', 'libxml2', 'deb', '2.9.14+dfsg-1.3~deb12u1', '2.9.14+dfsg-1.3~deb12u4', 'Critical', 9.1, 0.122, '', 'An external entity in a catalog is read with the rights of the process.'],
  ['CVE-2025-8194', 'python3.12', 'binary', '3.12.4', '3.12.12', 'High', 7.5, 0.021, '', 'A tar archive with negative offsets makes the reader loop without end.'],
  ['CVE-2025-6965', 'libsqlite3-0', 'deb', '3.40.1-2', '3.40.1-2+deb12u2', 'High', 7.7, 0.034, '2025-10-02', 'More aggregate terms than columns corrupt memory.'],
  ['CVE-2025-4802', 'libc6', 'deb', '2.36-9+deb12u8', '2.36-9+deb12u13', 'High', 7.8, 0.006, '', 'A statically linked setuid program that loads shared objects takes them from LD_LIBRARY_PATH.'],
  ['GHSA-9hjg-9r4m-mvj7', 'requests', 'pypi', '2.31.0', '2.32.4', 'Medium', 5.3, 0.002, '', 'Credentials from .netrc are sent to another host for crafted addresses.'],
  ['CVE-2024-6345', 'setuptools', 'pypi', '65.5.1', '70.0.0', 'High', 8.8, 0.009, '', 'Package indexes can run code through the download functions.'],
  ['CVE-2025-9230', 'libssl3', 'deb', '3.0.15-1~deb12u1', '3.0.17-1~deb12u3', 'Medium', 5.6, 0.001, '', 'A CMS message with a wrong key length reads and writes out of bounds.'],
  ['CVE-2023-45853', 'zlib1g', 'deb', '1:1.2.13.dfsg-1', '', 'Medium', 5.5, 0.004, '', 'MiniZip overflows with a very long file name; the distribution does not build it.'],
  ['CVE-2011-3374', 'apt', 'deb', '2.6.1', '', 'Low', 3.7, 0.001, '', 'apt-key does not check keys as one would think.'],
  ['CVE-2025-5222', 'libicu72', 'deb', '72.1-3', '72.1-3+deb12u1', 'Low', 3.1, 0.001, '', 'A stack overflow in the resource compiler.'],
  ['CVE-2019-20838', 'libpcre3', 'deb', '2:8.39-15', '', 'Negligible', 0, 0.001, '', 'A pattern with \\X reads beyond its buffer.'],
];

const finding = ([name, package_name, package_type, package_version, fixed_version, severity, score_v3, epss, exploited_since, description], i) => ({
  name, package_name, package_type, package_version, fixed_version, severity, score: 0, score_v3, vectors: '', vectors_v3: score_v3 ? 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H' : '',
  epss, exploited_since, ransomware: exploited_since === '2025-10-02', description, in_use: ['openssl', 'libc6', 'python3.12'].includes(package_name), layer: package_type === 'deb' ? 0 : 3,
  status: fixed_version ? 'fixed' : i % 2 ? 'will_not_fix' : 'affected', severity_source: 'debian', feed_rating: 'debian', cves: name.startsWith('GHSA') ? ['CVE-2024-47081'] : [], cpes: [], tags: [],
  file_name: package_type === 'deb' ? 'var/lib/dpkg/status' : `usr/local/lib/python3.12/site-packages/${package_name}`, link: `https://security-tracker.debian.org/tracker/${name}`,
  published_timestamp: now() - (20 + i * 37) * DAY, last_modified_timestamp: now() - 3 * DAY, in_base_image: false, accepted_by: '', accepted_reason: '',
});

/** A bill of materials as the controller sends it: a file with a name and a type of its own. */
function sbom(report, { params }) {
  const format = params.get('format') || 'cyclonedx';
  const file = (type, end) => ({ 'content-type': type, 'content-disposition': `attachment; filename="${report.name.replace(/[^A-Za-z0-9._-]/g, '-')}.${end}"` });
  if (format === 'spdx') return { spdxVersion: 'SPDX-2.3', packages: report.modules.map((m) => ({ name: m.name, versionInfo: m.version })), fileHeaders: file('application/spdx+json', 'spdx.json') };
  if (!format.startsWith('cyclonedx')) throw Object.assign(new Error('format is one of cyclonedx, cyclonedx-1.5, spdx'), { status: 400 });
  const specVersion = format === 'cyclonedx' ? '1.6' : '1.5';
  return { bomFormat: 'CycloneDX', specVersion, components: report.modules.map(({ name, version }) => ({ type: 'library', name, version })), fileHeaders: file(`application/vnd.cyclonedx+json; version=${specVersion}`, 'cdx.json') };
}

const LAYERS = [
  ['# debian.sh --arch amd64 out/ bookworm', 48_512_004, 88],
  ['RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends ca-certificates curl libxml2 && rm -rf /var/lib/apt/lists/*', 18_204_110, 31],
  ['WORKDIR /app', 32, 0],
  ['RUN /bin/sh -c pip install --no-cache-dir -r requirements.txt', 61_224_981, 44],
  ['COPY . /app', 402_118, 1],
  ['CMD ["uvicorn" "shop.main:app"]', 0, 0],
];

function makeReport(name, flaws) {
  const packages = [...flaws, ['', 'bash', 'deb', '5.2.15-2+b7'], ['', 'coreutils', 'deb', '9.1-1'], ['', 'fastapi', 'pypi', '0.115.2'], ['', 'uvicorn', 'pypi', '0.31.0'], ['', 'pydantic', 'pypi', '2.9.2']];
  return {
    name, digest: `sha256:${hex(64)}`, image_id: `sha256:${hex(64)}`, base_os: 'debian:12.7', end_of_life: '', scanned_at: iso(now() - 5400), cvedb_version: '20261124', cvedb_create_time: iso(now() - 6 * 3600),
    vulnerabilities: flaws.map(finding),
    modules: packages.map(([cve, pkg, type, version], i) => ({ name: pkg, version, type, source: type === 'deb' ? pkg : '', file: type === 'deb' ? 'var/lib/dpkg/status' : `usr/local/lib/python3.12/site-packages/${pkg}`, licenses: [type === 'deb' ? 'GPL-2.0-or-later' : 'MIT'], cves: cve ? [{ name: cve, status: 'fixed' }] : [], cpes: [], in_use: ['openssl', 'libc6', 'python3.12', 'uvicorn'].includes(pkg), layer: i % 4 })),
    secrets: name.includes('payments') ? [{ type: 'Private key', severity: 'High', path: 'app/deploy/id_ed25519', line: 1, evidence: '-----BEGIN OPENSSH PRIVATE KEY----- ***', suggestion: '', layer: 4, deleted_later: true }] : [],
    setid_perms: [{ type: 'setuid', path: 'usr/bin/su', evidence: 'mode 104755, owner 0:0' }, { type: 'setuid', path: 'usr/bin/mount', evidence: 'mode 104755, owner 0:0' }],
    config_issues: [{ id: 'RMP-IMG-001', title: 'The image runs as root', severity: 'Medium', detail: 'No USER is set, so that processes start as root.', remediation: 'Make a user in the Dockerfile and name it with USER.' }, { id: 'RMP-IMG-004', title: 'No health check', severity: 'Low', detail: 'Nothing tells whether the container still works.', remediation: 'Add HEALTHCHECK, or probes where it runs.' }],
    problems: name.includes('worker') ? [{ path: 'app/vendor/broken.jar', reason: 'the archive ends in the middle of an entry' }] : [],
    envs: ['PATH=/usr/local/bin:/usr/bin'], labels: {}, cmds: LAYERS.map(([c]) => c), checks: [], signature_data: { verifiers: [], verification_timestamp: '' },
  };
}

const briefOf = (report, state, domain, image) => {
  const open = report.vulnerabilities.filter((v) => !accepting(state, v, domain, image));
  const n = (s) => open.filter((v) => v.severity === s).length;
  return {
    status: 'finished', result: 'succeeded', critical: n('Critical'), high: n('High'), medium: n('Medium'), low: n('Low') + n('Negligible'), fixable: open.filter((v) => v.fixed_version).length, exploited: open.filter((v) => v.exploited_since).length,
    in_use: open.filter((v) => v.in_use).length, accepted: report.vulnerabilities.length - open.length, scanned_timestamp: now() - 5400, scanned_at: report.scanned_at, base_os: report.base_os, scanner_version: report.cvedb_version, cvedb_create_time: report.cvedb_create_time,
  };
};

const accepting = (state, finding, domain = '', image = '') =>
  state.scan.accepted.find((e) => e.name === finding.name && !(e.expires_at && Date.parse(e.expires_at) < Date.now()) && (!e.domains?.length || e.domains.includes(domain)) && (!e.images?.length || e.images.includes(image)));

const shown = (state, report, domain, image) => ({
  ...report,
  vulnerabilities: report.vulnerabilities.map((v) => {
    const entry = accepting(state, v, domain, image);
    return entry ? { ...v, tags: ['accepted'], accepted_by: 'profile', accepted_reason: entry.comment } : v;
  }),
});

export function makeScan(state) {
  const kinds = [['api', '2.14.3', FLAWS], ['worker', '2.14.3', FLAWS.slice(1)], ['payments', '1.9.0', FLAWS.slice(3)], ['runner', '3', FLAWS.slice(2, 9)], ['api', '2.13.0', FLAWS]];
  const images = kinds.map(([repository, tag, flaws]) => ({ repository: `shop/${repository}`, tag, report: makeReport(`shop/${repository}:${tag}`, flaws), size: 128_343_245 }));
  images.push({ repository: 'shop/legacy', tag: '0.9', report: null, failed: 'the layer sha256:1f… is not what its digest names' });
  state.scan = {
    config: { auto_scan: true, enable_auto_scan_workload: true, enable_auto_scan_host: true },
    registries: [
      { name: 'shop', registry_type: 'Docker Registry', registry: 'https://registry.shop.internal/', username: 'scanner', auth_with_token: false, domains: [], filters: ['shop/*:*'], rescan_after_db_update: true, scan_layers: true, repo_limit: 0, tag_limit: 20, schedule: { schedule: 'auto', interval: 300 }, status: 'idle', error_message: '', started_at: iso(now() - 900), listed_at: iso(now() - 840), cfg_type: 'user_created', has_secret: true, images },
      { name: 'hub', registry_type: 'Docker Registry', registry: 'https://registry-1.docker.io/', username: '', auth_with_token: false, domains: [], filters: ['library/nginx:1.27', 'library/redis:7.*'], rescan_after_db_update: false, scan_layers: true, repo_limit: 0, tag_limit: 5, schedule: { schedule: 'periodical', interval: 86_400 }, status: 'idle', error_message: 'too many requests: the registry asks to wait for an hour', started_at: iso(now() - 7200), listed_at: iso(now() - 7100), cfg_type: 'user_created', has_secret: false, images: [] },
    ],
    accepted: [{ id: 1, name: 'CVE-2019-20838', comment: 'only patterns of our own are compiled', days: 0, domains: [], images: [], expires_at: iso(now() + 60 * DAY), expired: false, created_at: iso(now() - 9 * DAY), created_by: 'admin' }],
    workloads: new Map(),
    hosts: new Map(),
    scanners: [{ id: 'edge-1', name: 'edge-1', server: 'edge-1', version: '0.1.0', cvedb_version: '20261124', cvedb_create_time: iso(now() - 6 * 3600), joined_timestamp: now() - 9 * DAY, port: 0, scanned_containers: 11, scanned_hosts: 3, scanned_images: 5, scanned_serverless: 0, host_id: '', capacity: 2, failed: 1, last_seen_at: iso(now() - 2), cvedb_error: '' }],
    trials: new Map(),
  };
  for (const w of state.workloads) if (w.running && w.service !== 'grafana.monitoring') state.scan.workloads.set(w.id, makeReport(w.image, w.domain === 'shop' ? FLAWS.slice(0, 5 + (w.name.length % 7)) : FLAWS.slice(6)));
  for (const n of state.nodes.slice(0, 2)) state.scan.hosts.set(n.id, makeReport(n.name, FLAWS.slice(4)));
}

export const workloadBrief = (state, w) => {
  const report = state.scan?.workloads.get(w.id);
  return report ? briefOf(report, state, w.domain, w.image) : { status: state.scan?.asked === w.id ? 'scheduled' : '' };
};
export const hostBrief = (state, n) => {
  const report = state.scan?.hosts.get(n.id);
  return report ? briefOf(report, state) : { status: '' };
};

function assets(state) {
  const all = new Map();
  const add = (kind, id, name, domain, mode, report) => {
    for (const v of report.vulnerabilities) {
      const a = all.get(v.name) ?? { name: v.name, severity: v.severity, description: '', packages: {}, package_name: v.package_name, link: '', score: 0, score_v3: v.score_v3, vectors: '', vectors_v3: '', published_timestamp: v.published_timestamp, last_modified_timestamp: 0, workloads: [], nodes: [], images: [], platforms: [], fixable: false, exploited: false, epss: v.epss, in_use: false, accepted: true, places: [], finding: v };
      const accepted = Boolean(accepting(state, v, domain, name));
      a.packages[v.package_name] = [{ package_version: v.package_version, fixed_version: v.fixed_version }];
      a[`${kind}s`].push(id);
      a.fixable ||= Boolean(v.fixed_version);
      a.exploited ||= Boolean(v.exploited_since);
      a.in_use ||= v.in_use && kind === 'workload';
      a.accepted &&= accepted;
      a.places.push({ id, kind, display_name: name, domain, policy_mode: mode, packages: [{ name: v.package_name, package_version: v.package_version, fixed_version: v.fixed_version }], in_use: v.in_use && kind === 'workload', accepted });
      all.set(v.name, a);
    }
  };
  for (const w of state.workloads) if (state.scan.workloads.has(w.id)) add('workload', w.id, w.display_name, w.domain, w.policy_mode, state.scan.workloads.get(w.id));
  for (const n of state.nodes) if (state.scan.hosts.has(n.id)) add('node', n.id, n.name, '', '', state.scan.hosts.get(n.id));
  for (const r of state.scan.registries) for (const i of r.images) if (i.report) add('image', i.report.digest, `${i.repository}:${i.tag}`, '', '', i.report);
  for (const a of all.values()) Object.assign(a, { workload_count: a.workloads.length, node_count: a.nodes.length, image_count: a.images.length });
  return [...all.values()];
}
const plain = ({ places: _places, finding: _finding, ...asset }) => asset;

export function scanRoutes({ state, find, change, activity, Refusal }) {
  const s = () => state.scan;
  const summary = ({ images, ...r }) => ({ ...r, images: images.length, scanned: images.filter((i) => i.report).length, failed: images.filter((i) => i.failed).length, scheduled: 0, scanning: r.status === 'scanning' ? 1 : 0, cvedb_version: '20261124', cvedb_create_time: iso(now() - 6 * 3600), error_detail: r.error_message, jfrog_mode: '', jfrog_aql: false, gitlab_external_url: '', ibm_cloud_token_url: '', ibm_cloud_account: '', ignore_proxy: false });
  const imageId = (i) => (i.report?.image_id ?? `sha256:${'0'.repeat(64)}`).replace('sha256:', '');
  const imageRow = (i) => ({ domain: '', repository: i.repository, tag: i.tag, image: `${i.repository}:${i.tag}`, image_id: imageId(i), digest: i.report?.digest ?? '', size: i.report ? i.size : 0, author: i.report ? 'shop team' : '', run_as_root: Boolean(i.report), envs: [], labels: {}, layers: i.report ? LAYERS.map(() => `sha256:${'ab'.repeat(32)}`) : [], created_at: iso(now() - 20 * DAY), packages: i.report?.modules.length ?? 0, secrets: i.report?.secrets.length ?? 0, config_issues: i.report?.config_issues.length ?? 0, ...(i.report ? briefOf(i.report, state, '', `${i.repository}:${i.tag}`) : { status: 'failed', result: i.failed, critical: 0, high: 0, medium: 0, low: 0, scanned_at: '', scanned_timestamp: 0 }) });
  const one = (name) => find(s().registries.find((r) => r.name === name), 'registry');
  const image = (c) => find(one(c.name).images.find((i) => i.report && imageId(i) === c.id), 'image');
  const configured = (config) => {
    const { password, auth_token, ...rest } = config;
    return { ...rest, ...(password || auth_token ? { has_secret: true } : {}) };
  };
  const layers = (report) => LAYERS.map(([cmds, size, packages], n) => ({ digest: `sha256:${hex(64)}`, cmds, size, packages, secrets: report.secrets.filter((x) => x.layer === n), vulnerabilities: shown(state, report).vulnerabilities.filter((v) => v.layer === n) }));
  return [
    ['GET', '/v1/scan/status', () => ({ status: { scanned: s().workloads.size + s().hosts.size + 5, scheduled: 0, scanning: s().registries.filter((r) => r.status === 'scanning').length, failed: 1, cvedb_version: s().scanners.length ? '20261124' : '0.000', cvedb_create_time: s().scanners[0]?.cvedb_create_time ?? '', scanners: s().scanners.length, desired_scanners: s().scanners.length, cvedb_age_hours: 6, cvedb_stale: Boolean(s().stale) || !s().scanners.length, cvedb_error: '' } })],
    ['GET', '/v1/scan/scanner', () => ({ scanners: s().scanners })],
    ['GET', '/v1/scan/config', () => ({ config: s().config })],
    ['PATCH', '/v1/scan/config', (c) => { Object.assign(s().config, c.body.config); change('scan'); return {}; }],
    ['GET', '/v1/list/registry_type', () => ({ list: { registry_type: ['Docker Registry', 'Amazon ECR Registry', 'Azure Container Registry', 'Google Container Registry', 'JFrog Artifactory', 'Harbor Registry', 'Gitlab', 'GitHub Container Registry'] } })],
    ['GET', '/v1/scan/registry', () => ({ summarys: s().registries.map(summary) })],
    ['POST', '/v1/scan/registry', (c) => {
      const config = configured(c.body.config);
      if (s().registries.some((r) => r.name === config.name)) throw new Refusal(409, `there is a registry ${config.name} already`);
      s().registries.push({ status: 'idle', error_message: '', started_at: '', listed_at: '', domains: [], has_secret: false, images: [], ...config });
      activity(c.user, 'RESTful.Write', `registry ${config.name} was added`, 'RESTFUL');
      change('scan');
      return {};
    }],
    ['GET', '/v1/scan/registry/:name', (c) => ({ summary: summary(one(c.name)) })],
    ['PATCH', '/v1/scan/registry/:name', (c) => { Object.assign(one(c.name), configured(c.body.config)); change('scan'); return {}; }],
    ['DELETE', '/v1/scan/registry/:name', (c) => { one(c.name); s().registries = s().registries.filter((r) => r.name !== c.name); change('scan'); return {}; }],
    ['POST', '/v1/scan/registry/:name/scan', (c) => { const r = one(c.name); Object.assign(r, { status: 'scanning', error_message: '', listed_at: iso(now()) }); change('scan'); return {}; }],
    ['DELETE', '/v1/scan/registry/:name/scan', (c) => { one(c.name).status = 'idle'; change('scan'); return {}; }],
    ['POST', '/v1/scan/registry/:name/test', (c) => {
      const id = c.params.get('transaction') || uuid();
      const seen = (s().trials.get(id) ?? 0) + 1;
      s().trials.set(id, seen);
      const bad = c.body.config.password === 'wrong';
      const steps = [{ step_type: 'message', step_content: `signing in to ${c.body.config.registry}` }, ...(seen < 2 ? [] : bad ? [{ step_type: 'error', step_content: 'the registry refused the user name or the password' }] : [{ step_type: 'images', step_content: '6 images match' }])];
      return { steps, transaction_id: id, done: seen >= 2 };
    }],
    ['GET', '/v1/scan/registry/:name/images', (c) => ({ images: one(c.name).images.map(imageRow) })],
    ['GET', '/v1/scan/registry/:name/image/:id', (c) => ({ report: shown(state, image(c).report) })],
    ['GET', '/v1/scan/registry/:name/image/:id/sbom', (c) => sbom(image(c).report, c)],
    ['GET', '/v1/scan/workload/:id/sbom', (c) => sbom(find(s().workloads.get(c.id), 'scan'), c)],
    ['GET', '/v1/scan/host/:id/sbom', (c) => sbom(find(s().hosts.get(c.id), 'scan'), c)],
    ['GET', '/v1/scan/registry/:name/layers/:id', (c) => ({ report: { layers: layers(image(c).report) } })],
    ['POST', '/v1/scan/workload/:id', (c) => { const w = find(state.workloads.find((x) => x.id === c.id), 'container'); s().workloads.set(w.id, makeReport(w.image, FLAWS.slice(6))); change('workload', w.id); return {}; }],
    ['GET', '/v1/scan/workload/:id', (c) => { const w = find(state.workloads.find((x) => x.id === c.id), 'container'); return { report: shown(state, find(s().workloads.get(c.id), 'scan'), w.domain, w.image) }; }],
    ['POST', '/v1/scan/host/:id', (c) => { const n = find(state.nodes.find((x) => x.id === c.id), 'host'); s().hosts.set(n.id, makeReport(n.name, FLAWS.slice(4))); change('node', n.id); return {}; }],
    ['GET', '/v1/scan/host/:id', (c) => ({ report: shown(state, find(s().hosts.get(c.id), 'scan')) })],
    ['GET', '/v1/scan/vulnerability', () => ({ vulnerabilities: assets(state).map(plain) })],
    ['GET', '/v1/scan/vulnerability/:name', (c) => { const a = find(assets(state).find((x) => x.name === c.name), 'vulnerability'); return { vulnerability: { ...plain(a), description: a.finding.description, vectors_v3: a.finding.vectors_v3, title: '', references: [a.finding.link, 'javascript:alert(1)'], aliases: a.finding.cves, cwes: ['CWE-787'], places: a.places } }; }],
    ['GET', '/v1/vulnerability/profile/:name', () => ({ profile: { name: 'default', cfg_type: 'user_created', entries: s().accepted } })],
    ['POST', '/v1/vulnerability/profile/:name/entry', (c) => { s().accepted.push({ days: 0, domains: [], images: [], comment: '', expires_at: '', expired: false, ...c.body.config, id: Math.max(0, ...s().accepted.map((e) => e.id)) + 1, created_at: iso(now()), created_by: c.user.username }); change('scan'); return {}; }],
    ['DELETE', '/v1/vulnerability/profile/:name/entry/:id', (c) => { s().accepted = s().accepted.filter((e) => e.id !== Number(c.id)); change('scan'); return {}; }],
  ];
}
