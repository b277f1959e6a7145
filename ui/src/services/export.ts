// Tables as files.
import type { Entry } from './types';

/** A CSV field: quoted, and never a formula to a spreadsheet. */
export function csvField(value: unknown): string {
  const text = value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
  const tame = /^[=+\-@\t\r]/.test(text) && typeof value !== 'number' ? `'${text}` : text;
  return `"${tame.replaceAll('"', '""')}"`;
}

export function toCsv(rows: Record<string, unknown>[], columns: string[]): string {
  return [columns.join(','), ...rows.map((row) => columns.map((c) => csvField(row[c])).join(','))].join('\r\n');
}

const EVENT_COLUMNS = [
  'reported_at', 'kind', 'level', 'name', 'action', 'mechanism', 'host_name', 'group', 'workload_name', 'workload_domain', 'proc_name', 'proc_path', 'proc_cmd', 'proc_parent_name',
  'file_path', 'client_name', 'client_ip', 'server_name', 'server_ip', 'server_port', 'user', 'user_addr', 'count', 'message', 'id',
];

export function eventsCsv(entries: Entry[]): string {
  return toCsv(entries.map((e) => ({ ...e, action: e.action || e.policy_action })), EVENT_COLUMNS);
}

export function download(name: string, type: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
