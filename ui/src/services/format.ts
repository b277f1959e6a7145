// Numbers and times as people read them.

const number = new Intl.NumberFormat('en-GB');
const compact = new Intl.NumberFormat('en-GB', { notation: 'compact', maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const full = new Intl.DateTimeFormat('en-GB', { year: 'numeric', month: 'short', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' });

export const count = (value: number | undefined) => number.format(value ?? 0);
export const short = (value: number | undefined) => ((value ?? 0) < 10_000 ? number.format(value ?? 0) : compact.format(value ?? 0));

export function bytes(value: number | undefined): string {
  let n = value ?? 0;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${unit === 0 ? n : n.toFixed(n < 10 ? 1 : 0)} ${units[unit]}`;
}

/** Seconds since the epoch, from a number of seconds or an RFC 3339 text. */
export function seconds(value: number | string | undefined): number {
  if (typeof value === 'number') return value;
  if (!value) return 0;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1000);
}

const thisYear = new Intl.DateTimeFormat('en-GB', { month: 'short', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** The time of a record in a list: the year only when it is not this one. */
export function stamp(value: number | string | undefined): string {
  const at = seconds(value);
  if (at <= 0) return '–';
  const date = new Date(at * 1000);
  return (date.getFullYear() === new Date().getFullYear() ? thisYear : full).format(date);
}

export function dateTime(value: number | string | undefined): string {
  const at = seconds(value);
  return at > 0 ? full.format(new Date(at * 1000)) : '–';
}

export function timeOfDay(value: number | string | undefined): string {
  const at = seconds(value);
  return at > 0 ? clock.format(new Date(at * 1000)) : '–';
}

/** `12 s`, `5 min`, `3 h`, `2 d` since then. */
export function age(value: number | string | undefined, now = Date.now() / 1000): string {
  const at = seconds(value);
  if (at <= 0) return '–';
  const s = Math.max(0, Math.floor(now - at));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}

/** Milliseconds with three digits that count. */
export const milliseconds = (ms: number) => `${ms < 100 ? Number(ms.toPrecision(3)) : count(Math.round(ms))} ms`;

export const percent = (share: number | undefined) => `${((share ?? 0) * 100).toFixed(1)} %`;

const PROTOCOLS: Record<number, string> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp6', 132: 'sctp' };
export const protocol = (value: number | undefined) => (value === undefined ? '' : (PROTOCOLS[value] ?? String(value)));

/** The last part of an image reference, without the registry. */
export const imageName = (image: string) => image.slice(image.lastIndexOf('/') + 1);
