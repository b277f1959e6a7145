// Which containers are cut off from the network, and why. Pure.
import type { Workload } from './types';

type Subject = Pick<Workload, 'state'> & { quarantine_reason?: string };

/** Bytes of a reason the controller takes. */
export const MAX_REASON_BYTES = 256;

/** A stopped container stays quarantined, and is cut off again when it starts; its state is `exit` meanwhile. */
export const isQuarantined = (w: Subject) => w.state === 'quarantined' || Boolean(w.quarantine_reason);

/** The reason somebody gave; empty when the controller only notes that a user did it. */
export const givenReason = (w: Subject) => (w.quarantine_reason === 'user-configured' ? '' : (w.quarantine_reason ?? ''));

/** As much of a reason as the controller takes, cut between characters. */
export function fitReason(text: string): string {
  const encoder = new TextEncoder();
  let bytes = 0;
  let out = '';
  for (const char of text.trim()) {
    bytes += encoder.encode(char).length;
    if (bytes > MAX_REASON_BYTES) break;
    out += char;
  }
  return out;
}
