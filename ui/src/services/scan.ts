// Scans: what the console reads of them and the changes it can make.
import { queryOptions } from '@tanstack/react-query';
import { download } from './export';
import { call, file, segment } from './http';
import type { AcceptedEntry, ImageSummary, RegistrySummary, Scanner, ScanLayer, ScanReport, ScanStatus, TestStep, VulnerabilityAsset, VulnerabilityDetail } from './types';

export const SEVERITIES = ['Critical', 'High', 'Medium', 'Low', 'Negligible', 'Unknown'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** 0 is the worst. */
export const severityRank = (name: string | undefined): number => {
  const at = SEVERITIES.findIndex((s) => s.toLowerCase() === (name ?? '').toLowerCase());
  return at < 0 ? SEVERITIES.length : at;
};

export const scanStatus = () =>
  queryOptions({ queryKey: ['scan', 'status'], queryFn: async ({ signal }) => (await call<{ status: ScanStatus }>('/v1/scan/status', { signal })).status, refetchInterval: 10_000 });
export const scanners = () => queryOptions({ queryKey: ['scan', 'scanner'], queryFn: async ({ signal }) => (await call<{ scanners?: Scanner[] | null }>('/v1/scan/scanner', { signal })).scanners ?? [] });

/** While something is under way, the list is read again soon. */
const soon = (busy: boolean) => (busy ? 2000 : false);
export const registries = () =>
  queryOptions({
    queryKey: ['scan', 'registry'],
    queryFn: async ({ signal }) => (await call<{ summarys?: RegistrySummary[] | null }>('/v1/scan/registry', { signal })).summarys ?? [],
    refetchInterval: (query) => soon((query.state.data ?? []).some((r) => r.status === 'scanning')),
  });
export const registry = (name: string) =>
  queryOptions({
    queryKey: ['scan', 'registry', name],
    queryFn: async ({ signal }) => (await call<{ summary: RegistrySummary }>(`/v1/scan/registry/${segment(name)}`, { signal })).summary,
    refetchInterval: (query) => soon(query.state.data?.status === 'scanning'),
  });
export const registryImages = (name: string, busy = false) =>
  queryOptions({
    queryKey: ['scan', 'images', name],
    queryFn: async ({ signal }) => (await call<{ images?: ImageSummary[] | null }>(`/v1/scan/registry/${segment(name)}/images`, { signal })).images ?? [],
    refetchInterval: soon(busy),
  });
export const registryTypes = () =>
  queryOptions({ queryKey: ['system', 'registry_type'], staleTime: Infinity, queryFn: async ({ signal }) => (await call<{ list: { registry_type?: string[] } }>('/v1/list/registry_type', { signal })).list.registry_type ?? [] });

/** A report, or nothing while there is none. */
const report = async (path: string, signal: AbortSignal) => (await call<{ report: ScanReport }>(path, { signal, params: { show: 'accepted' } })).report;
export const imageReport = (name: string, id: string) =>
  queryOptions({ queryKey: ['scan', 'report', 'image', name, id], queryFn: ({ signal }) => report(`/v1/scan/registry/${segment(name)}/image/${segment(id)}`, signal) });
export const imageLayers = (name: string, id: string) =>
  queryOptions({
    queryKey: ['scan', 'layers', name, id],
    queryFn: async ({ signal }) => (await call<{ report: { layers?: ScanLayer[] | null } }>(`/v1/scan/registry/${segment(name)}/layers/${segment(id)}`, { signal, params: { show: 'accepted' } })).report.layers ?? [],
  });
export const workloadReport = (id: string) => queryOptions({ queryKey: ['scan', 'report', 'workload', id], queryFn: ({ signal }) => report(`/v1/scan/workload/${segment(id)}`, signal) });
export const hostReport = (id: string) => queryOptions({ queryKey: ['scan', 'report', 'host', id], queryFn: ({ signal }) => report(`/v1/scan/host/${segment(id)}`, signal) });

/** What a bill of materials is of, and where it is asked for. */
export const imageSbom = (name: string, id: string) => `/v1/scan/registry/${segment(name)}/image/${segment(id)}/sbom`;
export const workloadSbom = (id: string) => `/v1/scan/workload/${segment(id)}/sbom`;
export const hostSbom = (id: string) => `/v1/scan/host/${segment(id)}/sbom`;

/** Formats as the API calls them, and as people do. */
export const SBOM_FORMATS = [
  ['cyclonedx', 'CycloneDX 1.6'],
  ['cyclonedx-1.5', 'CycloneDX 1.5'],
  ['spdx', 'SPDX 2.3'],
] as const;

export async function saveSbom(path: string, format: string) {
  const { name, type, text } = await file(path, { format });
  download(name, type, text);
}

export const vulnerabilities = () =>
  queryOptions({ queryKey: ['scan', 'vulnerability'], queryFn: async ({ signal }) => (await call<{ vulnerabilities?: VulnerabilityAsset[] | null }>('/v1/scan/vulnerability', { signal })).vulnerabilities ?? [] });
export const vulnerability = (name: string) =>
  queryOptions({ queryKey: ['scan', 'vulnerability', name], queryFn: async ({ signal }) => (await call<{ vulnerability: VulnerabilityDetail }>(`/v1/scan/vulnerability/${segment(name)}`, { signal })).vulnerability });
export const accepted = () =>
  queryOptions({ queryKey: ['scan', 'profile'], queryFn: async ({ signal }) => (await call<{ profile: { entries?: AcceptedEntry[] | null } }>('/v1/vulnerability/profile/default', { signal })).profile.entries ?? [] });

/** What the form of a registry holds. A secret that is left empty is not sent: the one that is kept stays. */
export interface RegistryDraft {
  name: string;
  registry_type: string;
  registry: string;
  filters: string[];
  username: string;
  password: string;
  auth_with_token: boolean;
  auth_token: string;
  schedule: string;
  interval: number;
  rescan_after_db_update: boolean;
  repo_limit: number;
  tag_limit: number;
}

const wire = ({ schedule, interval, password, auth_token, ...rest }: RegistryDraft) => ({
  config: {
    ...rest,
    ...(password ? { password } : {}),
    ...(auth_token ? { auth_token } : {}),
    schedule: { schedule, interval },
    scan_layers: true,
    cfg_type: 'user_created',
  },
});

export const addRegistry = (draft: RegistryDraft) => call('/v1/scan/registry', { method: 'POST', body: wire(draft) });
export const updateRegistry = (draft: RegistryDraft) => call(`/v1/scan/registry/${segment(draft.name)}`, { method: 'PATCH', body: wire(draft) });
export const deleteRegistry = (name: string) => call(`/v1/scan/registry/${segment(name)}`, { method: 'DELETE' });
export const startRegistry = (name: string) => call(`/v1/scan/registry/${segment(name)}/scan`, { method: 'POST' });
export const stopRegistry = (name: string) => call(`/v1/scan/registry/${segment(name)}/scan`, { method: 'DELETE' });
export const scanWorkload = (id: string) => call(`/v1/scan/workload/${segment(id)}`, { method: 'POST' });
export const scanHost = (id: string) => call(`/v1/scan/host/${segment(id)}`, { method: 'POST' });

interface TestAnswer {
  steps?: TestStep[] | null;
  transaction_id?: string;
  done?: boolean;
}

/** Tries a registry out and hands over the steps as they come. */
export async function testRegistry(draft: RegistryDraft, onSteps: (steps: TestStep[]) => void, signal: AbortSignal): Promise<void> {
  let transaction = '';
  while (!signal.aborted) {
    const answer: TestAnswer = await call<TestAnswer>(`/v1/scan/registry/${segment(draft.name || 'new')}/test`, { method: 'POST', body: wire(draft), params: { transaction }, signal });
    onSteps(answer.steps ?? []);
    if (answer.done !== false) return;
    transaction = answer.transaction_id ?? '';
    await new Promise((done) => setTimeout(done, 700));
  }
}

export const acceptVulnerability = (entry: Partial<AcceptedEntry> & { name: string }) => call('/v1/vulnerability/profile/default/entry', { method: 'POST', body: { config: entry } });
export const dropAccepted = (id: number) => call(`/v1/vulnerability/profile/default/entry/${id}`, { method: 'DELETE' });
export const setAutoScan = (on: boolean) => call('/v1/scan/config', { method: 'PATCH', body: { config: { auto_scan: on } } });
export const scanConfig = () =>
  queryOptions({ queryKey: ['scan', 'config'], queryFn: async ({ signal }) => (await call<{ config: { auto_scan?: boolean; enable_auto_scan_workload?: boolean; enable_auto_scan_host?: boolean } }>('/v1/scan/config', { signal })).config });
